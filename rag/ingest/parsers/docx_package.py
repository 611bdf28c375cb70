"""The parts of a DOCX archive, unpacked and read under limits; XML without entities or DTDs."""

from __future__ import annotations

import zipfile
import zlib
from io import BytesIO
from types import TracebackType
from typing import NoReturn, Protocol, TypeVar
from xml.parsers import expat

from rag.ingest.errors import ParseError
from rag.ingest.parsers.base import MEGABYTE, ParseLimits

_SIZE = 1 << 16
_MAX_DEPTH = 500
_ENCRYPTED = 0x1
_BROKEN_ARCHIVE = (zipfile.BadZipFile, ValueError, NotImplementedError, OSError)

Attributes = dict[str, str]


class Reader(Protocol):
    """Takes the events of one XML part; names are without namespace."""

    def start(self, name: str, attributes: Attributes) -> None: ...
    def end(self, name: str) -> None: ...
    def text(self, text: str) -> None: ...


AnyReader = TypeVar("AnyReader", bound=Reader)


class Package:
    """An open DOCX; all its parts together may not unpack to more than the limit."""

    def __init__(self, data: bytes, limits: ParseLimits) -> None:
        self._limit = self._left = limits.max_decompressed_bytes
        try:
            self._archive = zipfile.ZipFile(BytesIO(data))
        except _BROKEN_ARCHIVE as error:
            raise _damaged() from error

    def __enter__(self) -> Package:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._archive.close()

    def has(self, name: str) -> bool:
        """Return whether the archive holds a part."""
        return name in self._archive.NameToInfo

    def read(self, name: str, reader: AnyReader) -> AnyReader:
        """Return the reader after it has taken the part; a part that is not there has no events."""
        info = self._archive.NameToInfo.get(name)
        if info is None:
            return reader
        if info.flag_bits & _ENCRYPTED:
            raise ParseError("encrypted", {"type": "DOCX"})
        parser = _parser(reader)
        try:
            with self._archive.open(info) as part:
                while data := part.read(_SIZE):
                    self._count(len(data))
                    parser.Parse(data)
            parser.Parse(b"", True)
        except (expat.ExpatError, zlib.error, EOFError, *_BROKEN_ARCHIVE) as error:
            raise _damaged() from error
        return reader

    def _count(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise ParseError("decompressed_too_large", {"limit": self._limit // MEGABYTE})


def _damaged() -> ParseError:
    return ParseError("damaged", {"type": "DOCX"})


def _parser(reader: Reader) -> expat.XMLParserType:
    """Return a parser that refuses what a DOCX never has and an attack needs: document types and entities."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    depth = 0

    def start(name: str, attributes: Attributes) -> None:
        nonlocal depth
        depth += 1
        if depth > _MAX_DEPTH:
            raise _damaged()
        reader.start(_local(name), {_local(key): value for key, value in attributes.items()})

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        reader.end(_local(name))

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.ExternalEntityRefHandler = _refuse
    return parser


def _refuse(*_: object) -> NoReturn:
    raise _damaged()


def _local(name: str) -> str:
    return name.rpartition(" ")[2]
