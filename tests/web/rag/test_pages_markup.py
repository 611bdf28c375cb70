"""What holds for every page: no inline code, one title, a label on every field, both languages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from bs4 import BeautifulSoup, Tag
from django.test import Client
from django.urls import reverse

from rag.models import DocumentStatus
from tests.factories import make_collection, make_user
from tests.factories_pages import asked, citation, passage, stored_document

pytestmark = pytest.mark.django_db

TEXT = "# Page\n\nPay yourself around a circle. It costs fees.\n\n- one\n\n| a | b |\n| - | - |\n| c | d |\n"
QUOTE = "Pay yourself around a circle."
PAGES = (
    "ask",
    "conversation",
    "history",
    "history_delete",
    "documents",
    "document",
    "document_upload",
    "document_text",
    "document_url",
    "document_replace",
    "document_delete",
    "account",
    "password_change",
    "missing",
)


@pytest.fixture
def addresses(client: Client) -> dict[str, str]:
    """Return the address of every page, all of them with something to show."""
    user = make_user(is_superuser=True, is_staff=True)
    client.force_login(user)
    make_collection("Second shelf", everyone=True)
    document = stored_document(TEXT, source_key="guide/en/1.md", chunk_count=2, language="en")
    stored_document(status=DocumentStatus.FAILED, error_code="missing_file")
    stored_document(status=DocumentStatus.PROCESSING)
    row, found = citation(document, QUOTE), passage(document, f"{QUOTE} It costs fees.")
    question = asked(user, answer=f"{QUOTE} [1]", result={"citations": [row], "passages": [found]})
    asked(user, conversation=question.conversation, answerable=False, result={"nearest": [found]})
    keys = {
        "conversation": question.conversation_id,
        "document": document.pk,
        "document_replace": document.pk,
        "document_delete": document.pk,
    }
    names = {
        name: reverse(name, args=[keys[name]] if name in keys else []) for name in PAGES if name != "missing"
    }
    names["document"] += f"?start={row['start']}&end={row['end']}&from={question.pk}"
    return {**names, "missing": "/no-such-page"}


def tree(client: Client, address: str, language: str = "en") -> BeautifulSoup:
    response = client.get(address, headers={"Accept-Language": language})
    return BeautifulSoup(response.content, "html.parser")


def fields(page: BeautifulSoup) -> Iterator[Tag]:
    for field in page.find_all(["input", "select", "textarea"]):
        if field.get("type") != "hidden":
            yield field


def name_of(page: BeautifulSoup, field: Tag) -> str:
    if spoken := field.get("aria-label"):
        return str(spoken)
    label = page.find("label", attrs={"for": field.get("id") or "-"}) or field.find_parent("label")
    return label.get_text(strip=True) if label else ""


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_inline_that_the_policy_would_block(
    client: Client, addresses: dict[str, str], name: str
) -> None:
    page = tree(client, addresses[name])

    assert [script for script in page.find_all("script") if not script.get("src")] == []
    assert page.find_all("style") == []
    assert [tag.name for tag in page.find_all(style=True)] == []
    handlers = [key for tag in page.find_all(True) for key in tag.attrs if key.startswith("on")]
    assert handlers == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_used_without_seeing_it(client: Client, addresses: dict[str, str], name: str) -> None:
    page = tree(client, addresses[name])

    assert len(page.find_all("h1")) == 1
    assert page.title is not None
    assert page.title.get_text().endswith(" · MCP")
    repeated = [
        key for key, count in Counter(tag["id"] for tag in page.find_all(id=True)).items() if count > 1
    ]
    assert repeated == []
    assert [str(field) for field in fields(page) if not name_of(page, field)] == []
    unnamed = [
        str(tag)
        for tag in page.find_all(["a", "button", "summary"])
        if not (tag.get_text(strip=True) or tag.get("aria-label") or tag.find_parent("template"))
    ]
    assert unnamed == []
    assert page.find("a", class_="skip") is not None


@pytest.mark.parametrize("name", PAGES)
def test_a_page_speaks_the_language_that_was_asked_for(
    client: Client, addresses: dict[str, str], name: str
) -> None:
    english, french = tree(client, addresses[name], "en"), tree(client, addresses[name], "fr")

    for page, language in ((english, "en"), (french, "fr")):
        assert page.html is not None
        assert page.html["lang"] == language
    assert english.nav is not None
    assert french.nav is not None
    assert "History" in english.nav.get_text()
    assert "Historique" in french.nav.get_text()


def test_the_display_choice_is_on_the_page_before_any_script(
    client: Client, addresses: dict[str, str]
) -> None:
    client.cookies["theme"] = "dark"
    chosen = tree(client, "/")
    client.cookies["theme"] = 'x" onload="alert(1)'
    forged = tree(client, "/")

    assert chosen.html is not None
    assert chosen.html["data-theme"] == "dark"
    assert forged.html is not None
    assert set(forged.html.attrs) == {"lang"}


def test_every_form_that_changes_something_carries_the_token(
    client: Client, addresses: dict[str, str]
) -> None:
    for address in addresses.values():
        for form in tree(client, address).find_all("form", method="post"):
            assert form.find("input", attrs={"name": "csrfmiddlewaretoken"}) is not None, address


def test_a_missing_page_is_a_page_with_a_way_out(client: Client, addresses: dict[str, str]) -> None:
    response = client.get("/no-such-page")

    page = BeautifulSoup(response.content, "html.parser")
    assert response.status_code == 404
    assert page.h1 is not None
    assert page.h1.get_text() == "Not found"
    assert page.main is not None
    assert page.main.find("a", href="/") is not None


def test_the_login_page_needs_no_account_to_switch_its_language(client: Client) -> None:
    page = tree(client, reverse("login"), "fr")

    languages = [button["value"] for button in page.find_all("button", attrs={"name": "language"})]
    assert languages == ["fr", "en"]
    assert page.nav is None
