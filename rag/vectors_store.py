"""Vectors as rows: written once a text and model, read by the indexes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from django.db import IntegrityError, transaction

from rag.models import StoredVector
from rag.values import Vector

BATCH = 500
"""How many hashes one query names; SQLite takes 999 parameters in its oldest form."""


def load_vectors(model: str, hashes: Iterable[str]) -> dict[str, Vector]:
    """Return text hash -> vector for the hashes that have one under ``model``."""
    wanted, found = list(dict.fromkeys(hashes)), {}
    for start in range(0, len(wanted), BATCH):
        rows = StoredVector.objects.filter(model=model, text_hash__in=wanted[start : start + BATCH])
        for text_hash, data in rows.values_list("text_hash", "data"):
            found[text_hash] = np.frombuffer(bytes(data), dtype="<f4")
    return found


def missing(model: str, hashes: Sequence[str]) -> set[str]:
    """Return the hashes that have no vector under ``model`` yet."""
    wanted = list(dict.fromkeys(hashes))
    found: set[str] = set()
    for start in range(0, len(wanted), BATCH):
        rows = StoredVector.objects.filter(model=model, text_hash__in=wanted[start : start + BATCH])
        found.update(rows.values_list("text_hash", flat=True))
    return set(wanted) - found


def save_vectors(model: str, vectors: Mapping[str, Vector]) -> None:
    """Store vectors; one that another worker stored meanwhile is kept as it is."""
    rows = [
        StoredVector(
            model=model, text_hash=key, dimension=len(value), data=np.asarray(value, dtype="<f4").tobytes()
        )
        for key, value in vectors.items()
    ]
    try:
        with transaction.atomic():
            StoredVector.objects.bulk_create(rows, batch_size=BATCH)
    except IntegrityError:
        for row in rows:
            _save_one(row)


def _save_one(row: StoredVector) -> None:
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        return
