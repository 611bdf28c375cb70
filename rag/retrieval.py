"""From the scores of the retrievers to one ranking. Pure: arrays in, arrays out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class FusionWeights:
    """Share of the vector score in the fused score; the rest is lexical. Chosen by ``benchmarks/ranking.py``."""

    centred: float = 0.8
    """For cosines without their common part, which compare from question to question."""
    standardised: float = 0.6
    """For plain cosines, standardised over the candidates of one question."""


DEFAULT_WEIGHTS = FusionWeights()
CANDIDATES = 100


def fuse(
    lexical: Floats, cosine: Floats | None, *, centred: bool, weights: FusionWeights = DEFAULT_WEIGHTS
) -> Floats:
    """Fused score of each candidate, comparable within one question only.

    Lexical scores are divided by the best one. Plain cosines, which some embedders squeeze into a narrow band,
    are standardised over the candidates and divided by the best one. NaN in ``cosine`` is "no vector yet".
    """
    best = lexical.max(initial=0.0)
    words = lexical / best if best > 0 else np.zeros_like(lexical)
    if cosine is None:
        return words
    known = ~np.isnan(cosine)
    if centred:
        return weights.centred * np.where(known, cosine, 0.0) + (1 - weights.centred) * words
    return weights.standardised * _standardised(cosine, known) + (1 - weights.standardised) * words


@dataclass(frozen=True, slots=True)
class Ranked:
    """A row of the result, and why it is there. Ranks are one-based among the best ``CANDIDATES`` of each kind."""

    row: int
    score: float
    lexical: float
    lexical_rank: int | None
    vector_rank: int | None


def rank(
    lexical: Floats,
    cosine: Floats | None,
    *,
    allowed: NDArray[np.bool_] | None,
    limit: int,
    centred: bool = False,
    weights: FusionWeights = DEFAULT_WEIGHTS,
) -> list[Ranked]:
    """The ``limit`` best of the rows ``allowed`` (None: all), best first, rows alike in score by number.

    Without cosines only rows that hold a word of the question are found.
    """
    rows = np.arange(lexical.size) if allowed is None else np.flatnonzero(allowed)
    words = lexical[rows]
    meaning = None if cosine is None else cosine[rows]
    by_words = np.where(words > 0, words, -np.inf)
    fused = fuse(words, meaning, centred=centred, weights=weights)
    if meaning is None:
        fused = np.where(words > 0, fused, -np.inf)
    lexical_ranks = _ranks(by_words)
    vector_ranks = {} if meaning is None else _ranks(np.where(np.isnan(meaning), -np.inf, meaning))
    return [
        Ranked(
            row=int(rows[place]),
            score=float(fused[place]),
            lexical=float(words[place]),
            lexical_rank=lexical_ranks.get(place),
            vector_rank=vector_ranks.get(place),
        )
        for place in top(fused, limit).tolist()
    ]


def top(scores: Floats, limit: int) -> NDArray[np.intp]:
    """Positions of the ``limit`` best scores above minus infinity, best first, ties by position."""
    if limit <= 0:
        return np.zeros(0, np.intp)
    places = np.arange(scores.size)
    if limit < scores.size:
        bound = np.partition(scores, scores.size - limit)[scores.size - limit]
        places = np.flatnonzero(scores >= bound)
    places = places[scores[places] > -np.inf]
    return places[np.argsort(-scores[places], kind="stable")][:limit]


def _standardised(cosine: Floats, known: NDArray[np.bool_]) -> Floats:
    values = cosine[known]
    spread = float(values.std()) if values.size else 0.0
    if spread == 0:
        return known.astype(np.float64)
    scaled = (cosine - values.mean()) / spread
    return np.where(known, scaled / float(scaled[known].max()), 0.0)


def _ranks(scores: Floats) -> dict[int, int]:
    return {place: number for number, place in enumerate(top(scores, CANDIDATES).tolist(), 1)}
