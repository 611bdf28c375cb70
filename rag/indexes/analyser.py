"""Index terms of a text, the same for French and for English so that no language needs to be known."""

from __future__ import annotations

import re
import threading
import unicodedata
from functools import lru_cache

import Stemmer  # type: ignore[import-not-found]

from rag.indexes.stopwords import STOP_WORDS

VERSION = 2
"""Raise it whenever the terms of any text change: stored indexes of another version are refused."""

_TOKEN = re.compile(
    r"(?<![\w.\-/])(?:bolt|bip|blip|slip|lud|nut)s?[ \-#\u00a0]{1,2}\d{1,4}(?!\w)"  # BOLT 4, BIP-0340
    r"|(?<![\w.,])\d{1,3}(?:[,\u00a0\u202f ]\d{3})+(?![\w,])"  # 100,000 and 100 000
    r"|(?:--)?\w+(?:['\u2019.,\-/:#+@]\w+)*",
    re.IGNORECASE,
)
_SPECIFICATION = re.compile(r"(bolt|bip|blip|slip|lud|nut)s?[ \-#\u00a0]{0,2}0*(\d{1,4})")
_THOUSANDS = re.compile(r"\d{1,3}(?:[,\u00a0\u202f ]\d{3})+")
_ELISION = re.compile(r"(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu|quoiqu)'(?=\w)")
_ENDING = re.compile(
    r"'s$|(?<=s)'$"  # the node's
    r"|(?<=[a-zéû])-(?:t-)?(?:je|tu|il|ils|elle|elles|on|nous|vous|ce|y|en|le|la|les|lui|leur|moi|ci|là)$"  # peut-il
)
_VERSION_NUMBER = re.compile(r"v?(\d+(?:\.\d+)+)")
_TWO_WORDS = re.compile(r"\b(back|set|shut)(?:s|ed|ing|ting)?[ -](up|down)\b", re.IGNORECASE)
"""Verbs that are written in one word as nouns: "back up", "backup"."""
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SEPARATOR = re.compile(r"[^\w]+|_+")
_PATH = re.compile(r"[/:#@]+")
_IDENTIFIER = re.compile(r"[\d_./:#+@]|^--")
_MAX_PARTS = 16
_MAX_TERM = 128

_french = Stemmer.Stemmer("french", 0)
_english = Stemmer.Stemmer("english", 0)
_stemmers_lock = threading.Lock()


def analyse(text: str) -> list[str]:
    """Index terms of ``text`` in order. Identifiers give themselves whole, then their parts."""
    terms: list[str] = []
    for token in _TOKEN.findall(_TWO_WORDS.sub(_joined, text)):
        terms.extend(_terms(token))
    return terms


def _joined(verb: re.Match[str]) -> str:
    return verb[1] + verb[2].lower()


@lru_cache(maxsize=1 << 16)
def _terms(token: str) -> tuple[str, ...]:
    if _THOUSANDS.fullmatch(token):
        return (re.sub(r"\D", "", token),)
    plain = token.replace("\u2019", "'")
    lower = plain.lower()
    specification = _SPECIFICATION.fullmatch(lower)
    if specification:
        return (specification[1] + specification[2], specification[1])
    shift = _prefix_length(lower)
    lower = _ENDING.sub("", lower[shift:])
    plain = plain[shift : shift + len(lower)]
    if lower.isalpha():
        return _word_terms(plain, lower)
    return _compound_terms(plain, lower)


def _prefix_length(lower: str) -> int:
    elision = _ELISION.match(lower)
    return elision.end() if elision else 0


def _word_terms(plain: str, lower: str) -> tuple[str, ...]:
    if lower in STOP_WORDS:
        return ()
    whole = _stem(lower)
    humps = _HUMP.split(plain)
    if len(humps) == 1:
        return (whole,)
    return (whole, *(_stem(hump.lower()) for hump in humps if len(hump) > 1))


def _compound_terms(plain: str, lower: str) -> tuple[str, ...]:
    """Terms of a token that holds more than letters: ``channel.db``, ``--max-cltv``, ``force-close``."""
    if lower in STOP_WORDS or lower.endswith("n't"):
        return ()
    version = _VERSION_NUMBER.fullmatch(lower.replace(",", "."))
    if version:
        return _number_terms(version[1])
    terms: list[str] = []
    if _IDENTIFIER.search(lower):
        terms.append(_canonical(lower))
    segments = [segment for segment in _PATH.split(plain) if segment][:_MAX_PARTS]
    for segment in segments:
        terms.extend(_segment_terms(segment, whole=len(segments) > 1))
    return tuple(dict.fromkeys(terms))


def _number_terms(number: str) -> tuple[str, ...]:
    """A version or decimal number, and the release line it belongs to: 0.18.3 -> 0.18.3, 0.18."""
    line = ".".join(number.split(".")[:2])
    return (number,) if line == number else (number, line)


def _segment_terms(segment: str, *, whole: bool) -> list[str]:
    lower = segment.lower()
    version = _VERSION_NUMBER.match(lower)
    if version and not lower[version.end() :].isalnum():
        return [*_number_terms(version[1]), *_parts(segment[version.end() :])]
    parts = _parts(segment)
    if _IDENTIFIER.search(lower):
        return [_canonical(lower), *parts] if whole else parts
    pieces = [piece for piece in lower.split("-") if piece.isalpha()]
    return [strip_accents("".join(pieces)), *parts] if len(pieces) == 2 else parts


def _parts(segment: str) -> list[str]:
    parts = [part for part in _SEPARATOR.split(segment) if part][:_MAX_PARTS]
    return [term for part in parts for term in _part_terms(part)]


def _part_terms(part: str) -> tuple[str, ...]:
    lower = part.lower()
    specification = _SPECIFICATION.fullmatch(lower)
    if specification:
        return (specification[1] + specification[2],)
    return _word_terms(part, lower) if lower.isalpha() else (lower[:_MAX_TERM],)


def _canonical(lower: str) -> str:
    """One spelling of an identifier: option dashes dropped, ``-`` and ``_`` alike, BOLT04 as bolt4."""
    specification = _SPECIFICATION.fullmatch(lower)
    if specification:
        return specification[1] + specification[2]
    return strip_accents(lower.lstrip("-").replace("-", "_"))[:_MAX_TERM]


def _stem(word: str) -> str:
    with _stemmers_lock:
        # French twice: "close" must meet "closed" and "closing", whose English stem it is.
        stem = _french.stemWord(_english.stemWord(_french.stemWord(word)))
    return strip_accents(stem)


def strip_accents(text: str) -> str:
    """``text`` without diacritics and ligatures: "trésorerie" -> "tresorerie", "œuvre" -> "oeuvre"."""
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", text.replace("œ", "oe").replace("æ", "ae"))
    return "".join(character for character in decomposed if not unicodedata.combining(character))
