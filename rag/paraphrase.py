"""When an earlier question's answer may be served to a new one. Pure.

The vectors alone cannot tell opening from closing, or LND from Core Lightning. So the words must agree, too; what is
left to vary is inflection, order where it does not matter, politeness and the words that carry no meaning.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from rag.figures import figures, spoken_figures
from rag.indexes.analyser import analyse
from rag.questions import Kind, kind_of

THRESHOLD = 0.93
"""Least cosine of the two questions' vectors; chosen with ``benchmarks/semantic_cache.py``."""

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_POLITE = re.compile(
    r"\b(?:please|thanks?(?: you)?|hello|hi|hey|bonjour|salut|merci(?: d'avance)?|svp|stp|s'il (?:vous|te) plaît|"
    r"exactly|exactement|actually|really|vraiment|au juste|(?:can|could) you (?:tell me|explain)|"
    r"(?:pouvez-vous|peux-tu|pourriez-vous) (?:me dire|m'expliquer)|i (?:would|'d) like to know|"
    r"je (?:voudrais|veux) savoir|"
    r"tell me|dis-moi|dites-moi|explain|explique(?:z|r)?(?:-moi)?)\b",
    re.IGNORECASE,
)
_PRONOUN = re.compile(r"(?<=\w)-(?:t-)?(?:il|elle|on|ils|elles|je|tu|vous|nous|ce)\b", re.IGNORECASE)
_REDUNDANT = tuple(
    (re.compile(pattern, re.IGNORECASE), plain)
    for pattern, plain in (
        (r"\blightning[ -](channel|node|invoice|payment)", r"\1"),
        (r"\b(can(?:al|aux)|n(?:œ|oe)uds?|factures?|paiements?) lightning\b", r"\1"),
        (r"\b(?:ln|lightning network|réseau lightning)\b", "lightning"),
        (r"\bcln\b", "core lightning"),
        (r"\b(?:btc|bitcoins)\b", "bitcoin"),
        (r"\bsat(?:oshi)?s?\b", "sat"),
        (r"\bré[ée]quilibr", "équilibr"),
        (r"\brebalanc", "balanc"),
        (r"\bmax\b|\bmaximale?\b", "maximum"),
        (r"\bmin\b|\bminimale?\b", "minimum"),
        (r"\bback up\b", "backup"),
        (r"\b(?:sur (?:mon|un)|on (?:my|a)) n(?:œ|oe|o)(?:u)?de?\b", " "),
        (r"\bwhat's\b", "what is"),
        (r"\bwhat (?:does|do) (.+) (?:mean|stand for)\b", r"what is \1"),
        (r"\b(?:what is )?(?:the )?(?:meaning|definition) of\b", "what is"),
        (r"\bwhat is the way (?:to|of)\b", "how to"),
        (r"\b(?:quelle est )?(?:la )?(?:signification|définition) (?:d'|de |du )", "qu'est-ce que "),
        (r"\b(?:que veut dire|que signifie|c'est quoi)\b", "qu'est-ce que"),
        (r"\bquelle est la (?:méthode|façon|manière) (?:pour|de|d')", "comment "),
        (r"\bquelle est la durée d(?:e |'|u )", "combien de temps dure "),
        (r"\b(?:est-ce que|est-ce qu')", " "),
    )
)
_FILLERS = {
    Kind.WHERE: frozenset(analyse("trouve trouver find located situé")),
    Kind.OTHER: frozenset(analyse("faut dois doit devrais")),
}
_TELLING = {
    word: group
    for group, words in enumerate(
        (
            "not no never cannot none neither nor ne n pas jamais aucun aucune ni "
            "isn don doesn didn can't won't without sans",
            "before avant",
            "after après",
            "above over exceed dessus delà",
            "below under dessous sous",
            "up",
            "down",
            "out off hors",
            "more most plus davantage",
            "less least few fewer moins peu",
            "only just seulement uniquement ne...que",
            "all every each tous toutes tout toute chaque",
            "several many plusieurs multiple",
            "same même mêmes",
            "other others another autre autres",
            "again still encore toujours",
            "who whom qui",
            "if",
            "between entre",
            "their them they leur leurs his her",
            "with avec",
            "what quoi",
            "which quel quelle quels quelles",
            "how comment",
            "why pourquoi",
            "when quand",
            "where où",
        )
    )
    for word in words.split()
}
_FRENCH = re.compile(
    r"\b(?:qu'|comment|pourquoi|quand|combien|où|quel(?:le)?s?|que|qui|est|sont|le|la|les|un|une|des|du|pour|avec)\b|\bqu'",
    re.IGNORECASE,
)
_ENGLISH = re.compile(
    r"\b(?:how|what|why|when|where|which|who|is|are|do|does|the|an|of|to|for|with|can|in)\b", re.IGNORECASE
)
_ABLE = frozenset({"can", "could", "may", "possible", "peut", "peux", "peuvent", "puis", "pouvoir", "pouvez"})
_OBLIGED = frozenset(
    {
        "should",
        "must",
        "need",
        "needs",
        "have",
        "required",
        "dois",
        "doit",
        "doivent",
        "devoir",
        "faut",
        "devrais",
    }
)


def same_question(a: str, b: str, cosine: float) -> bool:
    """Return whether two questions ask the same, so that one answer serves both.

    Beside a cosine of at least ``THRESHOLD`` they must ask for the same kind of thing, with the same figures, the
    same content words in the same order (a clause may stand in front) and the same negations and comparisons.
    """
    if cosine < THRESHOLD:
        return False
    one, other = _plain(a), _plain(b)
    kind = kind_of(one)
    if kind is not kind_of(other) or _figures(one) != _figures(other) or _telling(one) != _telling(other):
        return False
    if _modality(one, kind) != _modality(other, kind) or _language(a) != _language(b):
        return False
    terms, others = _content(one, kind), _content(other, kind)
    moved = "," in one or "," in other
    return bool(terms) and (terms == others or (moved and _is_rotation(terms, others)))


def _plain(question: str) -> str:
    text = " ".join(_POLITE.sub(" ", question.replace("’", "'")).split()).strip(" ,;:!.?")
    for pattern, plain in _REDUNDANT:
        text = pattern.sub(plain, text)
    return _PRONOUN.sub("", text) + "?"


def _figures(text: str) -> frozenset[str]:
    return figures(text) | (spoken_figures(text) - {"1", "0"})


def _telling(text: str) -> Counter[int]:
    """Return how often a text has each group of the small words that change what is asked."""
    return Counter(_TELLING[word] for word in _words(text) if word in _TELLING)


def _modality(text: str, kind: Kind) -> tuple[bool, bool]:
    """Return whether one must, and whether one can; "how can I" asks no more than "how do I"."""
    words = frozenset(_words(text))
    return bool(words & _OBLIGED), kind is Kind.YES_NO and bool(words & _ABLE)


def _language(text: str) -> str:
    return "fr" if _FRENCH.search(text) else "en" if _ENGLISH.search(text) else ""


def _words(text: str) -> Iterator[str]:
    for word in _WORD.findall(text.lower()):
        yield from [word] if word in _TELLING else word.split("'")


def _content(text: str, kind: Kind) -> list[str]:
    fillers = _FILLERS.get(kind, _FILLERS[Kind.OTHER])
    return [term for term in analyse(text) if term not in fillers]


def _is_rotation(one: list[str], other: list[str]) -> bool:
    return len(one) == len(other) and any(one[k:] + one[:k] == other for k in range(len(one)))
