"""The figures in a text, however they are written: 10,000 and 10 000, 0.5 and 0,5, "two" and "deux". Pure."""

from __future__ import annotations

import re

_FIGURE = re.compile(r"\d+(?:[.,'’]\d+)*")
_SPACED = re.compile(r"(?<![\d.,])\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?:[.,]\d+)?(?![\d])")
_GROUPED = re.compile(r"\d{1,3}(?:[.,'’]\d{3})+")
_SPELT = {
    3: "three trois",
    4: "four quatre",
    5: "five cinq",
    6: "six",
    7: "seven sept",
    8: "eight huit",
    9: "nine",
    10: "ten dix",
    11: "eleven onze",
    12: "twelve douze",
    13: "thirteen treize",
    14: "fourteen quatorze",
    15: "fifteen quinze",
    16: "sixteen seize",
    20: "twenty vingt",
    30: "thirty trente",
    50: "fifty cinquante",
    1000: "thousand mille",
}
_LOOSELY_SPELT = {
    0: "zero zéro none aucun aucune",
    1: "one un une once single seul seule",
    2: "two deux twice both second double",
    3: "third troisième",
    9: "neuf",
    12: "dozen douzaine",
    50: "half moitié",
    100: "hundred cent",
}
"""Words that often are no figure: "both", "second", "neuf" for new, "cent" for a coin or in "pour cent"."""


def _by_word(spelt: dict[int, str]) -> dict[str, str]:
    return {word: str(value) for value, words in spelt.items() for word in words.split()}


_PLAIN_WORDS = _by_word(_SPELT)
_ALL_WORDS = _by_word(_LOOSELY_SPELT) | _PLAIN_WORDS
_WORD = re.compile(r"[^\W\d_]+")


def figures(text: str, *, strict: bool = False) -> frozenset[str]:
    """Return the figures of a text in one notation, digits with a point.

    Where a notation has two readings (1,000) both are returned, as are the parts of 0.18.3 and of 10 000.
    ``strict`` returns one for each figure, the likelier, to be looked for among the figures of another text.
    """
    found: set[str] = set()
    for spaced in _SPACED.findall(text):
        found.add(_plain(re.sub(r"\s", "", spaced).replace(",", ".")))
    rest = _SPACED.sub(" ", text) if strict else text
    for written in _FIGURE.findall(rest):
        readings = _readings(written)
        found.update(readings[:1] if strict else readings)
    return frozenset(found)


def spoken_figures(text: str, *, strict: bool = False) -> frozenset[str]:
    """Return the figures that a text spells out, in French or in English.

    ``strict`` leaves out the words that often are no figure.
    """
    values = _PLAIN_WORDS if strict else _ALL_WORDS
    return frozenset(values[word] for word in _WORD.findall(text.lower()) if word in values)


def _readings(written: str) -> list[str]:
    parts = re.split(r"[.,'’]", written)
    readings: list[str] = []
    if _GROUPED.fullmatch(written) and not written.startswith("0"):
        readings.append(_plain("".join(parts)))
    elif len(parts) > 2 and _GROUPED.fullmatch(written[: -len(parts[-1]) - 1]):
        readings.append(_plain("".join(parts[:-1]) + "." + parts[-1]))
    readings.extend(_plain(".".join(parts[:length])) for length in range(len(parts), 0, -1))
    readings.extend(_plain(part) for part in parts[1:])
    return readings


def _plain(number: str) -> str:
    """Return the number without zeros that do not count; a version such as 0.18.10 stays as it is."""
    if number.count(".") == 1:
        number = number.rstrip("0").rstrip(".")
    return number.lstrip("0") if number.lstrip("0")[:1].isdigit() else "0" + number.lstrip("0")
