"""A document cut into the nodes that the reader shows, with the quoted words marked. Pure; templates escape.

A long document is shown in parts, so that a book of 2,000 pages opens as fast as a note.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag.values import Block, BlockKind

PART_CHARACTERS = 60_000
OUTLINE_LEVELS = 3
OUTLINE_ENTRIES = 150
_CELL = re.compile(r" \| ")
_ORDINAL = re.compile(r"\d{1,4}[.)] ")


@dataclass(frozen=True, slots=True)
class Span:
    """``text[start:end]``."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of document text; ``first`` opens the quotation, wherever its later pieces stand."""

    text: str
    marked: bool = False
    first: bool = False


Pieces = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """A list item; ``numbered`` items carry their number in their text."""

    pieces: Pieces
    depth: int
    numbered: bool


@dataclass(frozen=True, slots=True)
class Node:
    """What becomes one element of the page: a list of items, a table of rows of cells, or pieces of text."""

    kind: BlockKind
    anchor: str
    pieces: Pieces = ()
    level: int = 0
    items: Sequence[Item] = ()
    rows: tuple[tuple[Pieces, ...], ...] = ()
    opens_page: int | None = None
    """The page that begins with this node."""


@dataclass(frozen=True, slots=True)
class Heading:
    """An entry of the outline; ``part`` is one-based."""

    text: str
    level: int
    anchor: str
    part: int


@dataclass(frozen=True, slots=True)
class Parts:
    """Where the parts of a document begin, as indexes into its blocks."""

    begins: tuple[int, ...]
    blocks: tuple[Block, ...]

    def __len__(self) -> int:
        return len(self.begins)

    def blocks_of(self, part: int) -> tuple[Block, ...]:
        """Return the blocks of a part (one-based)."""
        end = self.begins[part] if part < len(self.begins) else len(self.blocks)
        return self.blocks[self.begins[part - 1] : end]

    def part_at(self, offset: int) -> int:
        """Return the part (one-based) that shows the character at ``offset``."""
        block = bisect_right(self.blocks, offset, key=lambda each: each.start) - 1
        return max(bisect_right(self.begins, max(block, 0)), 1)


def split_parts(blocks: Sequence[Block], size: int = PART_CHARACTERS) -> Parts:
    """Return a document's parts: at least one, each of whole blocks, of about ``size`` characters."""
    begins = [0]
    for index, block in enumerate(blocks):
        if block.end - blocks[begins[-1]].start > size and index > begins[-1]:
            begins.append(index)
    return Parts(tuple(begins), tuple(blocks))


def outline(text: str, parts: Parts) -> tuple[Heading, ...]:
    """Return the upper headings of a document in order."""
    headings = (block for block in parts.blocks if block.kind is BlockKind.HEADING)
    upper = [block for block in headings if block.level <= OUTLINE_LEVELS][:OUTLINE_ENTRIES]
    return tuple(
        Heading(text[block.start : block.end], block.level, _anchor(block), parts.part_at(block.start))
        for block in upper
    )


def layout(text: str, blocks: Sequence[Block], highlight: Span | None = None) -> tuple[Node, ...]:
    """Return the nodes of consecutive blocks; neighbouring list items become one list."""
    marker = _Marker(text, highlight)
    nodes: list[Node] = []
    items: list[Item] = []
    page: int | None = None
    for block in blocks:
        opens_page, page = (block.page if block.page != page else None), block.page
        if block.kind is not BlockKind.LIST_ITEM or opens_page is not None:
            items = []
        if block.kind is not BlockKind.LIST_ITEM:
            nodes.append(_node(marker, block, opens_page))
            continue
        if not items:
            nodes.append(Node(block.kind, _anchor(block), items=items, opens_page=opens_page))
        items.append(_item(marker, block))
    return tuple(nodes)


def _anchor(block: Block) -> str:
    return f"at-{block.start}"


def _node(marker: _Marker, block: Block, opens_page: int | None) -> Node:
    anchor = _anchor(block)
    if block.kind is BlockKind.TABLE:
        return Node(block.kind, anchor, rows=tuple(marker.rows(block)), opens_page=opens_page)
    pieces = marker.pieces(block.start, block.end)
    return Node(block.kind, anchor, pieces, block.level, opens_page=opens_page)


def _item(marker: _Marker, block: Block) -> Item:
    numbered = _ORDINAL.match(marker.text, block.start, block.end) is not None
    return Item(marker.pieces(block.start, block.end), block.level, numbered)


class _Marker:
    """Cuts the text at the edges of the highlight and knows whether the quotation has begun."""

    def __init__(self, text: str, highlight: Span | None) -> None:
        self.text = text
        self._highlight = highlight or Span(0, 0)
        self._begun = False

    def pieces(self, start: int, end: int) -> Pieces:
        mark_start = min(max(self._highlight.start, start), end)
        mark_end = min(max(self._highlight.end, mark_start), end)
        return tuple(self._cut(start, mark_start, mark_end, end))

    def _cut(self, start: int, mark_start: int, mark_end: int, end: int) -> Iterator[Piece]:
        if start < mark_start:
            yield Piece(self.text[start:mark_start])
        if mark_start < mark_end:
            yield Piece(self.text[mark_start:mark_end], True, not self._begun)
            self._begun = True
        if mark_end < end:
            yield Piece(self.text[mark_end:end])

    def rows(self, block: Block) -> Iterator[tuple[Pieces, ...]]:
        start = block.start
        while start < block.end:
            line_end = self.text.find("\n", start, block.end)
            line_end = block.end if line_end < 0 else line_end
            yield tuple(self._cells(start, line_end))
            start = line_end + 1

    def _cells(self, start: int, end: int) -> Iterator[Pieces]:
        for separator in _CELL.finditer(self.text, start, end):
            yield self.pieces(start, separator.start())
            start = separator.end()
        yield self.pieces(start, end)
