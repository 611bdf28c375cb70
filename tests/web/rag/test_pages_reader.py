"""The reader: the quoted words are marked, hostile text stays text, and a place is found again."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from rag.models import DocumentStatus
from tests.factories import make_collection, make_user
from tests.factories_pages import add_version, asked, citation, stored_document

pytestmark = pytest.mark.django_db

GUIDE = """# Channels

## Balancing

Pay yourself around a circle. It costs fees.

- measure first
- then pay

| state | LND |
| --- | --- |
| open | active |

```shell
lncli listchannels
```
"""


@pytest.fixture
def user(client: Client) -> Any:
    """Return a reader who is logged in."""
    reader = make_user()
    client.force_login(reader)
    return reader


def address(document: Any, **query: Any) -> str:
    parameters = "&".join(f"{name}={value}" for name, value in query.items())
    return reverse("document", args=[document.pk]) + f"?{parameters}"


def marks(html: str) -> list[str]:
    return [unescape(text) for text in re.findall(r"<mark[^>]*>(.*?)</mark>", html, re.S)]


def test_structure_becomes_headings_lists_tables_and_code(client: Client, user: Any) -> None:
    html = client.get(address(stored_document(GUIDE, title="Guide"))).content.decode()

    assert re.search(r'<h3 id="at-\d+">Balancing</h3>', html)
    assert "measure first</li>" in html
    assert '<th scope="col">state</th>' in html
    assert "<td>active</td>" in html
    assert re.search(r"<code>lncli listchannels</code>", html)


def test_the_quoted_words_and_no_others_are_marked(client: Client, user: Any) -> None:
    document = stored_document(GUIDE)
    row = citation(document, "Pay yourself around a circle.")

    html = client.get(address(document, start=row["start"], end=row["end"])).content.decode()

    assert marks(html) == ["Pay yourself around a circle."]
    assert html.count('id="quote"') == 1


@pytest.mark.parametrize(
    "query", [{"start": 5}, {"start": 9, "end": 9}, {"start": -1, "end": 4}, {"start": "x", "end": 9}]
)
def test_a_malformed_place_marks_nothing(client: Client, user: Any, query: dict[str, Any]) -> None:
    response = client.get(address(stored_document(GUIDE), **query))

    assert response.status_code == 200
    assert marks(response.content.decode()) == []


def test_a_place_beyond_the_text_says_that_the_document_changed(client: Client, user: Any) -> None:
    response = client.get(address(stored_document(GUIDE), start=99999, end=100000))

    assert "it was replaced since" in response.content.decode()


def test_a_quotation_is_found_again_in_a_newer_version(client: Client, user: Any) -> None:
    document = stored_document(GUIDE)
    row = citation(document, "It costs fees.")
    question = asked(user, result={"citations": [row]})
    add_version(document, "# A new beginning\n\nMuch was added here.\n\n" + GUIDE)

    html = client.get(
        address(document, start=row["start"], end=row["end"], **{"from": question.pk})
    ).content.decode()

    assert marks(html) == ["It costs fees."]


def test_a_quotation_that_is_gone_is_not_marked_elsewhere(client: Client, user: Any) -> None:
    document = stored_document(GUIDE)
    row = citation(document, "It costs fees.")
    question = asked(user, result={"citations": [row]})
    add_version(document, "# Other\n\n" + "Something else entirely. " * 20)

    html = client.get(
        address(document, start=row["start"], end=row["end"], **{"from": question.pk})
    ).content.decode()

    assert marks(html) == []
    assert "it was replaced since" in html


def test_hostile_text_is_shown_and_never_run(client: Client, user: Any) -> None:
    hostile = 'Look: `<script>alert(1)</script>` & "quotes"\n\n    <img src=x onerror=alert(2)>\n'
    document = stored_document(hostile, title="<b>bold</b>", filename="<i>.md")

    html = client.get(address(document, start=0, end=20)).content.decode()

    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert "<b>bold" not in html
    assert "&lt;script&gt;" in html


def test_only_web_addresses_are_linked(client: Client, user: Any) -> None:
    good = stored_document(GUIDE, source_url="https://example.org/page")
    bad = stored_document(GUIDE, source_url="javascript:alert(1)")

    assert 'href="https://example.org/page"' in client.get(address(good)).content.decode()
    assert "javascript:" not in client.get(address(bad)).content.decode()


def test_a_document_of_others_does_not_exist(client: Client, user: Any) -> None:
    hidden = stored_document(GUIDE, collection=make_collection())

    assert client.get(address(hidden)).status_code == 404


def test_a_document_without_text_says_why(client: Client, user: Any) -> None:
    waiting = stored_document(status=DocumentStatus.QUEUED)
    failed = stored_document(status=DocumentStatus.FAILED, error_code="missing_file")

    assert "still being read" in client.get(address(waiting)).content.decode()
    assert "Upload it again" in client.get(address(failed)).content.decode()


def test_a_long_document_is_shown_in_parts_and_opens_at_the_quotation(client: Client, user: Any) -> None:
    paragraphs = [f"Paragraph number {number} of a long book. " + "word " * 60 for number in range(400)]
    document = stored_document("# Book\n\n" + "\n\n".join(paragraphs))
    row = citation(document, "Paragraph number 399 of a long book.")

    first = client.get(address(document)).content.decode()
    last = client.get(address(document, start=row["start"], end=row["end"])).content.decode()

    assert "Part 1 of" in first
    assert "number 399" not in first
    assert marks(last) == ["Paragraph number 399 of a long book."]
    assert "number 0 of" not in last


def test_the_way_back_leads_to_the_answer(client: Client, user: Any) -> None:
    question = asked(user)

    html = client.get(address(stored_document(GUIDE), **{"from": question.pk})).content.decode()

    assert reverse("question", args=[question.pk]) in html
    response = client.get(reverse("question", args=[question.pk]))
    assert (
        response["Location"] == reverse("conversation", args=[question.conversation_id]) + f"#q-{question.pk}"
    )
