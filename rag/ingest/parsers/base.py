"""Limits, text cleaning and the builder that every parser writes into. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import PurePath

from rag.ingest.errors import ParseError
from rag.ingest.language import detect_language
from rag.values import Block, BlockKind, ParsedDocument

MEGABYTE = 1024 * 1024
SEPARATOR = "\n\n"
_TITLE_MAX = 200


@dataclass(frozen=True, slots=True)
class ParseLimits:
    """How much one document may cost."""

    max_bytes: int = 50 * MEGABYTE
    max_decompressed_bytes: int = 200 * MEGABYTE
    max_pages: int = 2_000
    max_characters: int = 5_000_000
    max_seconds: float = 120.0
    """Wall clock and processor time."""
    max_memory_bytes: int = 1024 * MEGABYTE
    """What reading may need beyond the idle reader process."""


_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\ue000-\uf8ff\U000e0000-\U000e0fff\U000f0000-\U0010ffff]"
)
"""Control, format, private-use and surrogate characters: they carry no text and can hide some."""
_LINE_BREAK = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_SPACE = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_LIGATURE = re.compile("[\ufb00-\ufb06]")
_BLANKS = re.compile(r"\s+")


def clean(text: str) -> str:
    """Return NFC text with plain spaces and line breaks and without invisible characters."""
    if text.isascii() and text.isprintable():
        return text
    text = _LINE_BREAK.sub("\n", text)
    text = _SPACE.sub(" ", _INVISIBLE.sub("", text))
    text = _LIGATURE.sub(lambda match: unicodedata.normalize("NFKC", match.group()), text)
    return unicodedata.normalize("NFC", text)


def one_line(text: str) -> str:
    """Return cleaned text with every run of white space as one space."""
    return _BLANKS.sub(" ", clean(text)).strip()


def verbatim(text: str) -> str:
    """Return cleaned text that keeps its lines and indentation, without blank lines around it."""
    lines = [line.rstrip() for line in clean(text).expandtabs(4).split("\n")]
    while lines and not lines[0]:
        lines.pop(0)
    while lines and not lines[-1]:
        lines.pop()
    return "\n".join(lines)


def title_from_name(filename: str) -> str:
    """Return a readable title made of a file's name."""
    return one_line(
        re.sub(r"_+|(?<=[^\W\d_])-+(?=[^\W\d_])", " ", PurePath(filename.replace("\\", "/")).stem)
    )


class DocumentBuilder:
    """Collects blocks in reading order and joins them to one text."""

    def __init__(self, limits: ParseLimits) -> None:
        self._limit = limits.max_characters
        self._parts: list[str] = []
        self._blocks: list[Block] = []
        self._length = 0

    def __len__(self) -> int:
        return len(self._blocks)

    def add(self, kind: BlockKind, text: str, *, level: int = 0, page: int | None = None) -> None:
        """Append a block. Prose becomes one line; code and tables keep theirs. Mere signs are left out."""
        keeps_lines = kind in (BlockKind.CODE, BlockKind.TABLE)
        cleaned = verbatim(text) if keeps_lines else one_line(text)
        if kind is BlockKind.CODE and cleaned.strip() or any(character.isalnum() for character in cleaned):
            self._append(kind, cleaned, level, page)

    def add_lines(self, text: str, *, page: int | None = None) -> None:
        """Append a paragraph whose line breaks mean something (an address, a poem)."""
        lines = [one_line(line) for line in clean(text).split("\n")]
        joined = "\n".join(line for line in lines if line)
        if joined:
            self._append(BlockKind.PARAGRAPH, joined, 0, page)

    def _append(self, kind: BlockKind, text: str, level: int, page: int | None) -> None:
        start = self._length + (len(SEPARATOR) if self._parts else 0)
        end = start + len(text)
        if end > self._limit:
            raise ParseError("too_long", {"limit": self._limit})
        self._parts.append(text)
        self._blocks.append(Block(kind, start, end, level, page))
        self._length = end

    def first_heading(self) -> str:
        """Return the text of a heading that opens the document, "" if it opens otherwise."""
        if self._blocks and self._blocks[0].kind is BlockKind.HEADING:
            return self._parts[0]
        return ""

    def build(self, *, title: str, filename: str, pages: int | None = None) -> ParsedDocument:
        """Return the document. Raises ParseError("empty") without any text."""
        if not any(character.isalnum() for part in self._parts for character in part):
            raise ParseError("empty")
        text = SEPARATOR.join(self._parts)
        name = one_line(title) or title_from_name(filename) or self._parts[0]
        return ParsedDocument(
            name[:_TITLE_MAX].strip(), text, tuple(self._blocks), detect_language(text), pages
        )
