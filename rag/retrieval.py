"""From the scores of the retrievers to one ranking. Pure: arrays in, hits out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class FusionWeights:
    """Share of the vector score in the fused score; the rest is lexical."""

    vector: float = 0.6


DEFAULT_WEIGHTS = FusionWeights()


def fuse(lexical: Floats, cosine: Floats | None, weights: FusionWeights = DEFAULT_WEIGHTS) -> Floats:
    """Fused score of each candidate, comparable within one question only.

    Lexical scores are divided by the best one. Cosines, which some embedders squeeze into a narrow band, are
    standardised over the candidates and then divided by the best one. NaN stands for "no vector yet".
    """
    best = lexical.max(initial=0.0)
    words = lexical / best if best > 0 else np.zeros_like(lexical)
    if cosine is None:
        return words
    return weights.vector * _standardised(cosine) + (1 - weights.vector) * words


def top(scores: Floats, limit: int) -> NDArray[np.intp]:
    """Positions of the ``limit`` best scores above minus infinity, best first, ties by position."""
    if limit <= 0:
        return np.zeros(0, np.intp)
    if limit < scores.size:
        bound = -np.partition(-scores, limit - 1)[limit - 1]
        places = np.flatnonzero(scores >= bound)
    else:
        places = np.arange(scores.size)
    places = places[scores[places] > -np.inf]
    return places[np.argsort(-scores[places], kind="stable")][:limit]


def _standardised(cosine: Floats) -> Floats:
    known = ~np.isnan(cosine)
    values = cosine[known]
    if not values.size:
        return np.zeros_like(cosine)
    spread = float(values.std())
    if spread == 0:
        return np.where(known, 1.0, 0.0)
    scaled = (cosine - values.mean()) / spread
    best = float(scaled[known].max())
    return np.where(known, scaled / best, 0.0)
