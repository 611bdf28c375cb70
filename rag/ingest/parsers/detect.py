"""What a file is, by its content and its name. Pure."""

from __future__ import annotations

import codecs
import re
import zipfile
from enum import StrEnum
from io import BytesIO
from pathlib import PurePath

from rag.ingest.errors import ParseError


class Format(StrEnum):
    """The formats that can be read; the value is the name shown to people."""

    MARKDOWN = "Markdown"
    TEXT = "text"
    HTML = "HTML"
    PDF = "PDF"
    DOCX = "DOCX"


_BY_SUFFIX = {
    **dict.fromkeys((".md", ".markdown", ".mdown", ".mkd", ".mdx"), Format.MARKDOWN),
    **dict.fromkeys((".txt", ".text", ".log", ".rst", ".adoc", ".conf", ".csv"), Format.TEXT),
    **dict.fromkeys((".html", ".htm", ".xhtml"), Format.HTML),
    ".pdf": Format.PDF,
    ".docx": Format.DOCX,
}
_BY_MEDIA_TYPE = {
    "text/markdown": Format.MARKDOWN,
    "text/x-markdown": Format.MARKDOWN,
    "text/plain": Format.TEXT,
    "text/html": Format.HTML,
    "application/xhtml+xml": Format.HTML,
    "application/pdf": Format.PDF,
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": Format.DOCX,
}
SUFFIXES = frozenset(_BY_SUFFIX)
_MAGIC = (
    (b"%PDF-", "PDF"),
    (b"PK\x03\x04", "ZIP"),
    (b"PK\x05\x06", "ZIP"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "OLE"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"\x1f\x8b", "gzip"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"{\\rtf", "RTF"),
    (b"\x7fELF", "ELF"),
    (b"SQLite format 3\x00", "SQLite"),
)
_PDF_SEARCH = 1024
"""The PDF header may stand behind some other bytes (ISO 32000-1, annex H, note 13)."""
_HTML = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html[\s>])", re.I | re.S)
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")


def detect(data: bytes, *, filename: str, media_type: str | None) -> Format:
    """Return the format. Raises ParseError: encrypted, type_mismatch, unsupported_type, not_text, damaged."""
    declared = _declared(filename, media_type)
    found = _found(data)
    if found == "OLE":
        raise _ole_error(data, filename)
    if found == "ZIP":
        return _zip_format(data, declared)
    if isinstance(found, Format):
        return _agree(declared, found)
    if found:
        raise _wrong(declared, found)
    return _text_format(data, declared, filename)


def _declared(filename: str, media_type: str | None) -> Format | None:
    suffix = PurePath(filename.replace("\\", "/")).suffix.lower()
    essence = (media_type or "").partition(";")[0].strip().lower()
    return _BY_SUFFIX.get(suffix) or _BY_MEDIA_TYPE.get(essence)


def _found(data: bytes) -> Format | str:
    """Return the format or the name of a known binary format, "" for anything else."""
    for magic, name in _MAGIC:
        if data.startswith(magic):
            return Format.PDF if name == "PDF" else name
    if b"%PDF-" in data[:_PDF_SEARCH] and not looks_textual(data[:_PDF_SEARCH]):
        return Format.PDF
    return Format.HTML if _HTML.match(data[:4096].removeprefix(codecs.BOM_UTF8)) else ""


def _ole_error(data: bytes, filename: str) -> ParseError:
    """Return why an OLE file is refused: an encrypted DOCX is one ([MS-OFFCRYPTO] 2.3.4), an old .doc too."""
    if _ENCRYPTED_PACKAGE in data:
        return ParseError("encrypted", {"type": Format.DOCX})
    return ParseError("unsupported_type", {"type": PurePath(filename).suffix or ".doc"})


def _zip_format(data: bytes, declared: Format | None) -> Format:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        if declared is Format.DOCX:
            raise ParseError("damaged", {"type": Format.DOCX}) from error
        raise _wrong(declared, "ZIP") from error
    if "word/document.xml" in names:
        return _agree(declared, Format.DOCX)
    raise _wrong(declared, "ZIP")


def _agree(declared: Format | None, found: Format) -> Format:
    textual = (None, Format.MARKDOWN, Format.TEXT) if found is Format.HTML else (None,)
    if declared is found or declared in textual:
        return found
    raise _wrong(declared, found)


def _wrong(declared: Format | None, found: str) -> ParseError:
    if declared is None:
        return ParseError("unsupported_type", {"type": found})
    return ParseError("type_mismatch", {"declared": str(declared), "found": str(found)})


def _text_format(data: bytes, declared: Format | None, filename: str) -> Format:
    if declared in (Format.PDF, Format.DOCX):
        if looks_textual(data[:65536]):
            raise ParseError("type_mismatch", {"declared": str(declared), "found": str(Format.TEXT)})
        raise ParseError("damaged", {"type": str(declared)})
    suffix = PurePath(filename.replace("\\", "/")).suffix.lower()
    if declared is None and suffix:
        raise ParseError("unsupported_type", {"type": suffix})
    if not looks_textual(data[:65536]):
        raise ParseError("not_text")
    return declared or Format.MARKDOWN


_CONTROL = bytes(code for code in range(32) if code not in b"\t\n\x0b\x0c\r\x1b") + b"\x7f"
_MAX_CONTROL_SHARE = 0.01
_FEW_CONTROLS = 8


def looks_textual(data: bytes) -> bool:
    """Return whether bytes can be text: UTF-16 with its mark, or almost no control characters and no NUL."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return True
    if b"\x00" in data:
        return False
    controls = len(data) - len(data.translate(None, _CONTROL))
    return controls <= max(_FEW_CONTROLS, _MAX_CONTROL_SHARE * len(data))
