"""A stream of HTML tags to blocks, in one pass: no tree, so size costs little memory and depth no stack."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser

from rag.ingest.parsers.base import one_line, verbatim
from rag.ingest.parsers.html_tags import BLOCK, HEADINGS, IMPLIED_ENDS, LISTS, VOID, is_hidden, zone_of
from rag.values import BlockKind

_CONDITIONAL = re.compile(r"<!\[(?!CDATA\[)[^>]*>")
"""Conditional comments of word processors, on which html.parser stops."""
_PERMALINK = re.compile(r"\s*[¶#🔗]+\s*$")
_EXPONENT = re.compile(r"[-+−]?(?:\d+|[a-zA-Z])")
_FOOTNOTE = re.compile(r"[\[(]?(?:\d+|[*†‡])[\])]?")
_BOLD_HEADING = re.compile(r"[^\n]{2,80}(?<![.:;,])")
_CELL_SEPARATOR = " | "
_PARAGRAPH_BREAK = "\x00"
"""Stands in the buffer for <br>; NUL cannot come from a document."""


@dataclass(slots=True)
class Piece:
    """A block on its way to the document."""

    kind: BlockKind
    text: str
    level: int = 0
    zone: str = ""
    """Part of the page: "main", "article", "furniture", or "" for the rest."""
    is_jump: bool = False
    """Whether all of the text is links to places in the same page."""


@dataclass(slots=True)
class _Frame:
    """An open element."""

    tag: str
    zone: str
    hidden: bool
    jump: bool
    mark: int
    """Length of the buffer when the element opened."""


@dataclass(slots=True)
class _Table:
    rows: list[list[list[Piece]]] = field(default_factory=list)

    def open_row(self) -> None:
        self.rows.append([])

    def open_cell(self) -> None:
        if not self.rows:
            self.open_row()
        self.rows[-1].append([])

    def add(self, piece: Piece) -> None:
        if not self.rows or not self.rows[-1]:
            self.open_cell()
        self.rows[-1][-1].append(piece)

    def pieces(self, level: int, zone: str) -> list[Piece]:
        """Return one table, or the contents one by one where the table only arranges the page."""
        parts = [piece for row in self.rows for cell in row for piece in cell]
        if max((len(row) for row in self.rows), default=0) < 2 or any(
            piece.kind in (BlockKind.HEADING, BlockKind.TABLE, BlockKind.CODE) for piece in parts
        ):
            return parts
        rows = [_CELL_SEPARATOR.join(_cell_text(cell) for cell in row) for row in self.rows]
        text = "\n".join(row for row in rows if row.strip(_CELL_SEPARATOR))
        return [Piece(BlockKind.TABLE, text, level, zone)] if text else []


def _cell_text(cell: list[Piece]) -> str:
    return " ".join(one_line(piece.text) for piece in cell)


class BlockCollector(HTMLParser):
    """Collects the visible blocks of a page; forgives what browsers forgive."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title = ""
        self._pieces: list[Piece] = []
        self._frames: list[_Frame] = []
        self._open: Counter[str] = Counter()
        self._hidden = 0
        self._jumping = 0
        self._jump_weight = self._bold_weight = 0
        """Visible characters of the block in links into the page, and in bold."""
        self._heading_level = 0
        self._buffer: list[str] = []
        self._lists: list[int] = []
        """Next ordinal of each open list; 0 for bullets."""
        self._marker: str | None = None
        """What stands before an item that has no text yet; None outside such an item."""
        self._tables: list[_Table] = []

    def collect(self, html: str) -> list[Piece]:
        """Return the pieces of a whole page in reading order."""
        self.feed(_CONDITIONAL.sub("", html.replace(_PARAGRAPH_BREAK, "")))
        self.close()
        while self._frames:
            self._pop()
        self._flush()
        return self._pieces

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag in VOID:
            self._void(tag, attributes)
            return
        self._end_implied(tag)
        if tag in BLOCK:
            self._flush()
        jump = tag == "a" and (attributes.get("href") or "").startswith("#")
        zone = zone_of(tag, attributes, self._zone())
        self._frames.append(_Frame(tag, zone, is_hidden(tag, attributes), jump, len(self._buffer)))
        self._open[tag] += 1
        self._hidden += self._frames[-1].hidden
        self._jumping += jump
        self._enter(tag, attributes)

    def handle_endtag(self, tag: str) -> None:
        if self._open[tag]:
            while self._frames[-1].tag != tag:
                self._pop()
            self._pop()
        elif tag == "p":
            self._flush()

    def handle_data(self, data: str) -> None:
        if self._hidden:
            return
        self._buffer.append(data)
        if self._jumping:
            self._jump_weight += _weight(data)
        if self._open["strong"] or self._open["b"]:
            self._bold_weight += _weight(data)

    def _zone(self) -> str:
        return self._frames[-1].zone if self._frames else ""

    def _end_implied(self, tag: str) -> None:
        if tag in HEADINGS:
            self._end_open(frozenset(HEADINGS), frozenset(("div", "section", "td", "li")))
        elif tag in IMPLIED_ENDS:
            self._end_open(*IMPLIED_ENDS[tag])
        elif tag in BLOCK and self._frames and self._frames[-1].tag == "p":
            self._pop()

    def _end_open(self, ended: frozenset[str], shields: frozenset[str]) -> None:
        """Close the outermost element of ``ended`` that stands inside the innermost of ``shields``."""
        if not any(self._open[tag] for tag in ended):
            return
        for depth in range(len(self._frames) - 1, -1, -1):
            tag = self._frames[depth].tag
            if tag in shields:
                return
            if tag in ended:
                while len(self._frames) > depth:
                    self._pop()

    def _void(self, tag: str, attributes: dict[str, str | None]) -> None:
        if self._hidden:
            return
        if tag == "br":
            self._buffer.append(_PARAGRAPH_BREAK)
        elif tag == "hr":
            self._flush()
        elif tag == "img" and self._tables:  # ticks and crosses; elsewhere the text says what matters
            self._buffer.append(f" {attributes.get('alt') or ''} ")

    def _enter(self, tag: str, attributes: dict[str, str | None]) -> None:
        if tag in LISTS:
            start = attributes.get("start") or "1"
            self._lists.append((int(start) if start.isdecimal() else 1) if tag == "ol" else 0)
        elif tag == "li":
            self._marker = self._next_marker()
        elif tag == "table":
            self._tables.append(_Table())
        elif tag == "tr" and self._tables:
            self._tables[-1].open_row()
        elif tag in ("td", "th") and self._tables:
            self._tables[-1].open_cell()

    def _next_marker(self) -> str:
        if not self._lists or not self._lists[-1]:
            return ""
        self._lists[-1] += 1
        return f"{self._lists[-1] - 1}. "

    def _pop(self) -> None:
        """Close the innermost element."""
        tag = self._frames[-1].tag
        if tag in BLOCK:
            self._flush()
        elif tag == "sup":
            self._raise_text(self._frames[-1].mark)
        frame = self._frames.pop()
        self._open[tag] -= 1
        self._hidden -= frame.hidden
        self._jumping -= frame.jump
        if tag in LISTS:
            self._lists.pop()
        elif tag == "li":
            self._marker = None
        elif tag == "table":
            self._emit_table()

    def _emit_table(self) -> None:
        for piece in self._tables.pop().pieces(self._open["li"], self._zone()):
            self._emit(piece)

    def _raise_text(self, mark: int) -> None:
        """Write a superscript so that 2 to the 16th does not read 216; drop a footnote's number."""
        raised = "".join(self._buffer[mark:]).strip()
        before = "".join(self._buffer[max(0, mark - 2) : mark]).rstrip()[-2:]
        if _EXPONENT.fullmatch(raised) and (
            before[-1:].isdigit() or before[-1:] == ")" or not before[:-1].isalpha()
        ):
            self._buffer[mark:] = [f"^{raised}"]
        elif _FOOTNOTE.fullmatch(raised):
            self._buffer[mark:] = []

    def _flush(self) -> None:
        """End the block in the buffer."""
        raw = "".join(self._buffer)
        jump, bold = self._jump_weight, self._bold_weight
        self._jump_weight = self._bold_weight = 0
        self._buffer.clear()
        for part in self._parts(raw):
            if text := part.strip():
                piece = self._piece(part, is_jump=0 < jump >= _weight(text))
                if 0 < bold >= _weight(text):
                    self._promote(piece)
                self._emit(piece)

    def _promote(self, piece: Piece) -> None:
        """Make a short paragraph all in bold the heading that its author meant."""
        text = piece.text.strip()
        if piece.kind is BlockKind.PARAGRAPH and not piece.level and _BOLD_HEADING.fullmatch(text):
            piece.kind, piece.level = BlockKind.HEADING, min(self._heading_level + 1, max(HEADINGS.values()))

    def _parts(self, raw: str) -> list[str]:
        """Return the paragraphs of a block: two line breaks in a row start a new one."""
        if self._open["pre"]:
            return [raw.replace(_PARAGRAPH_BREAK, "\n")]
        if _PARAGRAPH_BREAK not in raw:
            return [raw]
        parts = re.split(f"{_PARAGRAPH_BREAK}\\s*{_PARAGRAPH_BREAK}", raw)
        return [part.replace(_PARAGRAPH_BREAK, " ") for part in parts]

    def _piece(self, text: str, *, is_jump: bool) -> Piece:
        zone, depth = self._zone(), self._open["li"]
        if self._open["title"]:
            self.title = self.title or one_line(text)
            return Piece(BlockKind.PARAGRAPH, "")
        for tag, level in HEADINGS.items():
            if self._open[tag]:
                self._heading_level = level
                return Piece(BlockKind.HEADING, _PERMALINK.sub("", text), level, zone)
        if self._open["pre"]:
            return Piece(BlockKind.CODE, verbatim(text), depth, zone)
        if self._marker is not None:
            marker, self._marker = self._marker, None
            return Piece(BlockKind.LIST_ITEM, marker + text.strip(), depth - 1, zone, is_jump)
        kind = BlockKind.QUOTE if self._open["blockquote"] else BlockKind.PARAGRAPH
        return Piece(kind, text, depth, zone)

    def _emit(self, piece: Piece) -> None:
        if not piece.text:
            return
        if self._tables:
            self._tables[-1].add(piece)
        else:
            self._pieces.append(piece)


def _weight(text: str) -> int:
    return len("".join(text.split()))
