"""Documents to passages that follow their structure. Pure.

A document is read as sections (what stands under one heading), a section as units (a paragraph, an item,
a table, a block of code; pieces of one where it is too long), and a section is cut into chunks between
units so that sizes come close to the target and cuts fall where the structure allows them best.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from rag.sentences import split_sentences
from rag.values import Block, BlockKind, ChunkDraft, ParsedDocument

HEADING_SEPARATOR = " › "
_HEADING_MAX = 160
_MAX_TOKEN_CHARACTERS = 20
"""A text with more characters a token than this is too long without counting."""
_WINDOW = 4_000

_INSIDE_BLOCK = {BlockKind.TABLE: 0.2, BlockKind.CODE: 0.35}
_INSIDE_PROSE = 0.5
_INSIDE_ITEM = 0.25
_BETWEEN_ITEMS = 0.05
_BEFORE_CODE = 0.3
_AFTER_COLON = 0.6
"""Costs of a cut, in squared relative deviations from the target size."""


@dataclass(frozen=True, slots=True)
class _Unit:
    """A span that is not cut any further."""

    start: int
    end: int
    tokens: int
    block: Block
    cut_cost: float
    """What a cut before this unit costs."""


@dataclass(slots=True)
class _Section:
    """What stands under one heading."""

    path: tuple[str, ...]
    headings: tuple[Block, ...]
    """The headings directly above the first unit: the tail of the path."""
    heading_tokens: int
    units: list[_Unit] = field(default_factory=list)

    @property
    def tokens(self) -> int:
        return self.heading_tokens + sum(unit.tokens for unit in self.units)

    def start_below(self, depth: int) -> int:
        """Return where the section begins when the first ``depth`` parts of its path are said elsewhere."""
        unsaid = self.headings[max(0, depth - len(self.path) + len(self.headings)) :]
        return unsaid[0].start if unsaid else self.units[0].start


@dataclass(frozen=True, slots=True)
class _Sizer:
    """Counts tokens without the constant that a tokenizer adds to every text."""

    count: Callable[[str], int]
    constant: int
    target: int
    maximum: int

    def tokens(self, text: str) -> int:
        return max(1, self.count(text) - self.constant)

    def is_surely_long(self, length: int) -> bool:
        return length > self.maximum * _MAX_TOKEN_CHARACTERS


def chunk(
    document: ParsedDocument,
    *,
    count_tokens: Callable[[str], int],
    target_tokens: int = 200,
    max_tokens: int = 320,
    tiny_tokens: int = 40,
) -> list[ChunkDraft]:
    """Return the chunks in order, without overlap, covering all text but headings (those are in the paths).

    A chunk has about ``target_tokens`` and never more than ``max_tokens``. Sections below ``tiny_tokens``
    join a neighbour, headings between them included; a heading with nothing under it is a chunk's text.
    A document below the target is one chunk.
    """
    constant = count_tokens("")
    sizer = _Sizer(count_tokens, constant, max(1, target_tokens - constant), max(1, max_tokens - constant))
    drafts: list[ChunkDraft] = []
    for group in _groups(_SectionReader(document, sizer).read(), sizer.target, tiny_tokens):
        common = _common([section.path for section in group])
        for span in _spans(document.text, group, len(common), sizer):
            tokens, page, kind = span.tokens + constant, span.units[0].block.page, _main_kind(span.units)
            drafts.append(ChunkDraft(len(drafts), span.start, span.end, _heading(common), tokens, page, kind))
    return drafts


class _SectionReader:
    """Gathers the blocks of a document under their headings."""

    def __init__(self, document: ParsedDocument, sizer: _Sizer) -> None:
        self._document = document
        self._sizer = sizer
        self._stack: list[Block] = []
        self._bare: list[Block] = []
        """The innermost headings of the stack, under which nothing has come yet."""
        self._previous: Block | None = None
        self._sections: list[_Section] = []

    def read(self) -> list[_Section]:
        """Return the sections in order, each with at least one unit."""
        is_open = False
        for block in self._document.blocks:
            if block.kind is BlockKind.HEADING:
                self._heading(block)
                is_open = False
                continue
            if not is_open:
                self._open(tuple(self._bare))
                self._bare, is_open = [], True
            self._add(block)
        self._close_bare()
        return [section for section in self._sections if section.units]

    def _heading(self, block: Block) -> None:
        if self._bare and block.level <= self._bare[-1].level:
            self._close_bare()
        while self._stack and self._stack[-1].level >= block.level:
            self._stack.pop()
        self._stack.append(block)
        self._bare.append(block)

    def _close_bare(self) -> None:
        """Make a heading with nothing under it a unit, so that it can be found; the title is found anyway."""
        if self._bare and not (self._is_title(self._bare[-1]) and self._sections):
            self._open(tuple(self._bare[:-1]), self._stack[:-1])
            self._add(self._bare[-1])
        self._bare = []

    def _open(self, headings: tuple[Block, ...], stack: Sequence[Block] | None = None) -> None:
        own = tuple(heading for heading in headings if not self._is_title(heading))
        above = self._stack if stack is None else stack
        path = tuple(self._text(heading) for heading in above if not self._is_title(heading))
        tokens = sum(self._sizer.tokens(self._text(heading)) for heading in own)
        self._sections.append(_Section(path, own, tokens))

    def _add(self, block: Block) -> None:
        units = _units(self._document.text, block, self._previous, self._sizer)
        self._sections[-1].units.extend(units)
        self._previous = block

    def _is_title(self, heading: Block) -> bool:
        return heading.level == 1 and self._text(heading).casefold() == self._document.title.casefold()

    def _text(self, heading: Block) -> str:
        return self._document.text[heading.start : heading.end]


def _units(text: str, block: Block, previous: Block | None, sizer: _Sizer) -> list[_Unit]:
    """Return the block as one unit, or as pieces of at most the maximum."""
    first_cost = _cut_cost(text, block, previous)
    inside_cost = _INSIDE_BLOCK.get(block.kind, _INSIDE_PROSE)
    pieces = _pieces(text, block.start, block.end, _cutter(block.kind), sizer)
    return [
        _Unit(start, end, tokens, block, first_cost if number == 0 else inside_cost)
        for number, (start, end, tokens) in enumerate(pieces)
    ]


def _cut_cost(text: str, block: Block, previous: Block | None) -> float:
    if previous is None or block.kind is BlockKind.HEADING:
        return 0.0
    cost = _AFTER_COLON if text[previous.start : previous.end].rstrip().endswith(":") else 0.0
    if block.kind is BlockKind.LIST_ITEM:
        return cost + (_INSIDE_ITEM if block.level else _BETWEEN_ITEMS)
    cost += _INSIDE_ITEM if block.level else 0.0
    return cost + (_BEFORE_CODE if block.kind is BlockKind.CODE else 0.0)


Cutter = Callable[[str], list[int]]


def _cutter(kind: BlockKind) -> Cutter:
    return _line_starts if kind in (BlockKind.CODE, BlockKind.TABLE) else _sentence_starts


def _line_starts(text: str) -> list[int]:
    return [0, *(position + 1 for position, character in enumerate(text) if character == "\n")]


def _sentence_starts(text: str) -> list[int]:
    """Return where sentences begin. A long text is read in windows, since splitting looks far ahead."""
    starts = [0]
    while True:
        begin = starts[-1]
        window = text[begin : begin + _WINDOW]
        found = [begin + start for start, _ in split_sentences(window)[1:]]
        if begin + _WINDOW >= len(text):
            return starts + found
        starts.extend(found or [begin + (window.rfind(" ", 1) + 1 or _WINDOW)])


def _middle(text: str) -> list[int]:
    """Return where the second half begins: at the space nearest to the middle, else in the middle."""
    middle = len(text) // 2
    before, after = text.rfind(" ", 1, middle), text.find(" ", middle, len(text) - 1)
    spaces = [position for position in (before, after) if position > 0]
    nearest = min(spaces, key=lambda position: abs(position - middle), default=middle - 1)
    return [0, nearest + 1]


def _pieces(text: str, start: int, end: int, cutter: Cutter, sizer: _Sizer) -> Iterator[tuple[int, int, int]]:
    """Yield (start, end, tokens) of the span: whole if it fits, else cut, and its pieces cut in halves."""
    start, end = _stripped(text, start, end)
    if start >= end:
        return
    piece = text[start:end]
    if not sizer.is_surely_long(end - start):
        tokens = sizer.tokens(piece)
        if tokens <= sizer.maximum or end - start == 1:
            yield start, end, tokens
            return
    starts = cutter(piece)
    if len(starts) == 1:
        starts = _middle(piece)
    for left, right in zip(starts, [*starts[1:], end - start], strict=True):
        yield from _pieces(text, start + left, start + right, _middle, sizer)


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end


def _groups(sections: list[_Section], target: int, tiny: int) -> list[list[_Section]]:
    """Return the sections, tiny ones joined with a neighbour; all together if they fit one chunk."""
    if sum(section.tokens for section in sections) <= target:
        return [sections] if sections else []
    groups: list[list[_Section]] = []
    for section in sections:
        last = groups[-1] if groups else []
        size = sum(member.tokens for member in last)
        small = size < tiny or section.tokens < tiny
        if last and small and size + section.tokens <= target and _are_near(last[-1].path, section.path):
            last.append(section)
        else:
            groups.append([section])
    return groups


def _are_near(first: tuple[str, ...], second: tuple[str, ...]) -> bool:
    """Return whether two sections are siblings, or the second is a child of the first."""
    common = len(_common((first, second)))
    return common >= max(len(first), len(second)) - 1


def _common(paths: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    shortest = min(paths, key=len)
    for depth, name in enumerate(shortest):
        if any(path[depth] != name for path in paths):
            return shortest[:depth]
    return shortest


def _heading(path: tuple[str, ...]) -> str:
    parts = [part if len(part) <= _HEADING_MAX else part[: _HEADING_MAX - 1].rstrip() + "…" for part in path]
    return HEADING_SEPARATOR.join(parts)


def _main_kind(units: Sequence[_Unit]) -> BlockKind:
    sizes: Counter[BlockKind] = Counter()
    for unit in units:
        sizes[unit.block.kind] += unit.end - unit.start
    return sizes.most_common(1)[0][0]


@dataclass(frozen=True, slots=True)
class _Span:
    """A chunk to be."""

    start: int
    end: int
    units: Sequence[_Unit]
    tokens: int


def _spans(text: str, group: list[_Section], depth: int, sizer: _Sizer) -> Iterator[_Span]:
    """Yield the chunks of a group: several sections are one chunk, a single one is cut."""
    if len(group) > 1:
        units = [unit for section in group for unit in section.units]
        start, end = group[0].start_below(depth), units[-1].end
        yield _Span(start, end, units, sizer.tokens(text[start:end]))
        return
    for first, last in _cuts(group[0].units, sizer):
        yield from _fitting(text, group[0].units[first:last], sizer)


def _fitting(text: str, units: Sequence[_Unit], sizer: _Sizer) -> Iterator[_Span]:
    """Yield the units as one chunk, or as two or more where the text between them made it too long."""
    start, end = units[0].start, units[-1].end
    tokens = units[0].tokens if len(units) == 1 else sizer.tokens(text[start:end])
    if len(units) == 1 or tokens <= sizer.maximum:
        yield _Span(start, end, units, tokens)
        return
    half = len(units) // 2
    yield from _fitting(text, units[:half], sizer)
    yield from _fitting(text, units[half:], sizer)


def _cuts(units: Sequence[_Unit], sizer: _Sizer) -> list[tuple[int, int]]:
    """Return the index ranges whose sizes deviate least from the target, at the least cost of cuts.

    The best cut of the first n units is the best cut of fewer units and one more chunk (dynamic programming).
    """
    costs, starts = [0.0], [0]
    for end in range(1, len(units) + 1):
        tokens, best, best_start = 0, float("inf"), end - 1
        for start in range(end - 1, -1, -1):
            tokens += units[start].tokens
            if tokens > sizer.maximum and start < end - 1:
                break
            cut = units[start].cut_cost if start else 0.0
            cost = costs[start] + cut + ((tokens - sizer.target) / sizer.target) ** 2
            if cost < best:
                best, best_start = cost, start
        costs.append(best)
        starts.append(best_start)
    return _ranges(starts)


def _ranges(starts: Sequence[int]) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    end = len(starts) - 1
    while end > 0:
        ranges.append((starts[end], end))
        end = starts[end]
    return ranges[::-1]
