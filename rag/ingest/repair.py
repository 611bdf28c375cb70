"""Completes what a crash interrupted. Idempotent; the worker runs it at its start and now and then."""

from __future__ import annotations

from uuid import UUID

import structlog
from django.db.models import F, Q

from rag import storage
from rag.changes import announce
from rag.ingest import queue
from rag.ingest.pipeline import announce_version, delete_versions
from rag.models import Chunk, Document, DocumentVersion, StoredVector
from rag.vectors_store import BATCH

log = structlog.get_logger(__name__)


def repair() -> None:
    """Give dead claims back, finish deletions and announcements, drop versions that nothing refers to."""
    released = queue.release_dead()
    queue.requeue_expired()
    for document in Document.objects.filter(deleted_at__isnull=False):
        purge(document)
    _announce_missed()
    _drop_orphans()
    if released:
        log.info("claims_released", count=released)


def purge(document: Document) -> None:
    """Remove a document that is marked as deleted: told to the indexes first, its row last."""
    announce(document.pk)
    delete_versions(DocumentVersion.objects.filter(document=document))
    Document.objects.filter(pk=document.pk).delete()


def _announce_missed() -> None:
    told = Q(announced_version=F("active_version_id"))
    missed = Document.objects.filter(active_version__isnull=False, deleted_at__isnull=True).exclude(told)
    for document in missed | Document.objects.filter(
        active_version__isnull=False, announced_version__isnull=True, deleted_at__isnull=True
    ):
        version = document.active_version
        if version is not None:
            announce_version(document, version)


def _drop_orphans() -> None:
    """Delete versions that neither answer nor wait, unless a worker is at work on their document."""
    versions = list(DocumentVersion.objects.values_list("pk", "document_id"))
    # Owners are read after the versions: what was written in between is claimed, or named by its document.
    owners = {pk: (active, pending, claimed) for pk, active, pending, claimed in _owners()}
    for pk, document in versions:
        active, pending, claimed = owners.get(document, (None, None, ""))
        if pk not in (active, pending) and not claimed:
            delete_versions(DocumentVersion.objects.filter(pk=pk))


def _owners() -> list[tuple[object, object, object, str]]:
    return list(Document.objects.values_list("pk", "active_version_id", "pending_version_id", "claimed_by"))


def sweep() -> bool:
    """Remove vectors and files that nothing uses any more, so that what was deleted is gone; return False."""
    # Vectors are read before the chunks: a chunk is always there before its vector.
    stored = list(StoredVector.objects.values_list("pk", "text_hash"))
    used = set(Chunk.objects.values_list("text_hash", flat=True).distinct())
    unused = [(pk, text_hash) for pk, text_hash in stored if text_hash not in used]
    for start in range(0, len(unused), BATCH):
        _drop_vectors(dict(unused[start : start + BATCH]))
    storage.sweep(set(Document.objects.values_list("content_hash", flat=True)))
    return False


def _drop_vectors(unused: dict[UUID, str]) -> None:
    """Delete vectors, unless a new document has come to hold their text; found too late, it is read again."""
    hashes = list(set(unused.values()))
    again = set(Chunk.objects.filter(text_hash__in=hashes).values_list("text_hash", flat=True))
    StoredVector.objects.filter(pk__in=[pk for pk, key in unused.items() if key not in again]).delete()
    lost = [key for key in hashes if key not in again]
    for document in set(Chunk.objects.filter(text_hash__in=lost).values_list("document_id", flat=True)):
        queue.requeue(document)
