from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.indexes.vectors import (
    VectorStore,
    centred_cosines,
    centring,
    nearest_centre,
    similarities,
    without_centre,
)


def unit(rows: int, dimension: int = 8, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((rows, dimension)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


@settings(deadline=None)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=6))
def test_what_was_written_is_read_however_the_store_grew(sizes: list[int]) -> None:
    store, expected = VectorStore(), unit(sum(sizes))
    start = 0
    for size in sizes:
        store.write(np.arange(start, start + size), expected[start : start + size])
        start += size

    assert np.array_equal(store.view(start), expected)


def test_a_view_keeps_its_vectors_while_the_store_grows_and_replaces() -> None:
    store, first = VectorStore(), unit(3)
    store.write(np.arange(3), first)
    view = store.view(3)

    store.write(np.arange(3, 2000), unit(1997, seed=1))
    store.write(np.arange(3), unit(3, seed=2), replace=True)

    assert np.array_equal(view, first)
    assert np.array_equal(store.view(3), unit(3, seed=2))


def test_rows_without_a_vector_are_zero() -> None:
    store = VectorStore()
    store.write(np.array([2]), unit(1))

    assert not store.view(5)[[0, 1, 3, 4]].any()


def test_compaction_keeps_the_rows_kept_in_order() -> None:
    store, vectors = VectorStore(), unit(6)
    store.write(np.arange(6), vectors)
    keep = np.array([True, False, True, True, False, False])

    assert np.array_equal(store.compacted(keep).view(3), vectors[[0, 2, 3]])


def test_vectors_of_another_model_are_refused() -> None:
    store = VectorStore()
    store.write(np.arange(2), unit(2))

    with pytest.raises(ValueError, match="16 dimensions in an index of 8"):
        store.write(np.array([2]), unit(1, dimension=16))


def test_similarities_are_the_dot_products() -> None:
    matrix, question = unit(50), unit(1, seed=3)[0]

    assert similarities(matrix, question) == pytest.approx(matrix @ question, abs=1e-6)


def test_centred_cosines_are_cosines_of_the_differences() -> None:
    matrix, question = unit(40) + 1, unit(1, seed=4)[0]
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    languages = (np.arange(40) % 2).astype(np.int32)
    passages = centring(matrix, np.ones(40, bool), languages)

    found = centred_cosines(matrix, question, passages)

    rest = matrix - passages.centres[languages]
    rest /= np.linalg.norm(rest, axis=1, keepdims=True)
    assert found == pytest.approx(rest @ question, abs=1e-5)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_rows_not_counted_do_not_move_a_bit_of_the_others(share: float) -> None:
    matrix, question = unit(5000, 48) + np.float32(0.1), unit(1, 48, seed=5)[0]
    counted = np.random.default_rng(9).random(5000) < share
    languages = (np.arange(5000) % 3).astype(np.int32)

    within = centred_cosines(matrix, question, centring(matrix, counted, languages))
    alone = centring(matrix[counted], np.ones(counted.sum(), bool), languages[counted])

    assert within[counted].tolist() == centred_cosines(matrix[counted], question, alone).tolist()
    assert not within[~counted].any()


def test_one_language_is_not_preferred_for_what_its_passages_have_in_common() -> None:
    topics, french, english = unit(20, 64), unit(1, 64, seed=6)[0], unit(1, 64, seed=7)[0]
    matrix = np.concatenate([topics + 2 * french, topics + 2 * english])
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    languages = np.repeat(np.array([0, 1], np.int32), 20)
    question = topics[3] + 2 * french
    question /= np.linalg.norm(question)

    plain = np.argsort(-(matrix @ question))[:2]
    centres = np.stack([french, english])
    assert nearest_centre(question, centres) == 0
    passages = centring(matrix, np.ones(40, bool), languages)
    rest = without_centre(question, centres[0])
    centred = np.argsort(-centred_cosines(matrix, rest, passages))[:2]

    assert set(plain.tolist()) != {3, 23}
    assert set(centred.tolist()) == {3, 23}


def test_a_question_keeps_what_sets_it_apart_and_has_length_one() -> None:
    centre, topic = unit(2, 64)
    question = 0.9 * centre + 0.4 * topic
    question /= np.linalg.norm(question)

    rest = without_centre(question, centre)

    assert np.linalg.norm(rest) == pytest.approx(1, abs=1e-6)
    assert rest @ topic > question @ topic
    assert without_centre(centre * 0, centre * 0).any() is np.False_
