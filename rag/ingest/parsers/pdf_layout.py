"""Lines of PDF pages to paragraphs, headings, items and code, by place and size. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rag.values import BlockKind

HYPHEN = "\ufffe"
"""What pdfium puts for a hyphen at the end of a line, which it joins with the next."""
_MARGIN = 0.15
"""Share of a page's height, above and below, where running heads and page numbers stand."""
_EDGE_LINES = 2
_MIN_REPEATS = 3
_REPEAT_SHARE = 0.4
_PAGE_NUMBER = re.compile(
    r"(?:p(?:age|\.)?\s*)?[-–]?\s*(?:\d{1,4}|[ivxl]{1,6})\s*[-–]?(?:\s*(?:/|of|sur|de)\s*\d{1,4})?", re.I
)
_BULLET = re.compile(r"(?:[•◦▪‣●○■□–—*\u00b7\uf0b7\uf0a7]|-)\s+(?=\S)|[•◦▪‣●\uf0b7\uf0a7](?=\S)")
_ORDINAL = re.compile(r"(?:\(?(?:\d{1,2}|[a-z]|[ivx]{1,4})[.)])\s+(?=\S)", re.I)
_SECTION = re.compile(r"(\d{1,2}(?:\.\d{1,2}){1,4})\.?\s+[^\W\d_]")
_TERMINAL = re.compile(r"[.!?:;…][\"'»”’)\]]*$")
_HEADING_SIZE = 1.12
_HEADING_LENGTH = 150
_BOLD_HEADING_LENGTH = 100
_SAME_SIZE = 0.08
_PARAGRAPH_GAP = 1.4
_SHORT_LINE = 0.82
_MAX_LEVEL = 6


