"""DOCX (ECMA-376 WordprocessingML): paragraphs, headings, lists and tables, read as a stream."""

from __future__ import annotations

from rag.ingest.errors import ParseError
from rag.ingest.parsers.base import DocumentBuilder, ParseLimits, one_line
from rag.ingest.parsers.docx_body import BodyReader
from rag.ingest.parsers.docx_package import Package
from rag.ingest.parsers.docx_styles import CoreReader, NumberingReader, StylesReader
from rag.values import ParsedDocument

_BODY = "word/document.xml"
_NOTES = ("word/footnotes.xml", "word/endnotes.xml")


def parse_docx(data: bytes, *, filename: str, media_type: str | None, limits: ParseLimits) -> ParsedDocument:
    """Return the document. Raises ParseError: damaged, encrypted, decompressed_too_large, too_long, empty."""
    del media_type
    builder = DocumentBuilder(limits)
    with Package(data, limits) as package:
        core = package.read("docProps/core.xml", CoreReader())
        styles = package.read("word/styles.xml", StylesReader())
        numbering = package.read("word/numbering.xml", NumberingReader())
        if not package.has(_BODY):
            raise ParseError("damaged", {"type": "DOCX"})
        body = BodyReader(builder, styles, numbering)
        package.read(_BODY, body)
        for part in _NOTES:
            package.read(part, BodyReader(builder, styles, numbering))
    return builder.build(
        title=one_line(core.title) or body.title or builder.first_heading(), filename=filename
    )
