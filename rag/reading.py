"""A document as the reader page shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from rag import selectors
from rag.errors import NotFound
from rag.models import Document
from rag.reader_layout import Heading, Node, Span, layout, outline, split_parts
from rag.values import BlockKind

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractUser as User
else:
    User = Any


@dataclass(frozen=True, slots=True)
class Reading:
    """One part of a document; ``part`` is one-based."""

    document: Document
    nodes: tuple[Node, ...]
    outline: tuple[Heading, ...]
    pages: int | None
    part: int
    parts: int
    moved: bool
    """Whether a place was asked for that this version does not hold."""
    question: UUID | None
    """The question whose answer led here."""
    source_link: str


def read(
    user: User,
    pk: UUID,
    *,
    start: int | None = None,
    end: int | None = None,
    part: int | None = None,
    question: UUID | None = None,
) -> Reading:
    """Return the part of a document with the span asked for, else the part asked for; raises ``NotFound``."""
    reader = selectors.document_reader(user, pk)
    parts = split_parts(reader.blocks)
    span, quote = None, ""
    if start is not None and end is not None:
        quote = _quote(user, question, pk, Span(start, end))
        span = locate(reader.text, Span(start, end), quote)
    shown = parts.part_at(span.start) if span else min(max(part or 1, 1), len(parts))
    skip = int(_repeats_title(reader, span))
    return Reading(
        document=reader.document,
        nodes=layout(reader.text, parts.blocks_of(shown)[skip if shown == 1 else 0 :], span),
        outline=outline(reader.text, parts)[skip:],
        pages=reader.pages,
        part=shown,
        parts=len(parts),
        moved=start is not None and span is None,
        question=question,
        source_link=_web_address(reader.document.source_url),
    )


def locate(text: str, span: Span, quote: str) -> Span | None:
    """Return where a quotation stands: at its span, else wherever its words went in a newer version."""
    if not 0 <= span.start < span.end <= len(text):
        span = Span(0, 0)
    if quote and text[span.start : span.end] != quote:
        at = text.find(quote)
        return Span(at, at + len(quote)) if at >= 0 else None
    return span if span.end else None


def _quote(user: User, question: UUID | None, document: UUID, span: Span) -> str:
    """Return the words that an answer quoted from the span, "" where no answer did."""
    if question is None:
        return ""
    try:
        result = selectors.question_get(user, question).result
    except NotFound:
        return ""
    for row in result.get("citations") or ():
        if (UUID(str(row["document"])), row["start"], row["end"]) == (document, span.start, span.end):
            return str(row["quote"])
    return ""


def _repeats_title(reader: selectors.ReaderDocument, span: Span | None) -> bool:
    """Return whether the document opens with a heading that says no more than the page's own."""
    if not reader.blocks or reader.blocks[0].kind is not BlockKind.HEADING:
        return False
    first = reader.blocks[0]
    quoted = span is not None and span.start < first.end
    return reader.text[first.start : first.end] == reader.document.title and not quoted


def _web_address(url: str) -> str:
    """Return an address that is safe to link to, "" for any other."""
    return url if url.lower().startswith(("http://", "https://")) else ""
