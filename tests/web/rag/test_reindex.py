"""Another embedding model is filled while the old one answers, then takes over at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from rag import embedding, permissions
from rag.library import library
from rag.models import Document, DocumentStatus, StoredVector
from rag.reindex import embed_hashes, move_to, unembedded
from rag.search import find
from tests.factories import BACKUP_FR, BALANCING, make_pipeline, make_user, queue_document, ready_document

pytestmark = pytest.mark.django_db


class Mirrored:
    """The shipped embedder with its axes reversed: a vector space of its own with the same neighbours."""

    model_id = "mirrored"

    def __init__(self, embedder: Any) -> None:
        self._embedder = embedder
        self.dimension, self.max_tokens = embedder.dimension, embedder.max_tokens
        self.count_tokens = embedder.count_tokens

    def embed_passages(self, texts: Sequence[str]) -> Any:
        return self._embedder.embed_passages(texts)[:, ::-1]

    def embed_query(self, text: str) -> Any:
        return self._embedder.embed_query(text)[::-1]


def test_the_old_model_answers_until_the_switch(embedder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    user, other = make_user(is_superuser=True), Mirrored(embedder)
    ready_document(user, embedder, BALANCING)
    ready_document(user, embedder, BACKUP_FR)
    scope = permissions.scope(user)

    embed_hashes(other, unembedded(other)[:1])
    assert len(unembedded(other)) == 1
    during = library().view()
    monkeypatch.setattr(embedding, "configured_embedder", lambda: other)
    move_to(other)
    after = library().view()

    assert (during.index.model_id, after.index.model_id) == (embedder.model_id, "mirrored")
    assert after.embedder is other
    found = find("Quel fichier sauvegarder ?", view=after, scope=scope, top_k=1)
    assert found.passages[0].title == "Sauvegarder les canaux"
    assert not found.incomplete
    assert set(StoredVector.objects.values_list("model", flat=True)) == {"mirrored"}


def test_vectors_that_were_missing_reach_the_indexes(embedder: Any) -> None:
    document = queue_document(make_user(is_superuser=True), BACKUP_FR)
    make_pipeline(embedder).read_next()
    Document.objects.filter(pk=document.pk).update(status=DocumentStatus.FAILED, pending_version=None)
    assert library().view().index.counts().chunks_without_vector > 0

    move_to(embedder)

    assert library().view().index.counts().chunks_without_vector == 0


def test_a_switch_that_was_cut_off_before_it_was_told_is_completed(
    embedder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Mirrored(embedder)
    ready_document(make_user(is_superuser=True), embedder, BACKUP_FR)
    library().view()
    monkeypatch.setattr(embedding, "configured_embedder", lambda: other)
    with monkeypatch.context() as cut, pytest.raises(KeyboardInterrupt):
        cut.setattr("rag.reindex.announce", lambda document: (_ for _ in ()).throw(KeyboardInterrupt))
        move_to(other)

    move_to(other)

    assert library().view().index.model_id == "mirrored"
    assert set(StoredVector.objects.values_list("model", flat=True)) == {"mirrored"}
