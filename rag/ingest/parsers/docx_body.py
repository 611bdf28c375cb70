"""The text of a DOCX part to blocks."""

from __future__ import annotations

from collections import defaultdict

from rag.ingest.parsers.base import DocumentBuilder, one_line
from rag.ingest.parsers.docx_package import Attributes
from rag.ingest.parsers.docx_styles import NumberingReader, Style, StylesReader
from rag.values import BlockKind

_SKIPPED = frozenset(
    ("del", "moveFrom", "Fallback", "instrText", "delText", "pict", "sectPr", "rPrChange", "pPrChange")
)
"""Deleted text, field codes, and the copies of drawings for old programs."""
_SIGNS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}


class BodyReader:
    """Takes the events of a body and writes blocks into a builder."""

    def __init__(self, builder: DocumentBuilder, styles: StylesReader, numbering: NumberingReader) -> None:
        self.title = ""
        self._builder = builder
        self._styles = styles
        self._numbering = numbering
        self._skipped = 0
        self._in_text = False
        self._buffer: list[str] = []
        self._paragraphs: list[_Paragraph] = []
        self._rows: list[list[list[str]]] = []
        """Of the outermost open table: rows of cells of paragraphs."""
        self._tables = 0
        self._code: list[str] = []
        self._counters: defaultdict[tuple[str, int], int] = defaultdict(int)

    def start(self, name: str, attributes: Attributes) -> None:
        if self._skipped or name in _SKIPPED:
            self._skipped += 1
            return
        if name == "p":
            self._paragraphs.append(_Paragraph(len(self._buffer)))
        elif name == "t":
            self._in_text = True
        elif name in _SIGNS:
            self._sign(name)
        elif name == "tbl":
            self._flush_code()
            self._tables += 1
        elif name == "tr" and self._tables == 1:
            self._rows.append([])
        elif name == "tc" and self._tables == 1 and self._rows:
            self._rows[-1].append([])
        elif self._paragraphs:
            self._paragraphs[-1].property(name, attributes.get("val", ""))

    def end(self, name: str) -> None:
        if self._skipped:
            self._skipped -= 1
        elif name == "t":
            self._in_text = False
        elif name == "p" and self._paragraphs:
            self._end_paragraph(self._paragraphs.pop())
        elif name == "tbl":
            self._end_table()
        elif name in ("body", "footnotes", "endnotes"):
            self._flush_code()

    def text(self, text: str) -> None:
        if self._in_text and not self._skipped:
            self._buffer.append(text)

    def _sign(self, name: str) -> None:
        """Take a tab or break of the text; in a paragraph's properties "tab" is a tab stop."""
        if self._paragraphs and not self._paragraphs[-1].in_properties:
            self._buffer.append(_SIGNS[name])

    def _end_paragraph(self, paragraph: _Paragraph) -> None:
        text = "".join(self._buffer[paragraph.mark :])
        del self._buffer[paragraph.mark :]
        if not text.strip():
            return
        if self._tables:
            if self._rows and self._rows[-1]:
                self._rows[-1][-1].append(one_line(text))
            return
        style = self._styles.get(paragraph.style)
        if style.is_code:
            self._code.append(text)
        elif not style.is_contents:
            self._flush_code()
            self._add(paragraph, style, text)

    def _add(self, paragraph: _Paragraph, style: Style, text: str) -> None:
        level = paragraph.outline or style.level
        numbering = paragraph.numbering or style.numbering
        if style.is_title and not self.title:
            self.title = one_line(text)
            self._builder.add(BlockKind.HEADING, text, level=1)
        elif level:
            self._builder.add(BlockKind.HEADING, text, level=level)
        elif numbering not in ("", "0"):
            self._builder.add(
                BlockKind.LIST_ITEM, self._marker(paragraph, numbering) + text, level=paragraph.depth
            )
        else:
            self._builder.add(BlockKind.QUOTE if style.is_quote else BlockKind.PARAGRAPH, text)

    def _marker(self, paragraph: _Paragraph, numbering: str) -> str:
        if not self._numbering.is_ordered(numbering, str(paragraph.depth)):
            return ""
        self._counters[numbering, paragraph.depth] += 1
        for key in [key for key in self._counters if key[0] == numbering and key[1] > paragraph.depth]:
            del self._counters[key]
        return f"{self._counters[numbering, paragraph.depth]}. "

    def _end_table(self) -> None:
        self._tables = max(0, self._tables - 1)
        if self._tables:
            return
        rows, self._rows = self._rows, []
        if max((len(row) for row in rows), default=0) < 2:
            for text in (text for row in rows for cell in row for text in cell):
                self._builder.add(BlockKind.PARAGRAPH, text)
            return
        lines = [" | ".join(" ".join(cell) for cell in row) for row in rows]
        self._builder.add(BlockKind.TABLE, "\n".join(line for line in lines if line.strip(" |")))

    def _flush_code(self) -> None:
        if self._code:
            self._builder.add(BlockKind.CODE, "\n".join(self._code))
            self._code = []


class _Paragraph:
    """An open paragraph: where its text starts, and its properties."""

    def __init__(self, mark: int) -> None:
        self.mark = mark
        self.style = self.numbering = ""
        self.depth = self.outline = 0
        self.in_properties = False

    def property(self, name: str, value: str) -> None:
        if name == "pPr":
            self.in_properties = True
        elif name == "r":
            self.in_properties = False
        elif name == "pStyle":
            self.style = value
        elif name == "numId":
            self.numbering = value
        elif name == "ilvl" and value.isdecimal():
            self.depth = min(int(value), 8)
        elif name == "outlineLvl" and value.isdecimal() and int(value) < 6:
            self.outline = int(value) + 1
