"""Turns a follow-up into a question that can be searched by itself. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.indexes.analyser import analyse

_OPENS_FOLLOW_UP = re.compile(
    r"^\s*(?:et\b|and\b|mais\b|but\b|ou\b|or\b|alors\b|then\b|so\b|sinon\b|otherwise\b|donc\b"
    r"|what about\b|how about\b|pourquoi\s*\?|why\s*\?|comment\s*\?|how\s*\?|par exemple\b|for example\b)",
    re.IGNORECASE,
)
_REFERS_BACK = re.compile(
    r"\b(?:it|its|they|them|their|this|that|these|those|the same|one|there"
    r"|ça|cela|ceci|celui-ci|celle-ci|celui|celle|ceux|celles|il|elle|ils|elles|les deux|le|la|les|lui|leur|y|en"
    r"|ce dernier|cette dernière|le même|la même)\s*(?=\?|$|\b(?:then|alors|aussi|too|also|instead)\b)",
    re.IGNORECASE,
)
_PRONOUN = re.compile(
    r"\b(?:it|they|them|this one|that one|-t-il|-t-elle|-il|-elle|celui-ci|celle-ci|ça|cela)\b", re.IGNORECASE
)
_FEW_TERMS = 2


def standalone(question: str, history: Sequence[str]) -> str:
    """Return what to search for: the question, preceded by the last one when it leans on what came before.

    ``history`` holds the earlier questions, oldest first. A follow-up is recognised by how it opens, by a
    pronoun, or by having too few words of its own to be searched.
    """
    if not history or not leans_on_earlier(question):
        return question
    return f"{_subject(history)} {question}"


def leans_on_earlier(question: str) -> bool:
    """Return whether a question is hardly understood without the one before it."""
    terms = len(set(analyse(question)))
    if terms <= _FEW_TERMS:
        return True
    opens = _OPENS_FOLLOW_UP.search(question) or _REFERS_BACK.search(question) or _PRONOUN.search(question)
    return bool(opens) and terms <= 3 * _FEW_TERMS


def _subject(history: Sequence[str]) -> str:
    """Return the last earlier question that stands by itself, with those that leaned on it."""
    chain: list[str] = []
    for earlier in reversed(history):
        chain.append(earlier)
        if not leans_on_earlier(earlier):
            break
    return " ".join(reversed(chain))
