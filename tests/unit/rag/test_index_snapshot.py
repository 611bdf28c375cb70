from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.indexes import analyser, snapshot
from rag.indexes.base import IndexCounts, SnapshotRefused
from rag.indexes.embedded import EmbeddedIndex
from tests.unit.rag.test_index import MINE, chunk, filled, key, search, vector

QUESTION = "canal balance"


@pytest.fixture
def index() -> EmbeddedIndex:
    made = filled(*(chunk(number, f"channel balance word{number}") for number in range(1, 30)))
    made.remove_document(key(5))
    made.question_centres = np.stack([vector(500), vector(501)])
    made.sequence = 42
    return made


@pytest.fixture
def path(tmp_path: Path, index: EmbeddedIndex) -> Path:
    place = tmp_path / "index" / "chunks.index"
    index.save(place)
    return place


def test_a_saved_index_comes_back_as_it_was(index: EmbeddedIndex, path: Path) -> None:
    loaded = EmbeddedIndex.load(path, model_id="model", wait=True)

    assert loaded.sequence == 42
    assert loaded.counts() == index.counts()
    assert search(loaded, QUESTION, 3) == search(index, QUESTION, 3)
    assert search(loaded, QUESTION, 3, collections=frozenset({MINE})) == search(index, QUESTION, 3)


def test_a_loaded_index_goes_on_taking_changes(path: Path) -> None:
    loaded = EmbeddedIndex.load(path, model_id="model")

    loaded.add_document([chunk(50, "watchtower")])
    loaded.remove_document(key(1))

    assert search(loaded, "watchtower", 50)[0].chunk == key(1050)
    assert key(1001) not in {hit.chunk for hit in search(loaded, QUESTION, 1)}
    assert loaded.vectors_loaded


def test_an_index_answers_by_words_while_its_vectors_are_being_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from threading import Event

    go = Event()
    read = snapshot.Reader.read

    def slow_matrix(reader: snapshot.Reader, names: list[str]) -> dict[str, snapshot.Array]:
        if names == ["matrix"]:
            go.wait(30)
        return read(reader, names)

    monkeypatch.setattr(snapshot.Reader, "read", slow_matrix)
    loaded = EmbeddedIndex.load(path, model_id="model")

    early = search(loaded, QUESTION, 3)

    assert not loaded.vectors_loaded
    assert early[0].vector_score is None
    go.set()
    loaded.set_vectors({key(1002): vector(2)})  # a change waits until the vectors are there
    assert search(loaded, QUESTION, 3)[0].vector_score is not None


def test_an_index_whose_vectors_cannot_be_read_says_so_and_takes_new_ones(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = snapshot.Reader.read

    def no_memory(reader: snapshot.Reader, names: list[str]) -> dict[str, snapshot.Array]:
        if names == ["matrix"]:
            raise MemoryError
        return read(reader, names)

    monkeypatch.setattr(snapshot.Reader, "read", no_memory)
    loaded = EmbeddedIndex.load(path, model_id="model", wait=True)

    assert loaded.counts().chunks_without_vector == 28
    loaded.set_vectors({key(1002): vector(2)})
    assert search(loaded, QUESTION, 2)[0].chunk == key(1002)
    assert loaded.counts().chunks_without_vector == 27


def test_an_empty_index_can_be_saved_and_loaded(tmp_path: Path) -> None:
    EmbeddedIndex("model").save(tmp_path / "empty")

    loaded = EmbeddedIndex.load(tmp_path / "empty", model_id="model", wait=True)

    assert loaded.counts() == IndexCounts(0, 0, 0)
    assert search(loaded, QUESTION, 1) == []


def test_a_snapshot_of_another_model_is_refused(path: Path) -> None:
    with pytest.raises(SnapshotRefused, match="model_id model instead of other"):
        EmbeddedIndex.load(path, model_id="other")


def test_a_snapshot_of_an_older_analyser_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analyser, "VERSION", analyser.VERSION + 1)

    with pytest.raises(SnapshotRefused, match="analyser"):
        EmbeddedIndex.load(path, model_id="model")


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 4096])
def test_a_file_that_is_no_index_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)

    with pytest.raises(SnapshotRefused):
        EmbeddedIndex.load(tmp_path / "file", model_id="model")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SnapshotRefused, match="cannot open"):
        EmbeddedIndex.load(tmp_path / "nothing", model_id="model")


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(place=st.floats(0, 1), flip=st.integers(1, 255))
def test_any_damaged_byte_is_noticed(index: EmbeddedIndex, path: Path, place: float, flip: int) -> None:
    content = bytearray(path.read_bytes())
    at = int(place * (len(content) - 1))
    content[at] ^= flip
    damaged = path.with_name("damaged")
    damaged.write_bytes(content)

    try:
        loaded = EmbeddedIndex.load(damaged, model_id="model", wait=True)
    except SnapshotRefused:
        return

    hits = search(loaded, QUESTION, 3)
    if loaded.counts().chunks_without_vector:
        assert loaded.counts() == IndexCounts(28, 28, 28)
        assert {hit.vector_score for hit in hits} == {None}
    else:  # between two arrays, where no byte means anything
        assert hits == search(index, QUESTION, 3)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(share=st.floats(0, 0.99))
def test_a_file_cut_short_never_loads_as_whole(path: Path, share: float) -> None:
    content = path.read_bytes()
    cut = path.with_name("cut")
    cut.write_bytes(content[: int(share * len(content))])

    try:
        loaded = EmbeddedIndex.load(cut, model_id="model", wait=True)
    except SnapshotRefused:
        return

    assert loaded.counts().chunks_without_vector == 28


def test_a_failed_save_leaves_the_earlier_snapshot_and_no_other_file(
    path: Path, index: EmbeddedIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()

    def full_disk(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rag.indexes.snapshot.os.fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        index.save(path)

    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_reader_of_the_earlier_snapshot_is_not_disturbed_by_a_new_one(
    path: Path, index: EmbeddedIndex
) -> None:
    with snapshot.Reader(path) as reader:
        index.remove_document(key(2))
        index.save(path)

        arrays = reader.read()

    assert int(arrays["live"].sum()) == 28