@dataclass(frozen=True, slots=True)
class PageArea:
    """The visible part of a page, in points, y upwards."""

    left: float
    bottom: float
    right: float
    top: float


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text as drawn, or two that a hyphen joined; ``y`` and ``end_y`` are the baselines."""

    text: str
    page: int
    x: float
    right: float
    y: float
    end_y: float
    size: float
    bold: bool = False
    fixed: bool = False


BlockRow = tuple[BlockKind, str, int, int]
"""Kind, text, level, page."""


@dataclass(frozen=True, slots=True)
class _Style:
    """What is usual in the document."""

    size: float
    leading: float
    bold: bool
    heading_sizes: tuple[float, ...]
    words: Counter[str]

    def level(self, line: Line) -> int:
        """Return the heading level of a line by its size: 1 for the largest."""
        larger = sum(1 for size in self.heading_sizes if size > line.size * (1 + _SAME_SIZE / 2))
        return min(larger + 1, _MAX_LEVEL)


def blocks_of(lines: list[Line], areas: dict[int, PageArea]) -> Iterator[BlockRow]:
    """Yield the blocks of a document in reading order, without running heads, feet and page numbers."""
    body = [line for line in _without_running_lines(lines, areas) if line.text.strip(HYPHEN + " ")]
    if not body:
        return
    style = _style(body)
    for paragraph in _paragraphs(body, style):
        yield _block(paragraph, style)


def _without_running_lines(lines: list[Line], areas: dict[int, PageArea]) -> list[Line]:
    edge = set(_edge_lines(lines, areas))
    pages = Counter(key for _, key in {(lines[n].page, _running_key(lines[n].text)) for n in edge})
    enough = max(_MIN_REPEATS, _REPEAT_SHARE * len(areas))
    return [
        line
        for number, line in enumerate(lines)
        if number not in edge
        or (pages[_running_key(line.text)] < enough and not _PAGE_NUMBER.fullmatch(line.text.strip()))
    ]


def _edge_lines(lines: list[Line], areas: dict[int, PageArea]) -> Iterator[int]:
    """Yield the indexes of the outermost lines of each page that stand in its margins."""
    pages: dict[int, list[int]] = {}
    for number, line in enumerate(lines):
        pages.setdefault(line.page, []).append(number)
    for page, numbers in pages.items():
        area = areas[page]
        margin = (area.top - area.bottom) * _MARGIN
        numbers.sort(key=lambda number: lines[number].y)
        yield from (n for n in numbers[:_EDGE_LINES] if lines[n].y < area.bottom + margin)
        yield from (n for n in numbers[-_EDGE_LINES:] if lines[n].y > area.top - margin)


def _running_key(text: str) -> str:
    """Return the text with numbers alike, so that "Page 3" and "Page 4" are one running foot."""
    return re.sub(r"\d+", "#", " ".join(text.split()).casefold())


def _style(lines: list[Line]) -> _Style:
    sizes: Counter[float] = Counter()
    bold = fixed_length = 0
    for line in lines:
        sizes[round(line.size * 2) / 2] += len(line.text)
        bold += len(line.text) if line.bold else 0
        fixed_length += len(line.text)
    size = sizes.most_common(1)[0][0] or 1.0
    gaps = Counter(
        round((above.end_y - below.y) * 2) / 2
        for above, below in zip(lines, lines[1:], strict=False)
        if above.page == below.page and 0.7 * size < above.end_y - below.y < 2.5 * size
    )
    leading = gaps.most_common(1)[0][0] if gaps else 1.2 * size
    large = {round(line.size * 2) / 2 for line in lines if line.size >= size * _HEADING_SIZE}
    words = Counter(word for line in lines for word in re.findall(r"[\w’'-]+", line.text.lower()))
    return _Style(size, leading, bold * 2 > fixed_length, tuple(sorted(_distinct(large))), words)


def _distinct(sizes: Iterable[float]) -> Iterator[float]:
    """Yield sizes that differ enough to tell heading levels apart."""
    last = 0.0
    for size in sorted(sizes):
        if size > last * (1 + _SAME_SIZE):
            yield size
            last = size


def _paragraphs(lines: list[Line], style: _Style) -> Iterator[list[Line]]:
    paragraph: list[Line] = []
    right = _right_edges(lines)
    for line in lines:
        if paragraph and _starts_new(paragraph, line, style, right[line.page]):
            yield paragraph
            paragraph = []
        paragraph.append(line)
    yield paragraph


def _right_edges(lines: list[Line]) -> dict[int, float]:
    edges: dict[int, float] = {}
    for line in lines:
        edges[line.page] = max(edges.get(line.page, 0.0), line.right)
    return edges


def _starts_new(paragraph: list[Line], line: Line, style: _Style, right: float) -> bool:
    last = paragraph[-1]
    if abs(line.size - last.size) > _SAME_SIZE * max(line.size, last.size):
        return True
    if line.fixed != last.fixed or _is_heading_line(last, style) != _is_heading_line(line, style):
        return True
    gap = last.end_y - line.y
    if line.page != last.page or gap < -0.5 * style.size:
        return not _goes_on(last, line)
    if gap > _PARAGRAPH_GAP * style.leading * max(1.0, line.size / style.size) or _opens_item(line):
        return True
    if line.fixed or _is_heading_line(line, style):
        return False
    ended = bool(_TERMINAL.search(last.text))
    indented = line.x > last.x + 0.8 * style.size and (len(paragraph) > 1 or not _opens_item(paragraph[0]))
    short = last.right - last.x < _SHORT_LINE * (right - last.x)
    return (ended and (indented or short)) or (short and indented)


def _goes_on(last: Line, line: Line) -> bool:
    """Return whether a sentence runs on into the next column or page."""
    return line.fixed == last.fixed and not _TERMINAL.search(last.text) and line.text[:1].islower()


def _opens_item(line: Line) -> bool:
    return bool(_BULLET.match(line.text) or _ORDINAL.match(line.text))


def _is_heading_line(line: Line, style: _Style) -> bool:
    if line.fixed or len(line.text) > _HEADING_LENGTH or not any(c.isalnum() for c in line.text):
        return False
    if line.size >= style.size * _HEADING_SIZE:
        return True
    short = len(line.text) <= _BOLD_HEADING_LENGTH and line.text[-1] not in ".,;:"
    return short and line.bold and not style.bold and not _BULLET.match(line.text)


def _block(paragraph: list[Line], style: _Style) -> BlockRow:
    first = paragraph[0]
    text = _joined([line.text for line in paragraph], style.words)
    if _is_heading_line(first, style) and len(text) <= 2 * _HEADING_LENGTH:
        return BlockKind.HEADING, text, style.level(first), first.page
    if (section := _SECTION.match(text)) and len(paragraph) == 1 and not _TERMINAL.search(text):
        return BlockKind.HEADING, text, min(section.group(1).count(".") + 2, _MAX_LEVEL), first.page
    if first.fixed and len(paragraph) > 1:
        return BlockKind.CODE, _indented(paragraph), 0, first.page
    if bullet := _BULLET.match(text):
        return BlockKind.LIST_ITEM, text[bullet.end() :], 0, first.page
    kind = BlockKind.LIST_ITEM if _ORDINAL.match(text) else BlockKind.PARAGRAPH
    return kind, text, 0, first.page


def _indented(paragraph: list[Line]) -> str:
    """Return lines of fixed-width type with the indentation that their places show."""
    left = min(line.x for line in paragraph)
    width = 0.6 * (paragraph[0].size or 1.0)
    return "\n".join(" " * round((line.x - left) / width) + line.text for line in paragraph)


def _joined(texts: list[str], words: Counter[str]) -> str:
    """Return one line; a hyphen at a line's end stays where the document writes the word with one elsewhere."""
    joined = texts[0]
    for text in texts[1:]:
        if re.search(r"\w-$", joined) and text[:1].islower():
            joined = joined[:-1] + HYPHEN + text
        elif re.search(r"\w[-/]$", joined):
            joined += text
        else:
            joined += " " + text
    return re.sub(rf"([\w’'-]*)(?:{HYPHEN}+)\s*([\w’'-]*)", lambda match: _hyphenated(match, words), joined)


def _hyphenated(match: re.Match[str], words: Counter[str]) -> str:
    before, after = match.groups()
    with_hyphen, without = f"{before}-{after}".lower(), f"{before}{after}".lower()
    keeps = not after[:1].islower() or (words[with_hyphen] > words[without])
    return f"{before}-{after}" if keeps and before and after else before + after
