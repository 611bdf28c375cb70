"""Documents of any accepted format to clean text with its structure."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module

from rag.ingest.errors import ParseError
from rag.ingest.parsers.base import MEGABYTE, ParseLimits
from rag.ingest.parsers.detect import SUFFIXES, Format, detect
from rag.values import ParsedDocument

__all__ = ["MEGABYTE", "SUFFIXES", "Format", "ParseError", "ParseLimits", "detect", "load_all", "parse"]


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
    parser = _parser(detect(data, filename=filename, media_type=media_type))
    return parser(data, filename=filename, media_type=media_type, limits=limits)


def load_all() -> None:
    """Import every parser, so that the first document does not wait for it."""
    for format_ in Format:
        _parser(format_)


@cache
def _parser(format_: Format) -> Callable[..., ParsedDocument]:
    """Return the parser of a format. Imported late: PDF loads native code that has no place in the web process."""
    name = format_.name.lower()
    parser: Callable[..., ParsedDocument] = getattr(import_module(f"{__name__}.{name}"), f"parse_{name}")
    return parser
