"""The measures agree with their definitions on cases that can be worked out by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.evaluation import auroc, ndcg_at, percentile, recall_at, reciprocal_rank

SCORES = st.lists(st.floats(-5, 5).map(lambda score: round(score, 1)), min_size=1, max_size=30)


def test_recall_counts_the_relevant_among_the_first() -> None:
    assert recall_at(["a", "b", "c"], {"b", "x"}, 2) == 0.5
    assert recall_at(["a", "b", "c"], {"c"}, 2) == 0.0
    assert recall_at(["a"], set(), 5) == 0.0


def test_reciprocal_rank_is_of_the_first_relevant() -> None:
    assert reciprocal_rank(["a", "b", "c"], {"c", "b"}) == 0.5
    assert reciprocal_rank(["a", "b"], {"z"}) == 0.0
    assert reciprocal_rank(["a", "b", "c"], {"c"}, k=2) == 0.0


def test_ndcg_discounts_by_rank() -> None:
    assert ndcg_at(["a", "b"], {"a"}) == 1.0
    assert ndcg_at(["a", "b"], {"b"}) == pytest.approx(1 / math.log2(3))
    assert ndcg_at(["a", "x", "b"], {"a", "b"}) == pytest.approx((1 + 0.5) / (1 + 1 / math.log2(3)))
    assert ndcg_at(["a"], set()) == 0.0


@given(SCORES, SCORES)
def test_auroc_is_the_share_of_pairs_in_the_right_order(positive: list[float], negative: list[float]) -> None:
    pairs = [(p > n) + 0.5 * (p == n) for p in positive for n in negative]

    assert auroc(positive, negative) == pytest.approx(sum(pairs) / len(pairs))


def test_figures_of_nothing_are_not_numbers() -> None:
    assert math.isnan(auroc([], [1.0]))
    assert math.isnan(percentile([], 50))
