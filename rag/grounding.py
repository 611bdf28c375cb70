"""Whether the passages that were found answer the question: a calibrated probability, and the decision. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from rag.evidence import Signals, measure
from rag.values import Answer, Evidence, Hit, Passage, Vector

_WEIGHTS = Path(__file__).with_name("grounding.json")
_CALIBRATED_DIMENSION = 384
"""The absolute cosines of the local embedder are known; those of another one are compared among themselves only."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A logistic regression over standardised signals, fitted by ``benchmarks/abstention.py``."""

    names: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float
    threshold: float
    """Least probability at which a question is answered."""

    def probability(self, signals: Mapping[str, float]) -> float:
        """Return the probability in [0, 1] that the passages hold the answer."""
        values = np.array([signals[name] for name in self.names])
        standard = np.clip((values - self.means) / np.array(self.scales), -4.0, 4.0)
        return 1.0 / (1.0 + math.exp(-(self.bias + float(standard @ np.array(self.weights)))))


@lru_cache(maxsize=1)
def calibrations() -> dict[str, Calibration]:
    """Return the shipped calibrations: "local" embedder, "other" embedder, "words" without vectors."""
    stored = json.loads(_WEIGHTS.read_text(encoding="utf-8"))
    return {name: _calibration(each) for name, each in stored.items()}


def _calibration(stored: Mapping[str, Any]) -> Calibration:
    return Calibration(
        names=tuple(stored["names"]),
        means=tuple(stored["means"]),
        scales=tuple(stored["scales"]),
        weights=tuple(stored["weights"]),
        bias=float(stored["bias"]),
        threshold=float(stored["threshold"]),
    )


def assess(
    question: str,
    passages: Sequence[Passage],
    *,
    query_vector: Vector | None,
    answer: Answer | None,
    language: str,
    hits: Sequence[Hit] = (),
    idf: Callable[[str], float] | None = None,
) -> Evidence:
    """Return whether ``passages`` hold the answer, with the signals behind the judgement.

    ``hits`` are more of the search's results than ``passages`` (about 30), so that the spread of their scores
    tells whether the best ones stand out. ``idf`` is the rarity of an index term in the whole corpus; without it
    the rarity among the passages stands in.
    """
    if not passages:
        return Evidence(False, 0.0)
    signals = measure(
        question,
        passages,
        hits=hits or [passage.hit for passage in passages],
        answer=answer,
        language=language,
        idf=idf,
    )
    calibration = calibrations()[_scale(query_vector, signals)]
    confidence = calibration.probability(signals)
    return Evidence(confidence >= calibration.threshold, round(confidence, 4), _rounded(signals))


def _scale(query_vector: Vector | None, signals: Signals) -> str:
    if query_vector is None or not signals["cosine_known"]:
        return "words"
    return "local" if query_vector.size == _CALIBRATED_DIMENSION else "other"


def _rounded(signals: Signals) -> dict[str, float]:
    return {name: round(value, 4) for name, value in signals.items()}
