"""Folders: what is new is taken in, what is gone can be pruned, whatever the files are called."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from rag.folders import submit_folder
from rag.ingest import queue
from rag.ingest.runner import finish
from rag.models import Document, DocumentStatus
from tests.factories import BALANCING, make_pipeline, make_user, queue_document

pytestmark = pytest.mark.django_db


def test_pruning_keeps_a_file_that_was_moved(tmp_path: Path) -> None:
    user, file = make_user(is_superuser=True), tmp_path / "a.md"
    file.write_text(BALANCING)
    submit_folder(user=user, paths=[str(tmp_path)])

    file.rename(tmp_path / "b.md")
    report = submit_folder(user=user, paths=[str(tmp_path)], prune=True)

    assert report.pruned == 0
    assert Document.objects.count() == 1


def test_pruning_empties_a_folder_whose_files_are_all_gone(tmp_path: Path) -> None:
    user, file = make_user(is_superuser=True), tmp_path / "a.md"
    file.write_text(BALANCING)
    submit_folder(user=user, paths=[str(tmp_path)])

    file.unlink()
    report = submit_folder(user=user, paths=[str(tmp_path)], prune=True)

    assert report.pruned == 1
    assert not Document.objects.exists()


def test_a_file_that_became_a_copy_of_another_no_longer_answers_as_it_was(tmp_path: Path) -> None:
    user, one, two = make_user(is_superuser=True), tmp_path / "1.md", tmp_path / "2.md"
    one.write_text("# Old fees\n\nThe fee is 1 ppm.")
    two.write_text(BALANCING)
    submit_folder(user=user, paths=[str(tmp_path)])

    one.write_text(BALANCING)
    submit_folder(user=user, paths=[str(tmp_path)])

    assert [Path(row.source_key).name for row in Document.objects.all()] == ["2.md"]


def test_a_file_name_that_is_no_utf_8_is_taken_in(tmp_path: Path) -> None:
    user = make_user(is_superuser=True)
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.md")).write_text(BALANCING)

    first = submit_folder(user=user, paths=[str(tmp_path)])
    again = submit_folder(user=user, paths=[str(tmp_path)], prune=True)

    assert (first.added, again.added, again.pruned) == (1, 0, 0)
    assert Document.objects.get().source_key.endswith("caf\\udce9.md")


def test_a_document_that_another_process_works_on_is_waited_for(
    embedder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = queue_document(make_user(is_superuser=True), BALANCING)
    other = make_pipeline(embedder, worker="other:1")
    other.read_next()
    claimed = queue.claim_unembedded("other:1")
    assert claimed is not None
    waits = threading.Event()

    def work_on(_seconds: float) -> None:
        waits.set()
        other.embed_next()

    monkeypatch.setattr("rag.ingest.runner.time.sleep", work_on)
    [row] = finish(make_pipeline(embedder), [document])

    assert waits.is_set()
    assert row.status == DocumentStatus.READY
