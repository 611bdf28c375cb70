"""The embedded index as a file: which arrays it is made of, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rag.indexes import analyser
from rag.indexes.base import SnapshotRefused
from rag.indexes.lexical import Segment
from rag.indexes.snapshot import Array
from rag.indexes.state import IndexState
from rag.values import Matrix

FORMAT = 1
MATRIX = "matrix"
CENTRES = "question_centres"
_SEGMENT = ("terms", "offsets", "rows", "frequencies", "lengths")
_COLUMNS = ("live", "has_vector", "ids", "document_codes", "collection_codes", "language_codes")


def facts(state: IndexState, model_id: str, sequence: int, fields: Sequence[int]) -> dict[str, object]:
    """What a reader checks before it takes the arrays."""
    return {
        "format": FORMAT,
        "analyser": analyser.VERSION,
        "model_id": model_id,
        "sequence": sequence,
        "fields": list(fields),
        "segments": len(state.segments),
        "collections": list(state.collections),
        "languages": list(state.languages),
    }


def check(facts: Mapping[str, Any], model_id: str, fields: Sequence[int]) -> None:
    """SnapshotRefused when the file is of another version, analyser, embedder or weighting of fields."""
    wanted = {
        "format": FORMAT,
        "analyser": analyser.VERSION,
        "model_id": model_id,
        "fields": list(fields),
    }
    for name, expected in wanted.items():
        if facts.get(name) != expected:
            raise SnapshotRefused(f"{name} {facts.get(name)} instead of {expected}")


def arrays(state: IndexState, lexicon: Mapping[str, int], centres: Matrix | None) -> dict[str, Array]:
    """Every array of ``state``, the vectors last so that the rest can be read without them."""
    result = {name: getattr(state, name) for name in _COLUMNS}
    result["document_ids"] = _text_bytes(state.document_ids)
    result["lexicon"] = _text_bytes(list(lexicon))
    for number, segment in enumerate(state.segments):
        result.update({f"segment{number}.{name}": getattr(segment, name) for name in _SEGMENT})
    result[CENTRES] = np.zeros((0, 0), np.float32) if centres is None else centres
    return result | {MATRIX: state.matrix}


def lexical_names(facts: Mapping[str, Any]) -> list[str]:
    """Names of the arrays that a lexical search needs."""
    segments = [f"segment{number}.{name}" for number in range(facts["segments"]) for name in _SEGMENT]
    return [*_COLUMNS, "document_ids", "lexicon", CENTRES, *segments]


def restore(facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> tuple[IndexState, dict[str, int]]:
    """State and lexicon as they were, the matrix still to come. SnapshotRefused if inconsistent."""
    document_ids = _texts(arrays["document_ids"])
    lexicon = {term: number for number, term in enumerate(_texts(arrays["lexicon"]))}
    segments = tuple(
        Segment(*(arrays[f"segment{number}.{name}"] for name in _SEGMENT))
        for number in range(facts["segments"])
    )
    live = arrays["live"]
    if sum(segment.size for segment in segments) != live.size:
        raise SnapshotRefused("rows and segments differ")
    codes = np.unique(arrays["document_codes"][live]).tolist()
    state = IndexState(
        segments=segments,
        live=live,
        has_vector=arrays["has_vector"],
        ids=arrays["ids"],
        document_codes=arrays["document_codes"],
        collection_codes=arrays["collection_codes"],
        language_codes=arrays["language_codes"],
        document_ids=tuple(document_ids),
        collections=tuple(facts["collections"]),
        languages=tuple(facts["languages"]),
        documents={document_ids[code]: code for code in codes},
        matrix=_no_vectors(live.size),
    )
    return state, lexicon


def _no_vectors(rows: int) -> Matrix:
    return np.zeros((rows, 0), np.float32)


def _text_bytes(texts: list[str] | tuple[str, ...]) -> Array:
    """Terms and identifiers hold no line feed, so one joins them."""
    return np.frombuffer("\n".join(texts).encode(), np.uint8)


def _texts(array: Array) -> list[str]:
    text = array.tobytes().decode()
    return text.split("\n") if text else []
