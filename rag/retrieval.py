"""From the scores of the retrievers to one ranking. Pure: arrays in, rows out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Mask = NDArray[np.bool_]

CANDIDATES = 100
"""How far down a retriever's own ranking is told."""


@dataclass(frozen=True, slots=True)
class FusionWeights:
    """Share of the vector score in the fused score; the rest is lexical. Chosen by ``benchmarks/ranking.py``."""

    centred: float = 0.8
    """For cosines without their common part, which compare from question to question."""
    standardised: float = 0.6
    """For plain cosines, standardised over the candidates of one question."""


DEFAULT_WEIGHTS = FusionWeights()


@dataclass(frozen=True, slots=True)
class Meaning:
    """Cosines by row. Where ``known`` is False there is no vector yet (None: every row has one)."""

    cosines: Floats
    known: Mask | None = None
    centred: bool = False
    """Whether the part that all texts have in common was taken out before (``rag.indexes.vectors``)."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A row of the result, and why it is there. Ranks are one-based, None beyond the first ``CANDIDATES``."""

    row: int
    score: float
    lexical: float
    lexical_rank: int | None
    vector_rank: int | None


def rank(
    lexical: Floats,
    meaning: Meaning | None,
    *,
    allowed: Mask | None = None,
    limit: int = 10,
    weights: FusionWeights = DEFAULT_WEIGHTS,
) -> list[Ranked]:
    """The ``limit`` best of the rows ``allowed`` (None: all), best first, equals by row number.

    Without cosines only rows that hold a word of the question are found. Lexical scores are 0 where not allowed.
    """
    matched = _only(lexical, lexical > 0)
    eligible: Mask | None = lexical > 0
    by_meaning: dict[int, int] = {}
    if meaning is not None:
        eligible = allowed
        by_meaning = _ranks(_only(meaning.cosines, _both(allowed, meaning.known)))
    by_words = _ranks(matched)
    fused = _only(fuse(lexical, meaning, weights=weights, allowed=allowed), eligible)
    return [
        Ranked(row, float(fused[row]), float(lexical[row]), by_words.get(row), by_meaning.get(row))
        for row in top(fused, limit).tolist()
    ]


def fuse(
    lexical: Floats,
    meaning: Meaning | None,
    *,
    weights: FusionWeights = DEFAULT_WEIGHTS,
    allowed: Mask | None = None,
) -> Floats:
    """Fused score of each row, comparable within one question only.

    Lexical scores are divided by the best one. Plain cosines, which some embedders squeeze into a narrow band,
    are standardised over the rows allowed and divided by the best one.
    """
    best = float(lexical.max(initial=0.0))
    share = 1 / best if best > 0 else 0.0
    if meaning is None:
        return lexical * share
    if meaning.centred:
        cosines, weight = meaning.cosines, weights.centred
    else:
        cosines, weight = _standardised(meaning.cosines, _both(allowed, meaning.known)), weights.standardised
    if meaning.known is not None:
        cosines = np.where(meaning.known, cosines, 0.0)
    return weight * cosines + ((1 - weight) * share) * lexical


def top(scores: Floats, limit: int) -> NDArray[np.intp]:
    """Positions of the ``limit`` best scores above minus infinity, best first, equals by position."""
    if limit <= 0:
        return np.zeros(0, np.intp)
    if limit < scores.size:
        bound = np.partition(scores, scores.size - limit)[scores.size - limit]
        places = np.flatnonzero(scores >= bound)
    else:
        places = np.arange(scores.size)
    places = places[scores[places] > -np.inf]
    return places[np.argsort(-scores[places], kind="stable")][:limit]


def _ranks(scores: Floats) -> dict[int, int]:
    return {row: number for number, row in enumerate(top(scores, CANDIDATES).tolist(), 1)}


def _only(scores: Floats, rows: Mask | None) -> Floats:
    return scores if rows is None else np.where(rows, scores, -np.inf)


def _both(one: Mask | None, other: Mask | None) -> Mask | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other


def _standardised(cosines: Floats, counted: Mask | None) -> Floats:
    values = cosines if counted is None else cosines[counted]
    spread = float(values.std()) if values.size else 0.0
    if spread == 0:
        return np.zeros_like(cosines)
    centre, best = float(values.mean()), float(values.max())
    return np.asarray((cosines - centre) / (best - centre))
