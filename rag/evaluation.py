"""Measures of retrieval and of abstention. Pure: rankings and scores in, numbers out."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np


def recall_at(ranking: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Return the share of relevant items among the first ``k``, in [0, 1]."""
    if not relevant:
        return 0.0
    return len(set(ranking[:k]) & set(relevant)) / len(set(relevant))


def reciprocal_rank(ranking: Sequence[str], relevant: Collection[str], k: int = 10) -> float:
    """Return 1 / rank of the first relevant item among the first ``k``, 0 if there is none."""
    for rank, item in enumerate(ranking[:k], 1):
        if item in relevant:
            return 1 / rank
    return 0.0


def ndcg_at(ranking: Sequence[str], relevant: Collection[str], k: int = 10) -> float:
    """Return the normalised discounted cumulative gain of the first ``k`` with binary relevance.

    Source: Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", 2002.
    """
    wanted = set(relevant)
    if not wanted:
        return 0.0
    gain = sum(1 / math.log2(rank + 1) for rank, item in enumerate(ranking[:k], 1) if item in wanted)
    best = sum(1 / math.log2(rank + 1) for rank in range(1, min(len(wanted), k) + 1))
    return gain / best


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Return the probability that a positive scores above a negative (ties count half), nan if one is empty."""
    if not positive or not negative:
        return math.nan
    scores = np.concatenate([np.asarray(positive, float), np.asarray(negative, float)])
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    above = float(ranks[: len(positive)].sum()) - len(positive) * (len(positive) + 1) / 2
    return above / (len(positive) * len(negative))


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which ``share`` (0 to 100) of the values lie, nan for none."""
    return float(np.percentile(values, share)) if len(values) else math.nan
