"""The documents page: what is there, how far it is, why it failed, and how to add, replace and delete."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from rag.models import Collection, Document, DocumentStatus
from tests.factories import make_collection, make_user
from tests.factories_pages import library_shelf, stored_document

pytestmark = pytest.mark.django_db

LIST = "/documents/"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def user(client: Client) -> Any:
    """Return an administrator who is logged in."""
    admin = make_user(is_superuser=True)
    client.force_login(admin)
    return admin


@pytest.fixture
def reader(client: Client) -> Any:
    """Return a reader without any right to add, logged in."""
    library_shelf()
    plain = make_user()
    client.force_login(plain)
    return plain


def text_file(
    name: str = "notes.md", content: str = "# Notes\n\nKeep the node online."
) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content.encode(), content_type="text/markdown")


def html_of(client: Client, address: str = LIST, **query: Any) -> str:
    return unescape(client.get(address, query).content.decode())


def test_an_empty_library_says_what_to_do(client: Client, user: Any) -> None:
    html = html_of(client)

    assert "No documents yet" in html
    assert "Choose files" in html


def test_every_state_is_named_in_words(client: Client, user: Any) -> None:
    stored_document("Ready text.", title="Ready one", chunk_count=3, language="fr")
    stored_document(title="Waiting one", status=DocumentStatus.QUEUED)
    stored_document(title="Busy one", status=DocumentStatus.PROCESSING, progress=40)
    stored_document(title="Broken one", status=DocumentStatus.FAILED, error_code="missing_file")

    html = html_of(client)

    for words in (
        "3 passages",
        "queued",
        "processing",
        "failed",
        "Upload it again",
        "4 documents",
        "2 being read",
    ):
        assert words in html
    assert '<progress max="100" value="40"' in html


def test_the_page_asks_again_only_while_something_is_in_work(client: Client, user: Any) -> None:
    stored_document("Done.")
    assert "load delay" not in html_of(client)

    waiting = stored_document(status=DocumentStatus.QUEUED)
    assert "load delay" in html_of(client)

    fragment = html_of(client, reverse("documents_progress"), ids=[str(waiting.pk), "no-uuid"])
    assert "load delay" in fragment
    assert f'id="doc-{waiting.pk}" hx-swap-oob="true"' in fragment
    Document.objects.update(status=DocumentStatus.READY)
    assert "load delay" not in html_of(client, reverse("documents_progress"), ids=str(waiting.pk))


def test_filters_narrow_the_list(client: Client, user: Any) -> None:
    shelf = make_collection("Node manuals")
    stored_document("Text.", title="Alpha guide", collection=shelf)
    stored_document("Text.", title="Beta notes")
    stored_document(
        title="Gamma", status=DocumentStatus.FAILED, error_code="internal", error_params={"error": "E"}
    )

    assert "Alpha guide" in html_of(client, search="alpha")
    assert "Beta notes" not in html_of(client, search="alpha")
    assert "Beta notes" not in html_of(client, status="failed")
    assert "Beta notes" not in html_of(client, collection=str(shelf.pk))
    assert "Beta notes" in html_of(client, status="nonsense")
    assert "No document matches" in html_of(client, search="zeta")
    assert client.get(LIST, {"collection": "unknown"}).status_code == 404


def test_a_long_list_has_pages_that_keep_the_filter(client: Client, user: Any) -> None:
    for number in range(53):
        stored_document(title=f"Page {number:02}")

    html = html_of(client, search="Page")

    assert "Page 1 of 2" in html
    assert "?search=Page&page=2" in html
    assert html_of(client, search="Page", page=2).count('class="row-title"') == 3


@pytest.mark.parametrize("count", [2, 40])
def test_a_list_costs_the_same_queries_whatever_its_length(
    client: Client, user: Any, count: int, django_assert_max_num_queries: Any
) -> None:
    for _number in range(count):
        stored_document("Text.")

    with django_assert_max_num_queries(12):
        client.get(LIST)


def test_several_files_are_taken_in_without_a_script(client: Client, user: Any) -> None:
    files = [text_file("a.md", "# A\n\none"), text_file("b.md", "# B\n\ntwo")]

    response = client.post(reverse("document_upload"), {"files": files}, follow=True)

    assert {document.filename for document in Document.objects.all()} == {"a.md", "b.md"}
    assert "2 documents are being read." in response.content.decode()


def test_one_bad_file_does_not_stop_the_others(client: Client, user: Any) -> None:
    files = [text_file("good.md"), text_file("empty.md", "")]

    response = client.post(reverse("document_upload"), {"files": files})

    assert response.status_code == 400
    assert "empty.md: The file is empty." in response.content.decode()
    assert [document.filename for document in Document.objects.all()] == ["good.md"]


def test_no_file_is_answered_with_what_is_missing(client: Client, user: Any) -> None:
    response = client.post(reverse("document_upload"))

    assert response.status_code == 400
    assert "Choose at least one file." in response.content.decode()


def test_a_script_gets_the_row_or_the_reason(client: Client, user: Any) -> None:
    address = reverse("document_upload")

    created = client.post(address, {"files": text_file()}, headers=HTMX)
    known = client.post(address, {"files": text_file("same.md")}, headers=HTMX)
    refused = client.post(address, {"files": text_file("empty.md", "")}, headers=HTMX)

    document = Document.objects.get()
    assert created.status_code == 201
    assert created.content.decode().startswith(f'<li id="doc-{document.pk}"')
    assert known.status_code == 200
    assert (refused.status_code, refused["Content-Type"]) == (400, "text/plain; charset=utf-8")
    assert refused.content.decode() == "The file is empty."


def test_a_file_above_the_limit_is_refused_with_the_limit(client: Client, user: Any, settings: Any) -> None:
    settings.RAG_MAX_FILE_MB = 1

    response = client.post(
        reverse("document_upload"), {"files": text_file("big.txt", "x" * (2**20 + 1))}, headers=HTMX
    )

    assert response.status_code >= 400
    assert "1 MB" in response.content.decode()
    assert not Document.objects.exists()


def test_pasted_text_becomes_a_document(client: Client, user: Any) -> None:
    values = {"title": "My notes", "text": "Keep a spare disk.", "source_url": ""}

    response = client.post(reverse("document_text"), values)

    assert response["Location"] == LIST
    assert Document.objects.get().title == "My notes"


def test_errors_of_the_text_form_stand_at_their_fields(client: Client, user: Any) -> None:
    response = client.post(reverse("document_text"), {"title": "", "text": "  ", "source_url": "no address"})

    html = response.content.decode()
    assert response.status_code == 400
    for field in ("title", "text", "source_url"):
        assert f'id="id_{field}_error"' in html
    assert 'aria-invalid="true"' in html


def test_an_address_inside_the_network_is_refused_at_its_field(client: Client, user: Any) -> None:
    response = client.post(reverse("document_url"), {"url": "http://127.0.0.1:9/secret"})

    assert response.status_code == 400
    assert 'id="id_url_error"' in response.content.decode()
    assert not Document.objects.exists()


def test_a_failed_document_can_be_read_again(client: Client, user: Any) -> None:
    document = stored_document(status=DocumentStatus.FAILED, error_code="missing_file")

    client.post(reverse("document_retry", args=[document.pk]))

    document.refresh_from_db()
    assert document.status == DocumentStatus.QUEUED


def test_a_new_version_is_queued_while_the_old_one_answers(client: Client, user: Any) -> None:
    document = stored_document("Old text.")
    old = document.active_version_id

    response = client.post(
        reverse("document_replace", args=[document.pk]),
        {"file": text_file("new.md", "New text.")},
        follow=True,
    )

    document.refresh_from_db()
    assert (document.status, document.active_version_id) == (DocumentStatus.QUEUED, old)
    assert "The old one answers until then." in response.content.decode()


def test_the_content_of_another_document_is_refused_as_a_version(client: Client, user: Any) -> None:
    client.post(reverse("document_upload"), {"files": text_file()})
    other = stored_document("Other.", collection=Document.objects.get().collection)

    response = client.post(reverse("document_replace", args=[other.pk]), {"file": text_file("copy.md")})

    assert response.status_code == 400
    assert "holds the same content" in response.content.decode()


def test_deleting_asks_first_as_a_page_or_in_a_dialogue(client: Client, user: Any) -> None:
    document = stored_document("Text.", title="Old page")
    address = reverse("document_delete", args=[document.pk])

    page, fragment = html_of(client, address), client.get(address, headers=HTMX).content.decode()

    assert "“Old page” is removed for good" in page
    assert "<html" in page
    assert "<html" not in fragment
    assert Document.objects.filter(deleted_at__isnull=True).count() == 1

    response = client.post(address, follow=True)
    assert "“Old page” was deleted." in response.content.decode()
    assert "Old page</a>" not in response.content.decode()


def test_a_reader_sees_no_way_to_change_documents_of_others(client: Client, reader: Any) -> None:
    document = stored_document("Text.", title="Shared page")

    html = html_of(client)

    assert "Shared page" in html
    assert reverse("document_delete", args=[document.pk]) not in html
    for name in ("document_delete", "document_replace", "document_retry"):
        assert client.post(reverse(name, args=[document.pk]), {"file": text_file()}).status_code == 403
    assert client.get(reverse("document_delete", args=[document.pk])).status_code == 403


def test_a_collection_that_one_may_not_write_is_refused(client: Client, reader: Any) -> None:
    shelf = Collection.objects.get()

    response = client.post(
        reverse("document_upload"), {"files": text_file(), "collection": str(shelf.pk)}, headers=HTMX
    )

    assert response.status_code == 403
    assert not Document.objects.exists()


def test_what_one_may_not_read_is_not_in_the_list(client: Client, reader: Any) -> None:
    hidden = stored_document("Secret.", title="Secret page", collection=make_collection())

    assert "Secret page" not in html_of(client)
    assert "Secret page" not in html_of(client, reverse("documents_progress"), ids=str(hidden.pk))
    assert client.post(reverse("document_delete", args=[hidden.pk])).status_code == 404
