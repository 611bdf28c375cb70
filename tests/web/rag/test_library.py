"""The index of a process follows the rows, whoever changed them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rag import permissions, services
from rag.changes import announce
from rag.embedding import switch_model
from rag.library import Library, _snapshot_path, library, reset_library
from rag.models import CorpusChange, Document, StoredVector
from rag.search import find
from tests.factories import BACKUP_FR, BALANCING, make_pipeline, make_user, queue_document, ready_document

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_data_dir(tmp_path: Path, settings: Any, embedder: Any) -> None:
    """Keep the snapshots of tests apart; the embedder is loaded already."""
    settings.DATA_DIR = tmp_path


def first_title(user: Any, query: str, shelf: Library | None = None) -> str:
    view = (shelf or library()).view()
    passages = find(query, view=view, scope=permissions.scope(user), top_k=3).passages
    return passages[0].title if passages else ""


def test_a_ready_document_is_found_by_the_very_next_question(embedder: Any) -> None:
    user = make_user(is_superuser=True)
    assert first_title(user, "balance a channel") == ""

    ready_document(user, embedder, BALANCING)

    assert first_title(user, "balance a channel") == "Balancing a channel"


def test_a_deleted_document_is_gone_from_the_very_next_question(embedder: Any) -> None:
    user = make_user(is_superuser=True)
    document = ready_document(user, embedder, BALANCING)
    assert first_title(user, "balance a channel") == "Balancing a channel"

    services.delete_document(user=user, document=document)

    assert first_title(user, "balance a channel") == ""


def test_rows_decide_even_while_the_index_lags_behind(embedder: Any) -> None:
    user = make_user(is_superuser=True)
    document = ready_document(user, embedder, BALANCING)
    stale = library().view()

    services.delete_document(user=user, document=document)
    found = find("balance a channel", view=stale, scope=permissions.scope(user), top_k=3)

    assert found.hits
    assert found.passages == ()


def test_words_find_a_first_version_before_its_vectors_exist(embedder: Any) -> None:
    user = make_user(is_superuser=True)
    queue_document(user, BALANCING)
    make_pipeline(embedder).read_next()

    found = find("balance a channel", view=library().view(), scope=permissions.scope(user), top_k=3)

    assert found.incomplete
    assert [passage.title for passage in found.passages] == ["Balancing a channel"]


def test_another_process_sees_what_this_one_changed(embedder: Any) -> None:
    user = make_user(is_superuser=True)
    ready_document(user, embedder, BALANCING)
    other = Library()
    assert first_title(user, "balance a channel", other) == "Balancing a channel"

    ready_document(user, embedder, BACKUP_FR)

    assert first_title(user, "sauvegarde channel.backup", other) == "Sauvegarder les canaux"


def test_a_restart_goes_on_from_the_snapshot(embedder: Any) -> None:
    user = make_user(is_superuser=True)
    ready_document(user, embedder, BALANCING)
    library().view()
    library().save()
    ready_document(user, embedder, BACKUP_FR)

    reset_library()

    assert _snapshot_path().is_file()
    assert first_title(user, "balance a channel") == "Balancing a channel"
    assert first_title(user, "sauvegarde channel.backup") == "Sauvegarder les canaux"


@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_a_damaged_snapshot_is_rebuilt_from_the_rows(embedder: Any, damage: str) -> None:
    user = make_user(is_superuser=True)
    ready_document(user, embedder, BALANCING)
    library().view()
    library().save()
    data = bytearray(_snapshot_path().read_bytes())
    data[20] ^= 0xFF
    _snapshot_path().write_bytes(
        {"cut": bytes(data[: len(data) // 2]), "flip": bytes(data), "empty": b""}[damage]
    )

    reset_library()

    assert first_title(user, "balance a channel") == "Balancing a channel"


def test_a_snapshot_newer_than_the_database_is_not_believed(embedder: Any) -> None:
    user = make_user(is_superuser=True)
    document = ready_document(user, embedder, BALANCING)
    library().view()
    library().save()
    document.versions.all()[0].chunks.all().delete()
    CorpusChange.objects.all().delete()
    reset_library()

    assert library().view().index.counts().chunks == 0


def test_another_model_takes_over_in_one_step(embedder: Any) -> None:
    class Renamed:
        """The shipped embedder under another name: same vectors, another vector space."""

        model_id, dimension, max_tokens = "renamed", embedder.dimension, embedder.max_tokens
        embed_passages, embed_query = embedder.embed_passages, embedder.embed_query
        count_tokens = embedder.count_tokens

    user = make_user(is_superuser=True)
    ready_document(user, embedder, BALANCING)
    before = library().view()
    StoredVector.objects.update(model="renamed")

    switch_model(Renamed())
    announce(None)
    after = library().view()

    assert before.index.model_id == embedder.model_id
    assert after.index.model_id == "renamed"
    assert after.index.counts().chunks_without_vector == 0
    assert after.embedder is None


def test_a_snapshot_of_another_database_is_not_believed(embedder: Any) -> None:
    user = make_user(is_superuser=True)
    ready_document(user, embedder, BACKUP_FR)
    library().view()
    library().save()
    reset_library()

    Document.objects.all().delete()
    CorpusChange.objects.all().delete()
    ready_document(user, embedder, BALANCING)

    assert first_title(user, "balance a channel") == "Balancing a channel"


def test_an_embedder_that_failed_at_the_start_is_tried_again(
    embedder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = Library()
    monkeypatch.setattr("rag.library.active_embedder", lambda: None)
    shelf._warm_up()
    assert shelf._embedder is None

    monkeypatch.setattr("rag.library.active_embedder", lambda: embedder)
    shelf._try_embedder_again()

    assert shelf._embedder is embedder
