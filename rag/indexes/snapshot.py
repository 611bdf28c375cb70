"""Files of named numpy arrays with a header, written whole or not at all, checked when read.

Layout: magic, length of the header, header (JSON), then the arrays, each at a multiple of 64 bytes. The
header carries what the caller wants to know before reading (``facts``) and a CRC-32 of itself and each array.
"""

from __future__ import annotations

import json
import os
import struct
import tempfile
import zlib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from rag.indexes.base import SnapshotRefused

Array = NDArray[Any]

_MAGIC = b"MCPINDEX"
_PREFIX = struct.Struct("<8sQI")
_ALIGNMENT = 64
_BLOCK = 1 << 24


def write(path: Path, facts: Mapping[str, object], arrays: Mapping[str, Array]) -> None:
    """Put ``facts`` and ``arrays`` at ``path``; what was there stays whole until the new file is."""
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    tables, offset = {}, 0
    for name, array in arrays.items():
        tables[name] = {
            "dtype": array.dtype.str,
            "shape": list(array.shape),
            "offset": offset,
            "crc": zlib.crc32(_bytes(array)),
        }
        offset += _aligned(array.nbytes)
    header = json.dumps({"facts": dict(facts), "arrays": tables}).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=path.name, suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            _write_all(file, header, arrays.values())
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


class Reader:
    """An open file of arrays. It stays readable when ``write`` puts another one in its place."""

    def __init__(self, path: Path) -> None:
        """SnapshotRefused when there is no file with a whole header at ``path``."""
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise SnapshotRefused(f"cannot open {path.name}: {error.strerror}") from error
        try:
            header, self._start = _header(self._file)
        except SnapshotRefused:
            self._file.close()
            raise
        self._tables: dict[str, Any] = header["arrays"]
        self.facts: dict[str, Any] = header["facts"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def read(self, names: Iterable[str] | None = None) -> dict[str, Array]:
        """All arrays or those in ``names``. SnapshotRefused when one is missing or damaged."""
        wanted = list(self._tables if names is None else names)
        missing = [name for name in wanted if name not in self._tables]
        if missing:
            raise SnapshotRefused(f"no {', '.join(missing)}")
        return {name: _array(self._file, self._start, name, self._tables[name]) for name in wanted}


def _write_all(file: BinaryIO, header: bytes, arrays: Collection[Array]) -> None:
    file.write(_PREFIX.pack(_MAGIC, len(header), zlib.crc32(header)))
    file.write(header)
    file.write(b"\0" * (-file.tell() % _ALIGNMENT))
    for array in arrays:
        file.write(_bytes(array))
        file.write(b"\0" * (_aligned(array.nbytes) - array.nbytes))


def _header(file: BinaryIO) -> tuple[dict[str, Any], int]:
    """Header and the place where the arrays begin."""
    prefix = file.read(_PREFIX.size)
    if len(prefix) < _PREFIX.size:
        raise SnapshotRefused("file too short")
    magic, length, checksum = _PREFIX.unpack(prefix)
    if magic != _MAGIC or length > os.fstat(file.fileno()).st_size:
        raise SnapshotRefused("not an index")
    header = file.read(length)
    if zlib.crc32(header) != checksum:
        raise SnapshotRefused("damaged header")
    return json.loads(header), _aligned(_PREFIX.size + length)


def _array(file: BinaryIO, start: int, name: str, table: dict[str, Any]) -> Array:
    array = np.empty(table["shape"], np.dtype(table["dtype"]))
    file.seek(start + table["offset"])
    target, checksum = _bytes(array), 0
    for place in range(0, len(target), _BLOCK):
        block = target[place : place + _BLOCK]
        if file.readinto(block) != len(block):  # type: ignore[attr-defined]
            raise SnapshotRefused(f"{name} is cut short")
        checksum = zlib.crc32(block, checksum)
    if checksum != table["crc"]:
        raise SnapshotRefused(f"{name} is damaged")
    return array


def _bytes(array: Array) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def _aligned(size: int) -> int:
    return size + -size % _ALIGNMENT
