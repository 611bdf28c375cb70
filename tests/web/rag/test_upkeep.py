"""What is no longer needed goes, what is still needed stays, whatever happens at the same time."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rag.ingest import repair
from rag.library import library
from rag.models import Chunk, DocumentStatus, StoredVector
from rag.vectors_store import missing
from tests.factories import (
    BALANCING,
    make_pipeline,
    make_user,
    queue_document,
    ready_document,
)

pytestmark = pytest.mark.django_db


def test_a_deleted_user_s_documents_leave_the_indexes(embedder: Any) -> None:
    user = make_user()
    ready_document(user, embedder)
    assert library().view().index.counts().documents == 1

    user.delete()

    assert library().view().index.counts().documents == 0


def test_an_upload_that_was_broken_off_is_removed(settings: Any) -> None:
    root = Path(settings.MEDIA_ROOT)
    root.mkdir(parents=True)
    old, fresh = root / "incoming-old", root / "incoming-fresh"
    old.write_bytes(b"x")
    fresh.write_bytes(b"x")
    os.utime(old, (0, 0))

    repair.sweep()

    assert (old.exists(), fresh.exists()) == (False, True)


def test_a_document_that_comes_while_vectors_are_swept_keeps_its_own(
    embedder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = make_user(is_superuser=True)
    ready_document(user, embedder, BALANCING).versions.all()[0].chunks.all().delete()
    drop = repair._drop_vectors

    def late(unused: Any) -> None:
        ready_document(user, embedder, BALANCING + "\n")
        drop(unused)

    monkeypatch.setattr(repair, "_drop_vectors", late)
    repair.sweep()

    hashes = list(Chunk.objects.values_list("text_hash", flat=True))
    assert hashes
    assert not missing(embedder.model_id, hashes)


def test_a_document_whose_vectors_were_swept_too_late_to_notice_is_read_again(
    embedder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = ready_document(make_user(is_superuser=True), embedder, BALANCING)
    vectors: dict[Any, str] = dict(StoredVector.objects.values_list("pk", "text_hash"))
    looked: list[Iterable[str]] = []
    real = Chunk.objects.filter

    def blind_at_first(**wanted: Any) -> Any:
        looked.append(wanted["text_hash__in"])
        return real(**wanted) if len(looked) > 1 else Chunk.objects.none()

    monkeypatch.setattr(Chunk.objects, "filter", blind_at_first)
    repair._drop_vectors(vectors)
    document.refresh_from_db()

    assert document.status == DocumentStatus.QUEUED


def test_a_batch_of_vectors_costs_few_queries_however_long_the_document(embedder: Any) -> None:
    parts = [f"# Part {n}\n\n" + f"Channel {n} carries {n * 7} sat to its peer. " * 20 for n in range(40)]
    queue_document(make_user(is_superuser=True), "\n\n".join(parts))
    pipeline = make_pipeline(embedder)
    pipeline.read_next()
    assert Chunk.objects.count() >= 40

    with CaptureQueriesContext(connection) as queries:
        pipeline.embed_next()

    assert len(queries) < 20
