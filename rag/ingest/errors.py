"""Why a document could not be read, as a code with its figures. Pure."""

from __future__ import annotations

from collections.abc import Mapping

PARSE_ERRORS: dict[str, str] = {
    "empty": "The document holds no text.",
    "too_large": "The file has {megabytes} MB; the limit is {limit} MB.",
    "too_long": "The text is longer than the limit of {limit} characters.",
    "too_many_pages": "The document has {pages} pages; the limit is {limit}.",
    "unsupported_type": "Files of this type ({type}) cannot be read. Use Markdown, text, HTML, PDF or DOCX.",
    "type_mismatch": "The name says {declared}, but the content is {found}.",
    "not_text": "The file is named like a text but holds binary data.",
    "damaged": "The {type} file is damaged and cannot be read.",
    "encrypted": "The {type} file is protected by a password. Remove the password and upload it again.",
    "scanned_only": "The PDF holds only pictures ({pages} pages), no text. Run text recognition (OCR) first.",
    "decompressed_too_large": "The file unpacks to more than {limit} MB.",
    "out_of_memory": "Reading the file needs more than {limit} MB of memory.",
    "timeout": "Reading the file took longer than {seconds} seconds.",
    "crashed": "The file made its reader fail; it is probably damaged.",
}
"""Code -> English sentence, a ``str.format`` template over the error's params."""


class ParseError(Exception):
    """A document that cannot be read: ``code`` is a key of PARSE_ERRORS, ``params`` fill its sentence."""

    def __init__(self, code: str, params: Mapping[str, str | int] | None = None) -> None:
        super().__init__(code, dict(params or {}))
        self.code = code
        self.params: dict[str, str | int] = dict(params or {})

    def __str__(self) -> str:
        return PARSE_ERRORS[self.code].format(**self.params)
