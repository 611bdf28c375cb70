"""Documents as their own queue: a row is claimed by a conditional update and the row count decides."""

from __future__ import annotations

import os
import secrets
import socket
from datetime import timedelta
from uuid import UUID

from django.db.models import F, Q
from django.utils import timezone

from rag.models import Document, DocumentStatus

MAX_ATTEMPTS = 3
LEASE = timedelta(minutes=3)
_TOKEN = secrets.token_hex(4)
"""Tells this process from an earlier one that had the same process id, as in a restarted container."""


def worker_name() -> str:
    """Return the name under which this process claims: host, process id and a token of its own."""
    return f"{socket.gethostname()}:{os.getpid()}:{_TOKEN}"


def claim_queued(worker: str) -> Document | None:
    """Return the oldest document that nobody has read yet, now claimed by ``worker``, or None."""
    return _claim(worker, Q(status=DocumentStatus.QUEUED))


def claim_unembedded(worker: str) -> Document | None:
    """Return the oldest document that waits for vectors, now claimed by ``worker``, or None."""
    return _claim(worker, Q(status=DocumentStatus.PROCESSING, pending_version__isnull=False))


def _claim(worker: str, wanted: Q) -> Document | None:
    now = timezone.now()
    free = Q(claimed_by="") | Q(claimed_by=worker) | Q(claimed_until__lt=now)
    candidates = Document.objects.filter(wanted, free, deleted_at__isnull=True)
    for key in candidates.order_by("created_at").values_list("pk", flat=True)[:5]:
        changes: dict[str, object] = {
            "claimed_by": worker,
            "claimed_until": now + LEASE,
            "status": DocumentStatus.PROCESSING,
            "attempts": F("attempts") + 1,
        }
        if Document.objects.filter(wanted, free, pk=key, deleted_at__isnull=True).update(**changes):
            return Document.objects.get(pk=key)
    return None


def requeue(key: UUID, **changes: object) -> bool:
    """Return whether a document was put into the queue; who was at work on it has lost their claim."""
    wanted: dict[str, object] = {
        "status": DocumentStatus.QUEUED,
        "claimed_by": "",
        "claimed_until": None,
        "pending_version": None,
        "attempts": 0,
        "progress": 0,
        "error_code": "",
        "error_params": {},
        "updated_at": timezone.now(),
    }
    found = Document.objects.filter(pk=key, deleted_at__isnull=True)
    return found.update(**wanted | changes) == 1


def advance(document: Document, worker: str, **changes: object) -> bool:
    """Return whether the claim still holds; if so the changes are written and the lease is renewed."""
    changes = {"claimed_until": timezone.now() + LEASE, **changes}
    mine = Document.objects.filter(pk=document.pk, claimed_by=worker, deleted_at__isnull=True)
    return mine.update(**changes) == 1


def release(document: Document, worker: str, **changes: object) -> bool:
    """Return whether the claim still held; if so the changes are written and the document is free again."""
    return advance(document, worker, claimed_by="", claimed_until=None, updated_at=timezone.now(), **changes)


def postpone(document: Document, worker: str, seconds: float) -> bool:
    """Return whether the claim still held; if so nobody claims the document again before ``seconds`` are over."""
    until = timezone.now() + timedelta(seconds=seconds)
    mine = Document.objects.filter(pk=document.pk, claimed_by=worker, deleted_at__isnull=True)
    return mine.update(claimed_by="postponed", claimed_until=until) == 1


def release_dead(host: str | None = None) -> int:
    """Return how many claims of ended processes of this host were given back; a lease need not be waited for."""
    host, released = host or socket.gethostname(), 0
    held = Document.objects.filter(claimed_by__startswith=f"{host}:")
    for name in set(held.values_list("claimed_by", flat=True)):
        if not _alive(name):
            rows = Document.objects.filter(claimed_by=name)
            rows.filter(pending_version__isnull=True, status=DocumentStatus.PROCESSING).update(
                status=DocumentStatus.QUEUED
            )
            released += rows.update(claimed_by="", claimed_until=None)
    return released


def requeue_expired() -> None:
    """Put documents back that a worker of another host claimed for reading and never finished."""
    Document.objects.filter(
        status=DocumentStatus.PROCESSING, pending_version__isnull=True, claimed_until__lt=timezone.now()
    ).update(status=DocumentStatus.QUEUED, claimed_by="", claimed_until=None)


def _alive(name: str) -> bool:
    try:
        pid = int(name.split(":")[1])
        os.kill(pid, 0)
    except (IndexError, ValueError, OverflowError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return pid != os.getpid() or name == worker_name()
