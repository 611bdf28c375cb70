"""Plain text: paragraphs, list items and underlined headings."""

from __future__ import annotations

import re

from rag.ingest.parsers.base import DocumentBuilder, ParseLimits, clean, one_line
from rag.ingest.parsers.decoding import decode
from rag.values import BlockKind, ParsedDocument

_BLANK_LINES = re.compile(r"\n[ \t]*\n\s*?(?=[ \t]*\S)")
_UNDERLINE = re.compile(r"([=\-~^*#])\1{2,}\s*")
_BULLET = re.compile(r"([ \t]*)(?:[-*+•◦▪‣–—]|(\d{1,3}[.)]|[a-zA-Z][.)]))[ \t]+(?=\S)")
_WRAPPED = 45
"""Lines of at least this length, but for the last, were wrapped by an editor."""
_TITLE_MAX = 100


def parse_text(data: bytes, *, filename: str, media_type: str | None, limits: ParseLimits) -> ParsedDocument:
    """Return the text with paragraphs re-joined where an editor wrapped them. Raises ParseError."""
    builder = DocumentBuilder(limits)
    paragraphs = [
        part for part in _BLANK_LINES.split(clean(decode(data, media_type=media_type))) if part.strip()
    ]
    title = ""
    for number, paragraph in enumerate(paragraphs):
        lines = paragraph.strip("\n").split("\n")
        if number == 0 and len(paragraphs) > 1 and _is_title(lines):
            title = one_line(lines[0])
            builder.add(BlockKind.HEADING, title, level=1)
        else:
            _add_paragraph(builder, lines)
    return builder.build(title=title or builder.first_heading(), filename=filename)


def _is_title(lines: list[str]) -> bool:
    line = lines[0].strip()
    return (
        len(lines) == 1
        and 0 < len(line) <= _TITLE_MAX
        and line[-1] not in ".:;,!?"
        and not _BULLET.match(line)
    )


def _add_paragraph(builder: DocumentBuilder, lines: list[str]) -> None:
    if len(lines) > 1 and _UNDERLINE.fullmatch(lines[1].strip()) and len(lines[0].strip()) <= _TITLE_MAX:
        builder.add(BlockKind.HEADING, lines[0], level=1 if lines[1].lstrip().startswith("=") else 2)
        lines = lines[2:]
    group: list[str] = []
    for line in lines:
        if _BULLET.match(line):
            _add_group(builder, group)
            group = []
        group.append(line)
    _add_group(builder, group)


def _add_group(builder: DocumentBuilder, lines: list[str]) -> None:
    """Write an item, a paragraph, or lines that stand for themselves."""
    if not lines:
        return
    bullet = _BULLET.match(lines[0])
    if bullet:
        ordinal = f"{bullet.group(2)} " if bullet.group(2) else ""
        text = ordinal + "\n".join([lines[0][bullet.end() :], *lines[1:]])
        builder.add(BlockKind.LIST_ITEM, text, level=min(len(bullet.group(1).expandtabs(4)) // 2, 6))
    elif _is_preformatted(lines):
        builder.add(BlockKind.CODE, "\n".join(lines))
    elif all(len(line.strip()) >= _WRAPPED for line in lines[:-1]):
        builder.add(BlockKind.PARAGRAPH, "\n".join(lines))
    else:
        builder.add_lines("\n".join(lines))


def _is_preformatted(lines: list[str]) -> bool:
    """Return whether inner white space draws columns or nesting."""
    indents = {len(line) - len(line.lstrip()) for line in lines if line.strip()}
    columns = sum(1 for line in lines if re.search(r"\S {3,}\S|\t", line.strip()))
    return len(lines) > 1 and (columns * 2 > len(lines) or (len(indents) > 2 and min(indents) >= 2))
