"""When an earlier question's answer may be served to a new one. Pure."""

from __future__ import annotations

import re

from rag.figures import figures, spoken_figures
from rag.indexes.analyser import analyse
from rag.questions import kind_of

THRESHOLD = 0.94
"""Least cosine of the two questions' vectors; see ``benchmarks/semantic_cache.py``."""

_NEGATION = re.compile(
    r"\b(?:ne|n|pas|jamais|aucune?s?|sans|ni|plus|not|no|never|without|cannot|none|neither|nor|isn|don|doesn|can't|won)\b|n't\b",
    re.IGNORECASE,
)


def same_question(a: str, b: str, cosine: float) -> bool:
    """Return whether two questions ask the same, so that one answer serves both.

    The vectors alone cannot tell opening from closing: besides a cosine of at least ``THRESHOLD`` the two must ask
    for the same kind of thing, with the same figures, the same negation and the same content words.
    """
    return (
        cosine >= THRESHOLD
        and kind_of(a) == kind_of(b)
        and figures(a) | spoken_figures(a) == figures(b) | spoken_figures(b)
        and bool(_NEGATION.search(a)) == bool(_NEGATION.search(b))
        and frozenset(analyse(a)) == frozenset(analyse(b))
    )
