"""Bytes to text where the encoding is not known for sure. Pure."""

from __future__ import annotations

import codecs
import re

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.I)
_META_SEARCH = 4096
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def decode(data: bytes, *, media_type: str | None = None, is_html: bool = False) -> str:
    """Return the text: by its byte order mark, else UTF-8, else the declared charset, else Windows-1252."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, errors="replace")
    text = data.decode("utf-8", errors="replace")
    bad = text.count(_REPLACEMENT)
    if not bad or _mostly_utf8(text, bad):
        return text
    declared = _declared_charset(data, media_type, is_html=is_html)
    return data.decode(declared, errors="replace") if declared else _western(data)


def _mostly_utf8(text: str, bad: int) -> bool:
    """Return whether a few broken bytes stand in a text that is UTF-8 otherwise."""
    return sum(1 for character in text if character > "\x7f") - bad > 4 * bad


def _declared_charset(data: bytes, media_type: str | None, *, is_html: bool) -> str:
    head = data[:_META_SEARCH].decode("ascii", errors="ignore") if is_html else ""
    for place in (media_type or "", head):
        found = _CHARSET.search(place)
        if found and (name := _text_codec(found.group(1))):
            return name
    return ""


def _text_codec(name: str) -> str:
    try:
        info = codecs.lookup(name)
    except LookupError:
        return ""
    is_text = getattr(info, "_is_text_encoding", True)
    return "" if not is_text or info.name in ("utf-8", "utf-7", "idna", "punycode") else info.name


def _western(data: bytes) -> str:
    """Return Windows-1252, the superset of Latin-1 in use; its five unassigned bytes as in Latin-1."""
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return data.decode("latin-1")
