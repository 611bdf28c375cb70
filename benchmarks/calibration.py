"""Fits the judgement of ``rag.grounding`` on searches whose truth is known, and reports how well it does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from logistic import fit_logistic
from numpy.typing import NDArray

from rag import grounding
from rag.evaluation import auroc
from rag.evidence import Signals

Floats = NDArray[np.float64]

ANSWERED = 0.96
"""Share of the answerable questions of the first half that the threshold must let through."""
_FOREIGN_WEIGHT = 3.0
"""Weight of questions of another domain against those whose answer was taken out."""
_RIDGE = 20.0
_CUT = 0.84
"""The fixed cosine that serves as the baseline's threshold."""


@dataclass(frozen=True, slots=True)
class Row:
    """One search, judged: ``answerable`` is the truth, ``found`` whether the answer is among the passages read."""

    world: str
    source: str
    direction: str
    small: bool
    half: int
    answerable: bool
    found: bool
    question: str
    signals: Signals
    by_words: Signals
    """The same where no vectors are there; empty when no word was found."""


def calibrate(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the calibrations of ``rag.grounding`` by name, fitted on the questions of half 0."""
    first = [row for row in rows if row.half == 0]
    scaled = sorted(name for name in first[0].signals if name != "cosine_known")
    free = [name for name in scaled if not name.startswith(grounding.SCALED)]
    words = [name for name in free if not name.startswith(grounding.OF_VECTORS)]
    return {
        "local": _fitted(first, scaled, lambda row: row.signals),
        "other": _fitted(first, free, lambda row: row.signals),
        "words": _fitted([row for row in first if row.by_words], words, lambda row: row.by_words),
    }


def _fitted(rows: Sequence[Row], names: Sequence[str], signals: Callable[[Row], Signals]) -> dict[str, Any]:
    """Return one calibration. Answers that the search did not find teach nothing and are left out of the fit."""
    x = np.array([[signals(row)[name] for name in names] for row in rows])
    truth = np.array([row.answerable for row in rows])
    taught = np.array([row.found or not row.answerable for row in rows])
    means, scales = x[taught].mean(axis=0), x[taught].std(axis=0) + 1e-6
    standard = np.clip((x - means) / scales, -grounding.CLIP, grounding.CLIP)
    sample = _weights([row for row, used in zip(rows, taught, strict=True) if used])
    weights, bias = fit_logistic(standard[taught], truth[taught].astype(float), sample, ridge=_RIDGE)
    answerable = [row for row in rows if row.answerable]
    level = _quantile((standard @ weights + bias)[truth], _shares(answerable), 1 - ANSWERED)
    return {
        "names": list(names),
        "means": _rounded(means),
        "scales": _rounded(scales),
        "weights": _rounded(weights),
        "bias": round(bias - level, 4),
    }


def _group(row: Row) -> tuple[str, str, str, bool, bool]:
    return row.source, row.world, row.direction, row.small, row.answerable


def _shares(rows: Sequence[Row]) -> Floats:
    """Return weights that make each set, direction and size count the same, however many questions it has."""
    sizes = Counter(map(_group, rows))
    return np.array([1 / sizes[_group(row)] for row in rows])


def _weights(rows: Sequence[Row]) -> Floats:
    shares = _shares(rows)
    truth = np.array([row.answerable for row in rows])
    foreign = np.array([row.source == "other domain" for row in rows])
    hard = ~truth & ~foreign
    shares[foreign] *= _FOREIGN_WEIGHT * shares[hard].sum() / shares[foreign].sum()
    shares[truth] *= shares[~truth].sum() / shares[truth].sum()
    return shares


def _quantile(values: Floats, shares: Floats, level: float) -> float:
    order = np.argsort(values)
    reached = np.cumsum(shares[order]) / shares.sum()
    return float(values[order][int(np.searchsorted(reached, level))])


def _rounded(values: Floats) -> list[float]:
    return [float(f"{value:.5g}") for value in values]


def report(rows: Sequence[Row]) -> None:
    """Print AUROC of the bare cosine and of the judgement, and the shares answered and refused."""
    print(
        "Half 1 of the questions. AUROC x 100; answered and refused at the shipped threshold, %; the cosine cuts at",
        _CUT,
    )
    print(
        f"{'unanswerable questions':<44} {'n':>5} | {'cosine':>6} {'MCP':>6} {'words':>6} {'other':>6} |"
        f" {'answered':>8} {'refused':>8} {'accuracy':>8} | cosine: answered, refused, accuracy"
    )
    for title, answerable, unanswerable in _comparisons(rows):
        if answerable and unanswerable:
            print(_line(title, answerable, unanswerable))


def _comparisons(rows: Sequence[Row]) -> Iterator[tuple[str, list[Row], list[Row]]]:
    for world in dict.fromkeys(row.world for row in rows):
        own = [row for row in rows if row.world == world]
        answerable = [row for row in own if row.answerable]
        for small in (False, True):
            for direction in dict.fromkeys(row.direction for row in own if row.source == world):
                group = [
                    row for row in own if (row.direction, row.small, row.source) == (direction, small, world)
                ]
                kept = [row for row in group if row.answerable]
                title = f"{world} {direction}{', 60 answers' if small else ''}"
                yield f"taken out: {title}", kept, [row for row in group if not row.answerable]
        whole = [row for row in answerable if row.direction.endswith("all") and not row.small]
        for source in ("other domain", "same topic"):
            for spoken in ("fr", "en"):
                asked = [row for row in own if row.source == source and row.direction.startswith(spoken)]
                yield (
                    f"{source}: {world} {spoken}",
                    whole or [row for row in answerable if not row.small],
                    asked,
                )


def _line(title: str, answerable: Sequence[Row], unanswerable: Sequence[Row]) -> str:
    known = grounding.calibrations()

    def judged(name: str, rows: Sequence[Row]) -> list[float]:
        taken = [row.by_words if name == "words" else row.signals for row in rows]
        return [known[name].probability(signals) if signals else 0.0 for signals in taken]

    areas = {
        name: auroc(judged(name, answerable), judged(name, unanswerable))
        for name in ("local", "words", "other")
    }
    cosines = [row.signals["cosine"] for row in answerable], [row.signals["cosine"] for row in unanswerable]
    mine = _rates(judged("local", answerable), judged("local", unanswerable), grounding.THRESHOLD)
    bare = _rates(*cosines, _CUT)
    return (
        f"{title:<44} {len(unanswerable):>5} | {100 * auroc(*cosines):>6.1f} {100 * areas['local']:>6.1f} "
        f"{100 * areas['words']:>6.1f} {100 * areas['other']:>6.1f} | "
        f"{mine[0]:>8.1f} {mine[1]:>8.1f} {mine[2]:>8.1f} | {bare[0]:.1f}, {bare[1]:.1f}, {bare[2]:.1f}"
    )


def _rates(
    answerable: Sequence[float], unanswerable: Sequence[float], threshold: float
) -> tuple[float, float, float]:
    answered = 100 * float(np.mean(np.array(answerable) >= threshold))
    refused = 100 * float(np.mean(np.array(unanswerable) < threshold))
    return answered, refused, (answered + refused) / 2
