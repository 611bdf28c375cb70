from __future__ import annotations

import hashlib
import importlib.util
import struct
from pathlib import Path

import numpy as np
import pytest

from rag.embedders.base import EmbedderUnavailable
from rag.embedders.e5_weights import MAGIC, WeightFile, digest_of, find_weights


@pytest.fixture(scope="module")
def weights() -> WeightFile:
    try:
        return WeightFile(find_weights())
    except EmbedderUnavailable as error:
        pytest.skip(str(error))


def block(scale: float, values: list[int]) -> bytes:
    """A block of 32 weights (value - 8) * scale: the first half in the low nibbles, the second in the high."""
    return struct.pack(
        "<e16B", scale, *(low | high << 4 for low, high in zip(values[:16], values[16:], strict=True))
    )


def small_file(path: Path) -> Path:
    """A weight file with two pieces, one 2 x 32 matrix and one vector in the package's layout."""
    rows = [block(0.5, list(range(16)) * 2), block(-1.0, [8] * 31 + [15])]
    tensors = {
        "emb.word": b"".join(rows),
        "emb.pos": np.arange(64, dtype="<f4").tobytes(),
        "emb.type": np.full(32, 100, dtype="<f4").tobytes(),
        "bias": np.array([1.5, -2.5], dtype="<f4").tobytes(),
    }
    head = MAGIC + struct.pack("<I7ifi", 1, 32, 1, 1, 64, 2, 2, 1, 1e-12, 32)
    names = ["▁a".encode(), b"b"]
    head += struct.pack("<5iQ", 2, 0, 1, 1, 0, sum(map(len, names)))
    head += struct.pack("<3I2f", 0, 4, 5, -1.0, -2.0) + b"".join(names)
    head += struct.pack("<iI", 1, 9) + struct.pack("<IBI", ord("\n"), 1, ord(" "))
    directory_size = 4 + sum(2 + len(name) + 21 for name in tensors)
    offset, directory, body = len(head) + directory_size, struct.pack("<i", len(tensors)), b""
    for name, data in tensors.items():
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", 0, len(data), offset + len(body), len(data))
        body += data
    path.write_bytes(head + directory + body)
    return path


def test_matrices_are_dequantised_block_by_block(tmp_path: Path) -> None:
    file = WeightFile(small_file(tmp_path / "weights.bin"))

    matrix = file.matrix("emb.word", 32)

    assert matrix[0].tolist() == [(n - 8) * 0.5 for n in range(16)] * 2
    assert matrix[1].tolist() == [0.0] * 31 + [-7.0]


def test_vectors_vocabulary_and_shape_are_read(tmp_path: Path) -> None:
    file = WeightFile(small_file(tmp_path / "weights.bin"))

    vocabulary = file.vocabulary()

    assert file.vector("bias").tolist() == [1.5, -2.5]
    assert vocabulary.ids == {" a": 0, "b": 1} and list(vocabulary.scores) == [-1.0, -2.0]
    assert vocabulary.replacements == {ord("\n"): " "}
    assert (file.shape.hidden, file.shape.layers, file.shape.positions) == (32, 1, 2)


def test_a_token_is_embedded_as_word_position_and_type(tmp_path: Path) -> None:
    file = WeightFile(small_file(tmp_path / "weights.bin"))

    embedded = file.embed(np.array([1, 0]))

    assert embedded[0].tolist() == [n + 100.0 for n in range(31)] + [31 + 100 - 7]
    assert embedded[1, 0] == -4.0 + 32 + 100


def test_another_file_is_refused_with_its_name(tmp_path: Path) -> None:
    other = tmp_path / "other.bin"
    other.write_bytes(b"GGUF" + bytes(100))

    with pytest.raises(EmbedderUnavailable, match=r"other\.bin"):
        WeightFile(other)


@pytest.mark.parametrize("missing", [1, 100, 500])
def test_a_truncated_file_is_refused(tmp_path: Path, missing: int) -> None:
    path = small_file(tmp_path / "weights.bin")
    path.write_bytes(path.read_bytes()[:-missing])

    with pytest.raises(EmbedderUnavailable, match=r"weights\.bin"):
        WeightFile(path)


def test_the_digest_is_the_sha256_of_the_file(tmp_path: Path) -> None:
    path = small_file(tmp_path / "weights.bin")

    assert digest_of(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_package_is_found_without_being_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)

    with pytest.raises(EmbedderUnavailable, match="not installed"):
        find_weights()


def test_the_package_holds_the_model_that_we_expect(weights: WeightFile) -> None:
    shape = weights.shape

    assert (shape.hidden, shape.layers, shape.heads, shape.feed_forward) == (384, 12, 12, 1536)
    assert weights.matrix("l0.fo.w", shape.feed_forward).shape == (384, 1536)
    assert len(weights.vocabulary().ids) == 250_002
