"""The pieces of a passage that may be quoted on their own: sentences, and lists with what introduces them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rag.sentences import is_code_line, is_list_item, split_sentences, strip_marker

_RULE = re.compile(r"[\s|:=_*-]*")
_LONGEST_LIST = 700
_MOST_ITEMS = 8
_LEAST_WORDS = 3


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A quotable span ``passage_text[start:end]``."""

    start: int
    end: int
    text: str
    """Word for word."""
    above: str = ""
    """The heading or the sentence that introduces it, which is not part of it."""
    code: bool = False
    steps: bool = False
    """It is, or holds, a list or a command."""
    first: bool = False
    """It opens the passage."""

    @property
    def plain(self) -> str:
        """Return the text as it reads in an answer: wrapped lines joined, a lone item without its bullet."""
        if self.apart:
            return self.text
        return " ".join(strip_marker(self.text).split())

    @property
    def apart(self) -> bool:
        """Return whether it needs lines of its own in an answer."""
        return self.code or (self.steps and "\n" in self.text)

    @property
    def words(self) -> int:
        """Return the number of words."""
        return len(self.text.split())


def excerpts(text: str) -> list[Excerpt]:
    """Return what may be quoted of a passage, in order: no headings, no questions, no fragments.

    A sentence that ends in a colon comes with the items or commands that follow; its items also stand alone.
    """
    spans = split_sentences(text)
    found: list[Excerpt] = []
    above = ""
    for place, (start, end) in enumerate(spans):
        piece = text[start:end]
        if _is_heading(text, spans, place) or piece.rstrip('»" ').endswith("?"):
            above = strip_marker(piece)
            continue
        if piece.endswith(":"):
            last = _end_of_list(text, spans, place)
            if last > place:
                found.append(Excerpt(start, spans[last][1], text[start : spans[last][1]], above, steps=True))
            above = piece
            continue
        if _is_fragment(piece):
            continue
        code = is_code_line(piece)
        found.append(
            Excerpt(
                start, end, piece, above, code, code or is_list_item(piece), first=not found and place < 2
            )
        )
        if not (code or is_list_item(piece)):
            above = ""
    return found


def _is_heading(text: str, spans: list[tuple[int, int]], place: int) -> bool:
    """Return whether a unit is a title: a short line of its own, without final punctuation, with text beneath."""
    start, end = spans[place]
    piece = text[start:end]
    if piece.lstrip().startswith("#"):
        return True
    if piece[-1] in '.!?…:;)»"' or len(piece.split()) > 12 or is_list_item(piece) or is_code_line(piece):
        return False
    alone = _line_break(text, start, before=True) and _line_break(text, end, before=False)
    return alone and "\n" not in piece and "|" not in piece and place + 1 < len(spans)


def _line_break(text: str, edge: int, *, before: bool) -> bool:
    around = text[:edge].rstrip(" \t") if before else text[edge:].lstrip(" \t")
    return not around or (around.endswith("\n") if before else around.startswith("\n"))


def _end_of_list(text: str, spans: list[tuple[int, int]], place: int) -> int:
    """Return the place of the last span that belongs to the list or the code introduced at ``place``."""
    last = place
    for following in _following(text, spans, place):
        if spans[following][1] - spans[place][0] > _LONGEST_LIST or following - place > _MOST_ITEMS:
            break
        last = following
    return last


def _following(text: str, spans: list[tuple[int, int]], place: int) -> Iterator[int]:
    """Yield the places of the items, with their further sentences, or of the commands beneath an introduction."""
    for following in range(place + 1, len(spans)):
        start, end = spans[following]
        piece = text[start:end]
        own_line = "\n" in text[spans[following - 1][1] : start]
        listed = is_list_item(piece) or is_code_line(piece) or piece.startswith("|")
        if own_line and not listed:
            return
        if not own_line and following == place + 1:
            return
        yield following


def _is_fragment(piece: str) -> bool:
    if _RULE.fullmatch(piece):
        return True
    return len(piece.split()) < _LEAST_WORDS and not is_code_line(piece)
