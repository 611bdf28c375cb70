"""Citation markers in a model's answer: ``[1]`` and the other ways in which models write it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_SPACE = "[ \t\u00a0\u202f]"
_LABELS = (
    *("passage", "passages", "source", "sources", "extrait", "extraits", "document", "documents", "doc"),
    *("docs", "ref", "réf", "reference", "references", "référence", "références", "citation", "citations"),
    *("no", "n°", "nº", "n"),
)
_LINKS = ("and", "et")
_WORDS = tuple(sorted((*_LABELS, *_LINKS), key=len, reverse=True))
_LABEL = rf"(?:(?:\^|\#|{'|'.join(map(re.escape, sorted(_LABELS, key=len, reverse=True)))})\.?{_SPACE}*:?)"
_LINK = rf"{_SPACE}*(?:[,;&/–-]|{'|'.join(_LINKS)}){_SPACE}*"
_NUMBERS = (
    rf"{_SPACE}*{_LABEL}?{_SPACE}*\d{{1,3}}(?:{_LINK}{_LABEL}?{_SPACE}*\d{{1,3}}){{0,15}}"
    rf"(?:†[^\]】\n]{{0,40}})?{_SPACE}*"
)
_IN_ROUND = rf"{_SPACE}*{_LABEL}{_SPACE}*\d{{1,3}}(?:{_LINK}{_LABEL}?{_SPACE}*\d{{1,3}}){{0,15}}{_SPACE}*"
_TOKEN = re.compile(
    r"(?P<code>```[\s\S]*?(?:```|\Z)|`[^`\n]+`)"
    rf"|(?P<space>{_SPACE}*)(?:[\[【](?P<square>{_NUMBERS})[\]】]|\((?P<round>{_IN_ROUND})\))",
    re.IGNORECASE,
)
_NUMBER_OR_RANGE = re.compile(r"(\d{1,3})(?:[ \t]*[–-][ \t]*(\d{1,3}))?")
_BLANKS = re.compile(f"{_SPACE}*")
_OPENING = re.compile(r"[\[【(]")
_LETTERS = re.compile(r"[^\W\d_]+(?:°|º)?|[°º]")
_ONLY_MARKER_SIGNS = re.compile(rf"(?:{_SPACE}|[\d,;&/–\-^#.:])*")
_MAX_HELD = 600
"""Longer than the longest marker that is recognised."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A citation: the passage's number and the place in the text without markers at which it stood."""

    position: int
    number: int


@dataclass(frozen=True, slots=True)
class MarkedText:
    """An answer taken apart: its text without any marker, and the markers that name a passage, in order."""

    text: str
    marks: tuple[Mark, ...]


def read_markers(answer: str, known: int) -> MarkedText:
    """Return the answer without markers, and those among them that name one of the ``known`` passages."""
    text = ""
    marks: list[Mark] = []
    cursor = 0
    for match in _TOKEN.finditer(answer):
        if match["code"] is not None:
            continue
        text += answer[cursor : match.start()]
        cursor = match.end()
        marks.extend(Mark(len(text), number) for number in _numbers(match, known))
        if not text or text.endswith("\n"):
            cursor = _BLANKS.match(answer, cursor).end()  # type: ignore[union-attr]  # it matches nothing too
        elif answer[cursor : cursor + 1].isalnum():
            text += " "
    return MarkedText(text + answer[cursor:], tuple(marks))


def with_plain_markers(answer: str, known: int) -> str:
    """Return the answer with each marker written as ``[n]`` and those that name no passage left out."""
    return _TOKEN.sub(lambda match: _plain(match, known), answer)


class CitationStream:
    """Lets an answer through as it is written, markers whole or not at all.

    What ``feed`` and ``finish`` return, joined, is ``with_plain_markers`` of all that was fed.
    """

    def __init__(self, known: int) -> None:
        self._known = known
        self._raw = ""
        self._shown = 0

    def feed(self, delta: str) -> str:
        """Return what may be shown now; a beginning that can still become a marker is held back."""
        self._raw += delta
        return self._next(self._raw[: _certain_length(self._raw)])

    def finish(self) -> str:
        """Return what was still held back."""
        return self._next(self._raw)

    def _next(self, certain: str) -> str:
        plain = with_plain_markers(certain, self._known)
        fresh = plain[self._shown :]
        self._shown = len(plain)
        return fresh


def _plain(match: re.Match[str], known: int) -> str:
    if match["code"] is not None:
        return match[0]
    marks = "".join(f"[{number}]" for number in _numbers(match, known))
    return match["space"] + marks if marks else ""


def _numbers(match: re.Match[str], known: int) -> list[int]:
    """Return the numbers of known passages in a marker, each once, ranges written out."""
    found: dict[int, None] = {}
    for first, last in _NUMBER_OR_RANGE.findall(match["square"] or match["round"]):
        for number in range(int(first), int(last or first) + 1):
            if 1 <= number <= known:
                found[number] = None
    return list(found)


def _certain_length(raw: str) -> int:
    """Return how much of the text so far cannot turn into something else, whatever follows."""
    tokens = list(_TOKEN.finditer(raw))
    end = _open_backtick(raw, tokens)
    settled = max((token.end() for token in tokens if token.end() <= end), default=0)
    for opening in _OPENING.finditer(raw, max(settled, end - _MAX_HELD), end):
        if _may_become_marker(raw[opening.end() : end]):
            end = opening.start()
            break
    while end > settled and raw[end - 1] in " \t\u00a0\u202f":
        end -= 1
    return end


def _open_backtick(raw: str, tokens: Sequence[re.Match[str]]) -> int:
    """Return where code begins that may still be closed on this line; markers after it may lie within."""
    codes = [token.span() for token in tokens if token["code"] is not None]
    for match in re.finditer("`", raw[raw.rfind("\n") + 1 :]):
        place = raw.rfind("\n") + 1 + match.start()
        if not any(start <= place < end for start, end in codes):
            return place
    return len(raw)


def _may_become_marker(inside: str) -> bool:
    """Return whether a text after an opening bracket can still be the beginning of a marker."""
    inside, dagger, note = inside.partition("†")
    if not _ONLY_MARKER_SIGNS.fullmatch(_LETTERS.sub("", inside)) or re.search(r"[\]】\n]", note):
        return False
    return all(
        any(word.startswith(run[0].lower()) for word in _WORDS)
        if run.end() == len(inside) and not dagger
        else run[0].lower() in _WORDS
        for run in _LETTERS.finditer(inside)
    )
