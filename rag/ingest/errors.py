"""Why a document could not be read, as a code with its figures. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from resilience.texts import gettext_noop

PARSE_ERRORS: dict[str, str] = {
    "empty": gettext_noop("The document holds no text."),
    "too_large": gettext_noop("The file has %(megabytes)s MB; the limit is %(limit)s MB."),
    "too_long": gettext_noop("The text is longer than the limit of %(limit)s characters."),
    "too_many_pages": gettext_noop("The document has %(pages)s pages; the limit is %(limit)s."),
    "unsupported_type": gettext_noop(
        "Files of this type (%(type)s) cannot be read. Use Markdown, text, HTML, PDF or DOCX."
    ),
    "type_mismatch": gettext_noop("The name says %(declared)s, but the content is %(found)s."),
    "not_text": gettext_noop("The file is named like a text but holds binary data."),
    "damaged": gettext_noop("The %(type)s file is damaged and cannot be read."),
    "encrypted": gettext_noop(
        "The %(type)s file is protected by a password. Remove the password and upload it again."
    ),
    "scanned_only": gettext_noop(
        "The PDF holds only pictures (%(pages)s pages), no text. Run text recognition (OCR) first."
    ),
    "decompressed_too_large": gettext_noop("The file unpacks to more than %(limit)s MB."),
    "out_of_memory": gettext_noop("Reading the file needs more than %(limit)s MB of memory."),
    "timeout": gettext_noop("Reading the file took longer than %(seconds)s seconds."),
    "crashed": gettext_noop("The file made its reader fail; it is probably damaged."),
}
"""Code -> English sentence, a ``%`` template over the error's params."""


class ParseError(Exception):
    """A document that cannot be read: ``code`` is a key of PARSE_ERRORS, ``params`` fill its sentence."""

    def __init__(self, code: str, params: Mapping[str, str | int] | None = None) -> None:
        super().__init__(code, dict(params or {}))
        self.code = code
        self.params: dict[str, str | int] = dict(params or {})

    def __str__(self) -> str:
        return PARSE_ERRORS[self.code] % self.params
