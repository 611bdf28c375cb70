"""An answer cut into the pieces that a page shows. Pure; templates escape every text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum


class InlineKind(StrEnum):
    TEXT = "text"
    CODE = "code"
    STRONG = "strong"
    CITATION = "citation"


@dataclass(frozen=True, slots=True)
class Inline:
    """A run of an answer's text; ``n`` numbers a citation."""

    kind: InlineKind
    text: str
    n: int = 0
    supported: bool = True
    """False inside of a sentence that no passage backs."""
    flagged: bool = False
    """True on the last run of such a sentence: the place for the visible sign."""


class AnswerBlockKind(StrEnum):
    PARAGRAPH = "paragraph"
    BULLETS = "bullets"
    NUMBERS = "numbers"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class AnswerBlock:
    """A paragraph or code block (one item), or a list (an item per point)."""

    kind: AnswerBlockKind
    items: tuple[tuple[Inline, ...], ...]


@dataclass(frozen=True, slots=True)
class Span:
    start: int
    end: int


_FENCE = re.compile(r"^\s*```")
_BULLET = re.compile(r"^\s*[-*•–]\s+(?=\S)")
_NUMBER = re.compile(r"^\s*\d{1,3}[.)]\s+(?=\S)")
_INLINE = re.compile(r"\[(\d{1,3}(?:\s*[,;]\s*\d{1,3})*)\]|`([^`\n]+)`|\*\*([^*\n]+)\*\*")


def answer_blocks(
    answer: str, citations: Iterable[int], unsupported: Sequence[str] = ()
) -> tuple[AnswerBlock, ...]:
    """Return an answer as blocks.

    ``[1]`` becomes a citation where 1 is in ``citations`` and stays text elsewhere; ``unsupported`` holds the
    sentences to mark, in order.
    """
    known = frozenset(citations)
    doubtful = _find_in_order(answer, unsupported)
    blocks: list[AnswerBlock] = []
    for kind, span in _lines(answer):
        runs = _code(answer, span) if kind is AnswerBlockKind.CODE else _runs(answer, span, known, doubtful)
        is_list = kind in (AnswerBlockKind.BULLETS, AnswerBlockKind.NUMBERS)
        if is_list and blocks and blocks[-1].kind is kind:
            blocks[-1] = AnswerBlock(kind, (*blocks[-1].items, runs))
        else:
            blocks.append(AnswerBlock(kind, (runs,)))
    return tuple(blocks)


def _find_in_order(text: str, sentences: Sequence[str]) -> tuple[Span, ...]:
    spans, cursor = [], 0
    for sentence in sentences:
        at = text.find(sentence, cursor) if sentence else -1
        if at >= 0:
            cursor = at + len(sentence)
            spans.append(Span(at, cursor))
    return tuple(spans)


def _lines(answer: str) -> Iterator[tuple[AnswerBlockKind, Span]]:
    """Yield the kind and span of each block; neighbouring lines of prose are one paragraph."""
    paragraph: Span | None = None
    for kind, span in _classified(answer):
        if kind is AnswerBlockKind.PARAGRAPH:
            paragraph = Span(paragraph.start if paragraph else span.start, span.end)
            continue
        if paragraph:
            yield AnswerBlockKind.PARAGRAPH, paragraph
            paragraph = None
        if kind is not None:
            yield kind, span
    if paragraph:
        yield AnswerBlockKind.PARAGRAPH, paragraph


def _classified(answer: str) -> Iterator[tuple[AnswerBlockKind | None, Span]]:
    """Yield each line with its kind, None for a blank one; a fenced block comes whole, without its fences."""
    fence: int | None = None
    offset = 0
    for line in answer.splitlines(keepends=True):
        start, offset = offset, offset + len(line)
        if _FENCE.match(line):
            if fence is not None and fence < start:
                yield AnswerBlockKind.CODE, Span(fence, start)
            fence = offset if fence is None else None
        elif fence is None:
            yield _line(line, start)
    if fence is not None and fence < offset:
        yield AnswerBlockKind.CODE, Span(fence, offset)


def _line(line: str, start: int) -> tuple[AnswerBlockKind | None, Span]:
    end = start + len(line.rstrip())
    for pattern, kind in ((_BULLET, AnswerBlockKind.BULLETS), (_NUMBER, AnswerBlockKind.NUMBERS)):
        if marker := pattern.match(line):
            return kind, Span(start + marker.end(), end)
    return (AnswerBlockKind.PARAGRAPH if line.strip() else None), Span(start, end)


def _code(answer: str, span: Span) -> tuple[Inline, ...]:
    return (Inline(InlineKind.CODE, answer[span.start : span.end].rstrip("\n")),)


def _runs(answer: str, span: Span, known: frozenset[int], doubtful: Sequence[Span]) -> tuple[Inline, ...]:
    runs: list[Inline] = []
    cursor = span.start
    for match in _INLINE.finditer(answer, span.start, span.end):
        inlines = _matched(match, known)
        if inlines:
            runs += _text(answer, Span(cursor, match.start()), doubtful)
            runs[-1:] = [_clinging(run) if inlines[0].n else run for run in runs[-1:]]
            runs += inlines
            cursor = match.end()
    runs += _text(answer, Span(cursor, span.end), doubtful)
    return tuple(runs)


def _clinging(run: Inline) -> Inline:
    """Return a text whose last space does not break, so that a citation never opens a line."""
    return replace(run, text=run.text[:-1] + "\N{NO-BREAK SPACE}") if run.text.endswith(" ") else run


def _matched(match: re.Match[str], known: frozenset[int]) -> tuple[Inline, ...]:
    numbers, code, strong = match.groups()
    if code:
        return (Inline(InlineKind.CODE, code),)
    if strong:
        return (Inline(InlineKind.STRONG, strong),)
    wanted = [int(number) for number in re.findall(r"\d+", numbers)]
    if not known.issuperset(wanted):
        return ()
    return tuple(Inline(InlineKind.CITATION, str(n), n) for n in wanted)


def _text(answer: str, span: Span, doubtful: Sequence[Span]) -> Iterator[Inline]:
    """Yield the text of a span, cut where an unsupported sentence begins and ends."""
    cursor = span.start
    for doubt in doubtful:
        start, end = max(doubt.start, cursor), min(doubt.end, span.end)
        if start < end:
            if cursor < start:
                yield Inline(InlineKind.TEXT, answer[cursor:start])
            yield Inline(InlineKind.TEXT, answer[start:end], supported=False, flagged=end == doubt.end)
            cursor = end
    if cursor < span.end:
        yield Inline(InlineKind.TEXT, answer[cursor : span.end])
