"""Translations of a question's words, so that French finds English by words and the other way round.

Which language a word is in need not be known: a word that exists in both is looked up in both directions.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from rag.indexes.analyser import analyse

_FILE = Path(__file__).with_name("glossary.txt")


def translations(term: str) -> tuple[str, ...]:
    """Index terms that translate the index term ``term``; () when none is known."""
    return _table().get(term, ())


@cache
def _table() -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        french, english = (_first_terms(side) for side in line.split("="))
        for source, targets in ((french, english), (english, french)):
            for term in source:
                found.setdefault(term, {}).update(dict.fromkeys(targets))
    return {term: tuple(other for other in others if other != term) for term, others in found.items()}


def _first_terms(words: str) -> list[str]:
    return [terms[0] for word in words.split() if (terms := analyse(word))]
