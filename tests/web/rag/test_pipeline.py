"""Documents end ready or failed, once and whole, wherever a worker is cut off."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from rag import services, storage
from rag.changes import current_sequence
from rag.errors import RagError
from rag.ingest import queue
from rag.ingest.repair import repair, sweep
from rag.models import Chunk, CorpusChange, Document, DocumentStatus, DocumentVersion, StoredVector
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


class Killed(BaseException):
    """Stands for ``kill -9``: nothing of the pipeline's own error handling runs."""


def chunk_texts(document: Document) -> list[str]:
    return list(Chunk.objects.filter(document=document).order_by("ordinal").values_list("text", flat=True))


def test_a_queued_document_becomes_ready_with_exact_spans(embedder: Any) -> None:
    document = ready_document(make_user(is_superuser=True), embedder, BALANCING)

    version = document.active_version
    assert version is not None
    assert document.status == DocumentStatus.READY
    assert document.title == "Balancing a channel"
    assert document.language == "en"
    assert document.chunk_count == Chunk.objects.filter(version=version).count() > 0
    for chunk in Chunk.objects.filter(version=version):
        assert version.text[chunk.start : chunk.end] == chunk.text
        assert StoredVector.objects.filter(model=embedder.model_id, text_hash=chunk.text_hash).exists()


def test_the_same_content_is_one_document() -> None:
    user = make_user(is_superuser=True)

    first = services.submit_file(user=user, file=io.BytesIO(b"# One\n\ntext"), filename="a.md")
    again = services.submit_file(user=user, file=io.BytesIO(b"# One\n\ntext"), filename="b.md")

    assert (first.created, again.created) == (True, False)
    assert first.document.pk == again.document.pk


def test_a_bad_file_fails_with_its_reason_and_harms_no_other(embedder: Any) -> None:
    user = make_user(is_superuser=True)
    bad = queue_document(user, "\x00\x01\x02\x03" * 50)
    good = queue_document(user, BALANCING)
    pipeline = make_pipeline(embedder)

    while pipeline.read_next() or pipeline.embed_next():
        continue

    bad.refresh_from_db()
    good.refresh_from_db()
    assert (bad.status, bad.error_code) == (DocumentStatus.FAILED, "not_text")
    assert "binary" in bad.error_message
    assert good.status == DocumentStatus.READY


def test_two_workers_never_claim_the_same_document() -> None:
    queue_document(make_user(is_superuser=True))

    claims = [queue.claim_queued("a:1"), queue.claim_queued("b:1")]

    assert [claim is not None for claim in claims] == [True, False]


