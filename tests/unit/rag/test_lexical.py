from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.indexes.lexical import Bm25Parameters, Segment, build_segment, merge_segments, score, statistics

PARAMETERS = Bm25Parameters(k1=0.9, b=0.6)
VOCABULARY = 12

Row = list[int]
rows = st.lists(st.integers(0, VOCABULARY - 1), max_size=12)
corpora = st.lists(rows, max_size=12)
members = st.tuples(st.integers(0, VOCABULARY), st.sampled_from([1.0, 0.7]))
questions = st.lists(st.lists(members, min_size=1, max_size=3), max_size=5)


def naive(
    corpus: Sequence[Row], allowed: Sequence[bool], question: list[list[tuple[int, float]]]
) -> list[float]:
    """BM25 as its formula is written, over the rows allowed only."""
    inside = [row for row, ok in zip(corpus, allowed, strict=True) if ok]
    average = sum(map(len, inside)) / len(inside) if inside else 0

    def gain(row: Row, term: int, weight: float) -> float:
        frequency = row.count(term)
        if not frequency:
            return 0.0
        holders = sum(term in other for other in inside)
        rarity = math.log(1 + (len(inside) - holders + 0.5) / (holders + 0.5))
        share = 1 - PARAMETERS.b + PARAMETERS.b * len(row) / average
        return weight * rarity * frequency / (frequency + PARAMETERS.k1 * share)

    return [
        sum(max(gain(row, term, weight) for term, weight in word) for word in question) if ok else 0.0
        for row, ok in zip(corpus, allowed, strict=True)
    ]


def scores(
    segments: Sequence[Segment], allowed: Sequence[bool], question: list[list[tuple[int, float]]]
) -> np.ndarray:
    mask = None if all(allowed) else np.array(allowed, bool)
    return score(segments, statistics(segments, mask, PARAMETERS), question)


@st.composite
def permitted_corpora(draw: st.DrawFn) -> tuple[list[Row], list[bool]]:
    corpus = draw(corpora)
    return corpus, draw(st.lists(st.booleans(), min_size=len(corpus), max_size=len(corpus)))


@settings(deadline=None)
@given(permitted_corpora(), questions)
def test_scores_are_those_of_the_formula_over_the_rows_allowed(
    permitted: tuple[list[Row], list[bool]], question: list[list[tuple[int, float]]]
) -> None:
    corpus, allowed = permitted

    found = scores([build_segment(corpus)], allowed, question)

    assert found == pytest.approx(naive(corpus, allowed, question), rel=1e-5)


@settings(deadline=None)
@given(permitted_corpora(), questions, st.data())
def test_cutting_and_merging_segments_changes_no_bit_of_a_score(
    permitted: tuple[list[Row], list[bool]], question: list[list[tuple[int, float]]], data: st.DataObject
) -> None:
    corpus, allowed = permitted
    cuts = sorted(data.draw(st.lists(st.integers(0, len(corpus)), max_size=3)))
    bounds = [0, *cuts, len(corpus)]
    segments = [build_segment(corpus[start:end]) for start, end in zip(bounds, bounds[1:], strict=False)]
    whole = scores([build_segment(corpus)], allowed, question)

    assert scores(segments, allowed, question).tolist() == whole.tolist()
    assert scores([merge_segments(segments)], allowed, question).tolist() == whole.tolist()


@settings(deadline=None)
@given(permitted_corpora(), questions)
def test_rows_masked_out_leave_the_scores_of_an_index_that_never_had_them(
    permitted: tuple[list[Row], list[bool]], question: list[list[tuple[int, float]]]
) -> None:
    corpus, allowed = permitted
    left = [row for row, ok in zip(corpus, allowed, strict=True) if ok]
    fresh = scores([build_segment(left)], [True] * len(left), question)
    segment = build_segment(corpus)

    masked = scores([segment], allowed, question)[np.array(allowed, bool)]
    compacted = scores([merge_segments([segment], np.array(allowed, bool))], [True] * len(left), question)

    assert masked.tolist() == fresh.tolist()
    assert compacted.tolist() == fresh.tolist()


def test_a_translation_counts_for_a_row_that_lacks_the_word_and_adds_nothing_where_it_is() -> None:
    segments = [build_segment([[1], [2], [3], [4]])]

    alone = scores(segments, [True] * 4, [[(1, 1.0)]])
    both = scores(segments, [True] * 4, [[(1, 1.0), (2, 0.7)]])

    assert both[0] == alone[0]
    assert 0 < both[1] < both[0]


def test_more_than_255_occurrences_count_as_255() -> None:
    often, saturated = build_segment([[1] * 1000]), build_segment([[1] * 255])

    assert often.frequencies.tolist() == saturated.frequencies.tolist()
    assert often.lengths.tolist() == [1000]


def test_nothing_is_found_in_nothing() -> None:
    assert scores([], [], [[(1, 1.0)]]).size == 0
    assert scores([build_segment([])], [], [[(1, 1.0)]]).size == 0
    assert scores([build_segment([[]])], [True], [[(1, 1.0)]]).tolist() == [0.0]
