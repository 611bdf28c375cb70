"""The numbered changes of the corpus: what indexes follow and caches are keyed by."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import IntegrityError, transaction

from rag.models import CorpusChange, Document


def current_sequence() -> int:
    """Return the number of the last change, 0 before the first."""
    return CorpusChange.objects.order_by("-sequence").values_list("sequence", flat=True).first() or 0


def announce(document: uuid.UUID | None) -> int:
    """Return the number under which a change of a document (None: of everything) is now known to all processes.

    The unique sequence decides between writers: the loser takes the next number.
    """
    while True:
        sequence = current_sequence() + 1
        try:
            with transaction.atomic():
                CorpusChange.objects.create(sequence=sequence, document=document)
        except IntegrityError:
            continue
        return sequence


def document_gone(instance: Document, **kwargs: Any) -> None:
    """Announce a row that another one took along when it was deleted; those marked before were announced."""
    if instance.deleted_at is None:
        announce(instance.pk)
