"""Documents of any accepted format to clean text with its structure."""

from __future__ import annotations

from rag.ingest.errors import ParseError
from rag.ingest.parsers.base import MEGABYTE, ParseLimits
from rag.ingest.parsers.detect import SUFFIXES, Format, detect
from rag.ingest.parsers.html import parse_html
from rag.ingest.parsers.markdown import parse_markdown
from rag.ingest.parsers.text import parse_text
from rag.values import ParsedDocument

__all__ = ["MEGABYTE", "SUFFIXES", "Format", "ParseError", "ParseLimits", "detect", "parse"]

_PARSERS = {
    Format.MARKDOWN: parse_markdown,
    Format.TEXT: parse_text,
    Format.HTML: parse_html,
}


def parse(data: bytes, *, filename: str, media_type: str | None, limits: ParseLimits) -> ParsedDocument:
    """Return the document's clean text and blocks. Raises ParseError with a code of PARSE_ERRORS.

    Hostile input may take long, much memory or the process down: call this through
    ``rag.ingest.sandbox.ParserProcess`` for anything that comes from outside.
    """
    if len(data) > limits.max_bytes:
        megabytes = -(-len(data) // MEGABYTE)
        raise ParseError("too_large", {"megabytes": megabytes, "limit": limits.max_bytes // MEGABYTE})
    if not data.strip():
        raise ParseError("empty")
    parser = _PARSERS[detect(data, filename=filename, media_type=media_type)]
    return parser(data, filename=filename, media_type=media_type, limits=limits)
