"""HTML pages: the main content, without navigation, scripts and what a reader does not see."""

from __future__ import annotations

import re
from itertools import groupby

from rag.ingest.errors import ParseError
from rag.ingest.parsers.base import DocumentBuilder, ParseLimits
from rag.ingest.parsers.decoding import decode
from rag.ingest.parsers.html_blocks import BlockCollector, Piece
from rag.values import BlockKind, ParsedDocument

_ENOUGH = 500
"""Characters that make a <main> or <article> count as the content of a page."""
_ENOUGH_SHARE = 0.25
_MIN_CONTENTS = 3
_CONTENTS_SHARE = 0.6
_CONTENTS = re.compile(
    r"(?:table of )?contents?|toc|index|on this page|in this article|"
    r"table des matières|sommaire|sur cette page|dans cet article",
    re.I,
)


def parse_html(data: bytes, *, filename: str, media_type: str | None, limits: ParseLimits) -> ParsedDocument:
    """Return the main content of a page. Raises ParseError: empty, too_long, damaged."""
    collector = BlockCollector()
    found = collect(collector, decode(data, media_type=media_type, is_html=True))
    pieces = without_contents(main_content(found))
    builder = DocumentBuilder(limits)
    add_pieces(builder, pieces)
    return builder.build(title=_title(collector.title, pieces), filename=filename)


def collect(collector: BlockCollector, html: str) -> list[Piece]:
    """Return the pieces of a page. Raises ParseError("damaged") where the tag parser gives up."""
    try:
        return collector.collect(html)
    except AssertionError as error:  # html.parser's way to refuse a malformed declaration
        raise ParseError("damaged", {"type": "HTML"}) from error


def add_pieces(builder: DocumentBuilder, pieces: list[Piece]) -> None:
    """Write the pieces into a document."""
    for piece in pieces:
        builder.add(piece.kind, piece.text, level=piece.level)


def main_content(pieces: list[Piece]) -> list[Piece]:
    """Return the pieces of <main>, else of the articles, else all but page furniture, else all."""
    body = [piece for piece in pieces if piece.zone != "furniture"]
    size = _size(body)
    for zone in ("main", "article"):
        chosen = [piece for piece in body if piece.zone == zone]
        if _size(chosen) >= min(_ENOUGH, _ENOUGH_SHARE * size) and chosen:
            return chosen
    return body if size else pieces


def _size(pieces: list[Piece]) -> int:
    return sum(len(piece.text) for piece in pieces)


def without_contents(pieces: list[Piece]) -> list[Piece]:
    """Return the pieces without lists of links into the page: they match every question and answer none."""
    kept: list[Piece] = []
    for is_list, group in groupby(pieces, lambda piece: piece.kind is BlockKind.LIST_ITEM):
        run = list(group)
        if not (is_list and _is_contents(run)):
            kept.extend(run)
        elif kept and kept[-1].kind is BlockKind.HEADING and _CONTENTS.fullmatch(kept[-1].text.strip()):
            kept.pop()
    return kept


def _is_contents(items: list[Piece]) -> bool:
    jumps = [item for item in items if item.is_jump]
    return len(jumps) >= _MIN_CONTENTS and _size(jumps) >= _CONTENTS_SHARE * _size(items)


def _title(title: str, pieces: list[Piece]) -> str:
    """Return the page's title, or its first heading where the title only adds the site's name to it."""
    heading = next((p.text.strip() for p in pieces if p.kind is BlockKind.HEADING and p.level == 1), "")
    return heading if heading and (not title or heading in title) else title
