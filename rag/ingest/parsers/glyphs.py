"""Letters that a PDF's fonts give a wrong code, guessed from the words around them. Pure."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

from rag.ingest.language import FUNCTION_WORDS
from rag.ingest.parsers.pdf_layout import HYPHEN, Line

_TEX = {
    "\x10": "“",
    "\x11": "”",
    "\x15": "–",
    "\x16": "—",
    "\x1b": "ff",
    "\x1c": "fi",
    "\x1d": "fl",
    "\x1e": "ffi",
    "\x1f": "ffl",
}
"""Control codes that are glyphs in TeX's T1 ("Cork") encoding."""
_CONTROL = re.compile(f"[\x01-\x08\x0b-\x1f](?!{HYPHEN})")
_WORD = re.compile(r"[^\W\d_\x00-\x1f]*[\x01-\x08\x0b-\x1f][^\W\d_\x00-\x1f]*")
_LETTERS = "abcdefghijklmnopqrstuvwxyzàâçéèêëîïôùûœ"
_MIN_VOTES = 3


def repair_letters(lines: list[Line]) -> list[Line]:
    """Return the lines with control codes replaced by the letters or signs that they stand for.

    A code stands for the letter that turns the most words with it into common French or English words.
    """
    text = "\n".join(line.text for line in lines)
    codes = set(_CONTROL.findall(text))
    if not codes:
        return lines
    table = str.maketrans({code: _letter(code, text) for code in codes})
    return [replace(line, text=line.text.translate(table)) for line in lines]


def _letter(code: str, text: str) -> str:
    words = Counter(word.lower() for word in _WORD.findall(text) if set(_CONTROL.findall(word)) == {code})
    votes = Counter(
        {
            letter: sum(
                count for word, count in words.items() if word.replace(code, letter) in FUNCTION_WORDS
            )
            for letter in _LETTERS
        }
    )
    (letter, count), (_, rival_count) = votes.most_common(2)
    if count >= _MIN_VOTES and count > 2 * rival_count:
        return letter
    return _TEX.get(code, " ")
