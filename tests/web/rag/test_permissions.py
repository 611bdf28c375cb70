"""A user neither finds nor counts what they may not read."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db.models import QuerySet
from django.test import Client

from rag import exchanges, permissions, selectors, services
from rag.ask import AskRequest, answer
from rag.errors import Forbidden, NotFound
from rag.library import library
from rag.models import Collection
from rag.search import find
from rag.workflow import RAGWorkflow
from tests.factories import (
    BACKUP_FR,
    BALANCING,
    make_collection,
    make_pipeline,
    make_user,
    queue_document,
    ready_document,
)

pytestmark = pytest.mark.django_db

SECRET = "# Secret node\n\nThe vault passphrase rotates on the first Monday of each month."


@pytest.fixture
def shelves(embedder: Any) -> dict[str, Any]:
    """Return a public document, one for a group, and a user inside and outside of that group."""
    admin = make_user("admin", is_superuser=True, is_staff=True)
    group = Group.objects.create(name="operators")
    inside, outside = make_user("inside"), make_user("outside")
    inside.groups.add(group)
    public = make_collection("public", everyone=True)
    closed = make_collection("closed", groups=(group,))
    return {
        "admin": admin,
        "inside": inside,
        "outside": outside,
        "public": ready_document(admin, embedder, BALANCING, collection=public),
        "closed": ready_document(admin, embedder, SECRET, collection=closed),
    }


def titles(user: Any, query: str) -> list[str]:
    found = find(query, view=library().view(), scope=permissions.scope(user), top_k=5)
    return [passage.title for passage in found.passages]


def test_search_finds_only_what_the_user_may_read(shelves: dict[str, Any]) -> None:
    query = "vault passphrase rotates Monday"

    assert "Secret node" in titles(shelves["inside"], query)
    assert "Secret node" in titles(shelves["admin"], query)
    assert "Secret node" not in titles(shelves["outside"], query)


def test_scores_of_readable_passages_do_not_depend_on_unreadable_ones(
    shelves: dict[str, Any], embedder: Any
) -> None:
    scope = permissions.scope(shelves["outside"])
    before = find("balance a channel", view=library().view(), scope=scope, top_k=5)

    for number in range(3):
        text = f"# Hidden {number}\n\nBalance a channel with the balance of channel {number}."
        ready_document(shelves["admin"], embedder, text, collection=shelves["closed"].collection)
    after = find("balance a channel", view=library().view(), scope=scope, top_k=5)

    assert [(p.hit.chunk, p.hit.score) for p in after.passages] == [
        (p.hit.chunk, p.hit.score) for p in before.passages
    ]


def test_lists_counts_and_pages_leave_out_what_is_unreadable(shelves: dict[str, Any]) -> None:
    outside = shelves["outside"]

    assert [d.title for d in selectors.document_list(outside)] == ["Balancing a channel"]
    assert selectors.library_status(outside).documents == 1
    with pytest.raises(NotFound):
        selectors.document_get(outside, shelves["closed"].pk)
    with pytest.raises(NotFound):
        permissions.collection_named(outside, "closed")


def test_losing_the_group_takes_effect_at_once(shelves: dict[str, Any]) -> None:
    inside = shelves["inside"]
    assert "Secret node" in titles(inside, "vault passphrase")

    inside.groups.clear()

    assert "Secret node" not in titles(inside, "vault passphrase")


def test_losing_the_group_hides_what_earlier_answers_quoted(shelves: dict[str, Any]) -> None:
    question = answer(AskRequest(shelves["inside"], "When does the vault passphrase rotate?"))
    quotes = [citation["quote"] for citation in question.result["citations"]]
    [before] = exchanges.exchanges(shelves["inside"], [question])
    assert quotes and quotes[0] in before.plain

    shelves["inside"].groups.clear()
    [after] = exchanges.exchanges(shelves["inside"], [question])

    assert not any(quote in after.plain or quote in str(after.blocks) for quote in quotes)


def test_reading_a_collection_does_not_mean_writing_to_it(shelves: dict[str, Any]) -> None:
    inside, document = shelves["inside"], shelves["closed"]

    with pytest.raises(Forbidden):
        services.delete_document(user=inside, document=document)
    with pytest.raises(Forbidden):
        services.submit_file(
            user=inside, file=io.BytesIO(b"# x"), filename="x.md", collection=document.collection
        )


def test_a_user_without_rights_gets_a_private_shelf(shelves: dict[str, Any], embedder: Any) -> None:
    outside, inside = shelves["outside"], shelves["inside"]

    document = ready_document(outside, embedder, BACKUP_FR)

    assert document.collection.owner == outside
    assert "Sauvegarder les canaux" in titles(outside, "channel.backup sauvegarde")
    assert "Sauvegarder les canaux" not in titles(inside, "channel.backup sauvegarde")
    services.delete_document(user=outside, document=document)
    assert "Sauvegarder les canaux" not in titles(outside, "channel.backup sauvegarde")


def test_two_first_documents_at_once_share_one_private_shelf(monkeypatch: pytest.MonkeyPatch) -> None:
    user = make_user()
    first = permissions.default_collection(user)

    monkeypatch.setattr(QuerySet, "first", lambda self: None)  # the other one's shelf was not there yet

    assert permissions.default_collection(user) == first


def test_who_may_only_add_does_not_replace_what_others_wrote() -> None:
    source = "https://example.org/a"
    services.submit_text(user=make_user(is_superuser=True), title="A", text="first", source_url=source)
    user = make_user()
    user.user_permissions.set(Permission.objects.filter(codename="add_document"))

    with pytest.raises(Forbidden):
        services.submit_text(
            user=type(user).objects.get(pk=user.pk), title="A", text="other", source_url=source
        )


@pytest.mark.parametrize("name", ["Secret", "Unknown"])
def test_the_python_interface_asks_only_what_its_user_may_read(name: str) -> None:
    make_user("bob")
    make_collection("Secret")

    with pytest.raises(NotFound):
        RAGWorkflow(username="bob", collection=name)._query("What is it?", None, follow_up=False)

    assert Collection.objects.count() == 1


def test_staff_who_may_only_look_cannot_have_documents_read_again(client: Client) -> None:
    document, staff = queue_document(make_user(is_superuser=True)), make_user(is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename="view_document"))
    client.force_login(staff)

    action = {"action": "read_again", "_selected_action": [str(document.pk)]}
    response = client.post("/admin/rag/document/", action)

    assert response.status_code in (200, 302)
    document.refresh_from_db()
    assert document.attempts == 0


def test_whether_others_documents_wait_for_their_vectors_is_not_told(
    shelves: dict[str, Any], embedder: Any
) -> None:
    queue_document(shelves["inside"], BACKUP_FR)  # on a private shelf
    make_pipeline(embedder).read_next()

    def incomplete(user: Any) -> bool:
        return find("backup", view=library().view(), scope=permissions.scope(user), top_k=3).incomplete

    assert (incomplete(shelves["inside"]), incomplete(shelves["outside"])) == (True, False)