@pytest.mark.parametrize("cut", ["parse", "write", "announce", "embed", "activate"])
def test_a_worker_killed_anywhere_leaves_work_that_the_next_one_completes(
    embedder: Any, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    document = queue_document(make_user(is_superuser=True))
    cut_off_at(cut, monkeypatch)
    killed = make_pipeline(embedder, worker="nohost:999999999:x")
    with pytest.raises(Killed):
        while killed.read_next() or killed.embed_next():
            continue
    monkeypatch.undo()

    queue.release_dead("nohost")
    Document.objects.update(claimed_by="", claimed_until=None)
    Document.objects.filter(status="processing", pending_version=None).update(status="queued")
    repair()
    pipeline = make_pipeline(embedder)
    while pipeline.read_next() or pipeline.embed_next():
        continue

    document.refresh_from_db()
    assert document.status == DocumentStatus.READY
    assert DocumentVersion.objects.filter(document=document).count() == 1
    assert document.announced_version == document.active_version_id
    assert Chunk.objects.count() == document.chunk_count
    assert len(set(chunk_texts(document))) == document.chunk_count


def cut_off_at(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*args: Any, **kwargs: Any) -> Any:
        raise Killed

    target = {
        "parse": "tests.factories.InProcessParser.parse",
        "write": "rag.ingest.pipeline.DocumentVersion.objects.create",
        "announce": "rag.ingest.pipeline.announce",
        "embed": "rag.ingest.pipeline.save_vectors",
        "activate": "rag.ingest.pipeline._drop_leftovers",
    }[step]
    if step == "activate":
        calls = []

        def die_second(*args: Any, **kwargs: Any) -> None:
            calls.append(args)
            if kwargs:
                raise Killed

        monkeypatch.setattr(target, die_second)
    else:
        monkeypatch.setattr(target, die)


def test_claims_of_an_ended_process_are_given_back_at_once() -> None:
    document = queue_document(make_user(is_superuser=True))
    queue.claim_queued("thishost:999999999:x")

    released = queue.release_dead("thishost")

    document.refresh_from_db()
    assert released == 1
    assert (document.status, document.claimed_by) == (DocumentStatus.QUEUED, "")


def test_a_document_that_keeps_killing_its_worker_is_given_up() -> None:
    document = queue_document(make_user(is_superuser=True))
    for _ in range(queue.MAX_ATTEMPTS):
        queue.claim_queued("thishost:999999999:x")
        queue.release_dead("thishost")

    make_pipeline(None).read_next()

    document.refresh_from_db()
    assert (document.status, document.error_code) == (DocumentStatus.FAILED, "attempts")


def test_an_expired_lease_of_another_host_is_taken_over() -> None:
    document = queue_document(make_user(is_superuser=True))
    queue.claim_queued("elsewhere:1")
    Document.objects.filter(pk=document.pk).update(claimed_until=timezone.now() - timedelta(seconds=1))

    repair()

    document.refresh_from_db()
    assert document.status == DocumentStatus.QUEUED


def test_the_old_version_answers_until_the_new_one_is_complete(embedder: Any) -> None:
    user = make_user(is_superuser=True)
    document = ready_document(user, embedder, BALANCING)
    old = chunk_texts(document)
    pipeline = make_pipeline(embedder)

    services.replace_document(
        user=user, document=document, file=io.BytesIO(BACKUP_FR.encode()), filename="b.md"
    )
    pipeline.read_next()

    document.refresh_from_db()
    assert document.active_version is not None
    active = document.active_version.chunks.order_by("ordinal").values_list("text", flat=True)
    assert list(active) == old
    while pipeline.embed_next():
        continue
    document.refresh_from_db()
    assert document.status == DocumentStatus.READY
    assert "channel.backup" in " ".join(chunk_texts(document))
    assert DocumentVersion.objects.filter(document=document).count() == 1


def test_a_new_version_that_fails_leaves_the_old_one_answering(embedder: Any) -> None:
    user = make_user(is_superuser=True)
    document = ready_document(user, embedder, BALANCING)
    old = chunk_texts(document)

    services.replace_document(
        user=user, document=document, file=io.BytesIO(b"\x00\x01" * 99), filename="b.md"
    )
    make_pipeline(embedder).read_next()

    document.refresh_from_db()
    assert document.status == DocumentStatus.FAILED
    assert document.active_version is not None
    assert chunk_texts(document) == old


def test_replacing_during_the_work_voids_what_the_worker_was_doing(embedder: Any) -> None:
    user = make_user(is_superuser=True)
    document = queue_document(user, BALANCING)
    pipeline = make_pipeline(embedder)
    pipeline.read_next()

    services.replace_document(
        user=user, document=document, file=io.BytesIO(BACKUP_FR.encode()), filename="b.md"
    )
    while pipeline.read_next() or pipeline.embed_next():
        continue

    document.refresh_from_db()
    assert document.status == DocumentStatus.READY
    assert "channel.backup" in " ".join(chunk_texts(document))
    assert DocumentVersion.objects.filter(document=document).count() == 1


def test_deleting_removes_every_trace(embedder: Any) -> None:
    user = make_user(is_superuser=True)
    document = ready_document(user, embedder, BALANCING)
    before = current_sequence()

    services.delete_document(user=user, document=document)
    sweep()

    assert current_sequence() > before
    assert CorpusChange.objects.order_by("-sequence")[0].document == document.pk
    counts = [model.objects.count() for model in (Document, DocumentVersion, Chunk, StoredVector)]
    assert counts == [0, 0, 0, 0]


def test_a_deletion_cut_off_in_the_middle_is_finished_by_the_repair(
    embedder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = make_user(is_superuser=True)
    document = ready_document(user, embedder, BALANCING)

    def die(*args: Any) -> None:
        raise Killed

    monkeypatch.setattr("rag.services.purge", die)
    with pytest.raises(Killed):
        services.delete_document(user=user, document=document)

    repair()

    assert not Document.objects.exists()
    assert not Chunk.objects.exists()


def test_a_file_above_the_limit_is_refused_and_leaves_nothing(settings: Any) -> None:
    settings.RAG_MAX_FILE_MB = 1
    user = make_user(is_superuser=True)

    with pytest.raises(RagError) as refusal:
        services.submit_file(user=user, file=io.BytesIO(b"x" * (2**20 + 1)), filename="big.md")

    assert (refusal.value.field, refusal.value.status) == ("file", 413)
    assert not Document.objects.exists()
    assert list(storage.path_of("0" * 64).parents[1].glob("*")) == []


@pytest.mark.django_db(transaction=True)
def test_a_source_that_arrives_twice_at_once_is_one_document() -> None:
    user = make_user(is_superuser=True)
    shelf = make_collection(everyone=True)

    def submit(number: int) -> None:
        try:
            services.submit_text(
                user=user, title="x", text=f"text {number}", source_url="https://a.example/", collection=shelf
            )
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(submit, range(4)))

    assert Document.objects.count() == 1
