from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.evidence import measure
from rag.generators.extractive import extract
from rag.grounding import OF_VECTORS, SCALED, THRESHOLD, assess, calibrations
from rag.values import Hit, Passage, Vector

LOCAL = np.zeros(384, np.float32)
TEXT = (
    "Balancing a channel moves 250,000 sat from one side to the other, with lncli sendpayment in 10 minutes."
)
OTHER = "The committee met in Vienna and discussed the harvest of the previous summer."


def passage(text: str, hit: Hit, language: str = "en") -> Passage:
    return Passage(hit, "Guide", "", text, 0, len(text), language)


def hits(cosines: Sequence[float], words: Sequence[float | None]) -> list[Hit]:
    """Hits as the index gives them, best first."""
    best = max((word or 0.0 for word in words), default=0.0) or 1.0
    found = [
        Hit(
            f"c{n}", f"d{n}", 0.8 * (10 * cosine - 8.2) + 0.2 * (word or 0.0) / best, word, None, cosine, None
        )
        for n, (cosine, word) in enumerate(zip(cosines, words, strict=True))
    ]
    return sorted(found, key=lambda hit: -hit.score)


GOOD = hits([0.91, 0.86, *[0.84] * 28], [14.0, 5.0, *[2.0] * 28])
BAD = hits([0.79, 0.788, *[0.785] * 28], [2.0, 1.9, *[1.5] * 28])


def confidence(question: str, found: Sequence[Hit], text: str, *, vector: Vector | None = LOCAL) -> float:
    passages = [passage(text, hit) for hit in found[:8]]
    answer = extract(question, passages, language="en", embed=None, query_vector=None)
    return assess(
        question, passages, query_vector=vector, answer=answer, language="en", hits=found
    ).confidence


@pytest.mark.parametrize("vector", [LOCAL, np.zeros(1536, np.float32), None])
def test_a_matching_passage_that_stands_out_is_trusted_more_than_a_foreign_one(vector: Vector | None) -> None:
    question = "How do I balance a channel?"

    assert confidence(question, GOOD, TEXT, vector=vector) > confidence(question, BAD, OTHER, vector=vector)


def test_the_decision_is_that_of_the_confidence() -> None:
    good = assess(
        "How do I balance a channel?",
        [passage(TEXT, GOOD[0])],
        query_vector=LOCAL,
        answer=None,
        language="en",
    )
    bad = assess(
        "Who won the cup?", [passage(OTHER, BAD[0])], query_vector=LOCAL, answer=None, language="en", hits=BAD
    )

    assert good.answerable and good.confidence >= THRESHOLD
    assert not bad.answerable and bad.confidence < THRESHOLD


def test_nothing_found_is_no_evidence() -> None:
    evidence = assess("What?", [], query_vector=LOCAL, answer=None, language="en")

    assert (evidence.answerable, evidence.confidence) == (False, 0.0)


def test_a_name_or_number_that_no_passage_holds_is_noticed() -> None:
    passages = [passage(TEXT, hit) for hit in GOOD[:3]]

    def of(question: str) -> dict[str, float]:
        return measure(question, passages, hits=GOOD, answer=None, language="en")

    assert of("What does option_anchors do?")["names_missing"] == 1.0
    assert of("Does lncli sendpayment move 250 000 sat?")["numbers_missing"] == 0.0
    assert of("Does it move 300,000 sat?")["numbers_missing"] == 1.0


def test_a_question_is_covered_by_the_words_of_another_language() -> None:
    passages = [passage(TEXT, GOOD[0])]

    covered = measure("Équilibrer un canal", passages, hits=GOOD, answer=None, language="fr")
    foreign = measure("Récolter des pommes", passages, hits=GOOD, answer=None, language="fr")

    assert covered["coverage_first"] > foreign["coverage_first"]
    assert covered["same_first"] == 0.0


def test_the_scale_of_another_embedder_has_no_say() -> None:
    question, vector = "How do I balance a channel?", np.zeros(1536, np.float32)
    lowered = [
        replace(
            hit,
            score=hit.score / 2,
            vector_score=None if hit.vector_score is None else hit.vector_score - 0.4,
        )
        for hit in GOOD
    ]

    assert confidence(question, lowered, TEXT, vector=vector) == confidence(
        question, GOOD, TEXT, vector=vector
    )


def test_each_calibration_uses_only_signals_that_it_may() -> None:
    known = calibrations()

    assert set(known) == {"local", "other", "words"}
    assert not any(name.startswith(SCALED) for name in known["other"].names)
    assert not any(name.startswith(OF_VECTORS) for name in known["words"].names)


@given(
    st.text(max_size=60),
    st.lists(
        st.tuples(
            st.text(max_size=80), st.floats(-1, 1), st.none() | st.floats(0, 50), st.none() | st.floats(-1, 1)
        ),
        min_size=1,
        max_size=5,
    ),
    st.booleans(),
)
def test_any_search_gives_finite_signals_and_a_probability(
    question: str, found: list[tuple[str, float, float | None, float | None]], meaning: bool
) -> None:
    passages = [
        passage(text, Hit(str(n), "d", score, words, None, cosine, None))
        for n, (text, score, words, cosine) in enumerate(found)
    ]

    evidence = assess(question, passages, query_vector=LOCAL if meaning else None, answer=None, language="fr")

    assert 0.0 <= evidence.confidence <= 1.0
    assert all(math.isfinite(value) for value in evidence.signals.values())
