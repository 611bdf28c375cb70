"""Whether the passages that were found answer the question: a calibrated probability, and the decision. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.evidence import Signals, measure
from rag.values import Answer, Evidence, Hit, Passage, Vector

THRESHOLD = 0.5
"""Least confidence at which a question is answered; the calibration puts it where 96 % of answerable ones pass."""
WEIGHTS = Path(__file__).with_name("grounding.json")
CLIP = 4.0
"""Standard deviations beyond which a signal says no more."""
SCALED = ("cosine", "fused")
"""Beginnings of the names of signals that only compare under the embedder they were fitted with."""
OF_VECTORS = (*SCALED, "standing", "ranks_first", "words_rank", "meaning_rank")
"""Beginnings of the names of signals that need vectors."""
_LOCAL_DIMENSION = 384


@dataclass(frozen=True, slots=True)
class Calibration:
    """A logistic regression over standardised signals, fitted by ``benchmarks/abstention.py --train``."""

    names: tuple[str, ...]
    means: NDArray[np.float64]
    scales: NDArray[np.float64]
    weights: NDArray[np.float64]
    bias: float

    def probability(self, signals: Mapping[str, float]) -> float:
        """Return the probability in [0, 1] that the passages hold the answer; 0.5 is the point of decision."""
        values = np.array([signals[name] for name in self.names])
        standard = np.clip((values - self.means) / self.scales, -CLIP, CLIP)
        return 1.0 / (1.0 + math.exp(-(self.bias + float(standard @ self.weights))))


@cache
def calibrations() -> dict[str, Calibration]:
    """Return the shipped calibrations: for the "local" embedder, for an "other" one, for "words" without vectors."""
    stored = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    return {name: _calibration(each) for name, each in stored.items()}


def _calibration(stored: Mapping[str, Any]) -> Calibration:
    return Calibration(
        names=tuple(stored["names"]),
        means=np.array(stored["means"], np.float64),
        scales=np.array(stored["scales"], np.float64),
        weights=np.array(stored["weights"], np.float64),
        bias=float(stored["bias"]),
    )


def assess(
    question: str,
    passages: Sequence[Passage],
    *,
    query_vector: Vector | None,
    answer: Answer | None,
    language: str,
    hits: Sequence[Hit] = (),
) -> Evidence:
    """Return whether ``passages`` hold the answer, with the signals behind the judgement.

    ``hits`` are more of the search's results than ``passages`` (about 30), so that the spread of their scores tells
    whether the best ones stand out.
    """
    if not passages:
        return Evidence(False, 0.0)
    found = hits or [passage.hit for passage in passages]
    signals = measure(question, passages, hits=found, answer=answer, language=language)
    confidence = calibrations()[_scale(query_vector, signals)].probability(signals)
    return Evidence(confidence >= THRESHOLD, round(confidence, 4), _rounded(signals))


def _scale(query_vector: Vector | None, signals: Signals) -> str:
    """Return which calibration applies: absolute cosines are known for the local embedder only."""
    if query_vector is None or not signals["cosine_known"]:
        return "words"
    return "local" if query_vector.size == _LOCAL_DIMENSION else "other"


def _rounded(signals: Signals) -> dict[str, float]:
    return {name: round(value, 4) for name, value in signals.items()}
