from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.retrieval import CANDIDATES, FusionWeights, Meaning, fuse, rank, repeats_last, top

scores = st.lists(st.floats(-5, 5) | st.just(-np.inf), max_size=40).map(
    lambda values: np.array(values, float)
)


@settings(deadline=None)
@given(scores, st.integers(0, 45))
def test_top_is_the_head_of_a_stable_sort(values: np.ndarray, limit: int) -> None:
    expected = [place for place in np.argsort(-values, kind="stable").tolist() if values[place] > -np.inf]

    assert top(values, limit).tolist() == expected[:limit]
    assert top(values, limit, above=0).tolist() == [place for place in expected if values[place] > 0][:limit]


def test_without_cosines_only_rows_with_a_word_of_the_question_are_found() -> None:
    found = rank(np.array([0.0, 2.0, 1.0]), None)

    assert found.rows.tolist() == [1, 2]
    assert found.scores.tolist() == [1.0, 0.5]
    assert (found.lexical_ranks, found.vector_ranks) == ((1, 2), (None, None))


def test_a_row_without_a_vector_is_found_by_its_words_next_to_rows_that_have_one() -> None:
    meaning = Meaning(np.array([0.5, 0.0, 0.1]), np.array([True, False, True]), centred=True)

    found = rank(np.array([0.0, 3.0, 0.0]), meaning)

    assert found.rows.tolist() == [0, 1, 2]
    assert found.lexical_ranks == (None, 1, None)
    assert found.vector_ranks == (1, None, 2)


@pytest.mark.parametrize("centred", [True, False])
def test_rows_not_allowed_are_neither_found_nor_ranked(centred: bool) -> None:
    allowed = np.array([False, True, True])
    meaning = Meaning(np.array([0.9, 0.5, 0.1]), centred=centred)

    found = rank(np.array([0.0, 0.0, 0.1]), meaning, allowed=allowed)

    assert dict(zip(found.rows.tolist(), found.vector_ranks, strict=True)) == {1: 1, 2: 2}


def test_rows_not_allowed_do_not_move_the_scores_of_the_others() -> None:
    lexical, cosines = np.array([1.0, 0.5, 0.0]), np.array([0.8, 0.7, 0.3])
    alone = fuse(lexical, Meaning(cosines))

    allowed = np.array([True, True, True, False])
    beside = fuse(np.append(lexical, 0), Meaning(np.append(cosines, 0.99)), allowed=allowed)

    assert beside[:3] == pytest.approx(alone)


@pytest.mark.parametrize("centred", [True, False])
def test_the_weight_decides_between_words_and_meaning(centred: bool) -> None:
    lexical, meaning = np.array([1.0, 0.0, 0.0]), Meaning(np.array([0.0, 1.0, 0.5]), centred=centred)

    by_words = rank(lexical, meaning, weights=FusionWeights(centred=0.1, standardised=0.1))
    by_meaning = rank(lexical, meaning, weights=FusionWeights(centred=0.9, standardised=0.9))

    assert by_words.rows[0] == 0
    assert by_meaning.rows[0] == 1


def test_cosines_that_are_all_alike_leave_the_words_to_decide() -> None:
    found = rank(np.array([1.0, 2.0]), Meaning(np.array([0.5, 0.5])))

    assert found.rows.tolist() == [1, 0]


def test_ranks_are_told_for_the_best_candidates_only() -> None:
    size = CANDIDATES + 5
    cosines = np.linspace(0, 1, size)

    found = rank(np.zeros(size), Meaning(cosines, centred=True), limit=size)

    assert found.vector_ranks[:3] == (1, 2, 3)
    assert found.vector_ranks[CANDIDATES:] == (None,) * 5


def test_an_empty_index_finds_nothing() -> None:
    assert rank(np.zeros(0), None).rows.size == 0
    assert rank(np.zeros(0), Meaning(np.zeros(0))).rows.size == 0


def test_copies_of_an_earlier_passage_come_last_and_in_order() -> None:
    one, other, third = np.eye(3, 8, dtype=np.float32)
    near = np.asarray(one + 0.05 * other, np.float32) / np.float32(np.hypot(1, 0.05))

    order = repeats_last(np.stack([one, near, other, one, third]))

    assert order.tolist() == [0, 2, 4, 1, 3]


def test_passages_without_a_vector_are_copies_of_nothing() -> None:
    assert repeats_last(np.zeros((3, 8), np.float32)).tolist() == [0, 1, 2]
    assert repeats_last(np.zeros((0, 8), np.float32)).tolist() == []
