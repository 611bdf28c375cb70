"""From the scores of the retrievers to one ranking. Pure: arrays in, rows out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.values import Matrix

Floats = NDArray[np.floating]
Mask = NDArray[np.bool_]

CANDIDATES = 100
"""How far down a retriever's own ranking is told."""
REPEAT = 0.98
"""Cosine from which on two passages say the same: of pairs read in a corpus, those above it did."""


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
    """Rows of the result, best first, and why they are there. Ranks are one-based."""

    rows: NDArray[np.intp]
    scores: Floats
    lexical: Floats
    lexical_ranks: tuple[int | None, ...]
    """None for a row without any word of the question or beyond the first ``CANDIDATES``."""
    vector_ranks: tuple[int | None, ...]
    """None for a row without a vector or beyond the first ``CANDIDATES``."""

    def taken(self, order: NDArray[np.intp]) -> Ranked:
        """The same in another order, given by positions."""
        places = order.tolist()
        return Ranked(
            self.rows[order],
            self.scores[order],
            self.lexical[order],
            tuple(self.lexical_ranks[place] for place in places),
            tuple(self.vector_ranks[place] for place in places),
        )


def rank(
    lexical: Floats,
    meaning: Meaning | None,
    *,
    allowed: Mask | None = None,
    limit: int = 10,
    weights: FusionWeights = DEFAULT_WEIGHTS,
) -> Ranked:
    """The ``limit`` best of the rows ``allowed`` (None: all), equals by row number.

    Without cosines only rows that hold a word of the question are found. Lexical scores are 0 where not allowed.
    """
    fused = fuse(lexical, meaning, weights=weights, allowed=allowed)
    by_words = _ranks(top(lexical, CANDIDATES, above=0.0))
    by_meaning: dict[int, int] = {}
    if meaning is None:
        rows = top(fused, limit, above=0.0)
    else:
        rows = top(_only(fused, allowed), limit)
        by_meaning = _ranks(top(_only(meaning.cosines, _both(allowed, meaning.known)), CANDIDATES))
    numbers = rows.tolist()
    return Ranked(
        rows,
        fused[rows],
        lexical[rows],
        tuple(map(by_words.get, numbers)),
        tuple(map(by_meaning.get, numbers)),
    )


def repeats_last(vectors: Matrix) -> NDArray[np.intp]:
    """Order in which rows that say the same as an earlier one come last; for L2-normalised ``vectors``.

    The same page in two collections, or in two editions, would else fill the answer with one passage.
    """
    alike = vectors @ vectors.T >= REPEAT
    repeated = np.zeros(len(vectors), bool)
    for place in range(1, len(vectors)):
        repeated[place] = bool((alike[place, :place] & ~repeated[:place]).any())
    return np.argsort(repeated, kind="stable")


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


def top(scores: Floats, limit: int, *, above: float = -np.inf) -> NDArray[np.intp]:
    """Positions of the ``limit`` best scores greater than ``above``, best first, equals by position."""
    if limit <= 0:
        return np.zeros(0, np.intp)
    bound = np.partition(scores, scores.size - limit)[scores.size - limit] if limit < scores.size else above
    places = np.flatnonzero(scores >= bound if bound > above else scores > above)
    return places[np.argsort(-scores[places], kind="stable")][:limit]


def _ranks(rows: NDArray[np.intp]) -> dict[int, int]:
    return {row: number for number, row in enumerate(rows.tolist(), 1)}


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
