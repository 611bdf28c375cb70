from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.evaluation import auroc, ndcg_at, percentile, recall_at, reciprocal_rank

values = st.lists(st.integers(0, 9).map(float), min_size=1, max_size=20)


def test_recall_is_the_share_of_the_relevant_within_the_cut() -> None:
    assert recall_at(["x", "a", "y", "b"], {"a", "b", "c"}, 2) == pytest.approx(1 / 3)
    assert recall_at(["x", "a", "y", "b"], {"a", "b", "c"}, 4) == pytest.approx(2 / 3)


def test_reciprocal_rank_looks_at_the_first_find_only() -> None:
    assert reciprocal_rank(["x", "y", "a", "b"], {"a", "b"}) == pytest.approx(1 / 3)
    assert reciprocal_rank(["x"] * 10 + ["a"], {"a"}) == 0


def test_ndcg_discounts_by_rank_against_the_best_order() -> None:
    found = ndcg_at(["a", "x", "b"], {"a", "b"})

    assert found == pytest.approx((1 + 1 / math.log2(4)) / (1 + 1 / math.log2(3)))


@settings(deadline=None)
@given(st.permutations(list("abcdefgh")), st.sets(st.sampled_from("abcdefgh"), min_size=1))
def test_every_measure_is_one_exactly_when_the_relevant_come_first(
    ranking: list[str], wanted: set[str]
) -> None:
    perfect = set(ranking[: len(wanted)]) == wanted

    assert (ndcg_at(ranking, wanted) == pytest.approx(1)) is perfect
    assert (recall_at(ranking, wanted, len(wanted)) == 1) is perfect
    assert (reciprocal_rank(ranking, wanted) == 1) is (ranking[0] in wanted)


@settings(deadline=None)
@given(values, values)
def test_auroc_is_the_share_of_pairs_in_the_right_order(positive: list[float], negative: list[float]) -> None:
    pairs = [(p > n) + (p == n) / 2 for p in positive for n in negative]

    assert auroc(positive, negative) == pytest.approx(sum(pairs) / len(pairs))


def test_without_cases_there_is_no_figure() -> None:
    assert math.isnan(auroc([], [1.0]))
    assert math.isnan(percentile([], 50))
    assert recall_at(["a"], set(), 5) == ndcg_at(["a"], set()) == 0
