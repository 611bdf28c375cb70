"""The index and embedder of this process, kept in step with the rows.

Rows are the truth, the index is a cache of them: it starts from a snapshot in the data folder and follows the
numbered corpus changes. A search never waits for a rebuild; it answers by words until vectors are there.
"""

from __future__ import annotations

import fcntl
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connections

from rag.changes import current_sequence
from rag.embedders.base import Embedder
from rag.embedding import active_embedder, active_model, centres_of
from rag.indexes.base import IndexCounts, SnapshotRefused
from rag.indexes.embedded import EmbeddedIndex
from rag.models import Chunk, CorpusChange, Document
from rag.values import IndexedChunk
from rag.vectors_store import load_vectors

log = structlog.get_logger(__name__)

DOCUMENTS_A_STEP = 40
FOLLOW_SECONDS = 0.5
SAVE_QUIET_SECONDS = 5.0
SAVE_AT_LEAST_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class View:
    """What one search goes by: an index, and the embedder of its vectors once that is loaded."""

    index: EmbeddedIndex
    embedder: Embedder | None


class Library:
    """One a process (``library()``). All methods are safe to call from many threads."""

    def __init__(self) -> None:
        self._writing = threading.RLock()
        self._index: EmbeddedIndex | None = None
        self._embedder: Embedder | None = None
        self._embedder_tried = threading.Event()
        self._stop = threading.Event()
        self._wanted = threading.Event()
        self._followed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._saved_sequence = -1

    def start(self) -> None:
        """Load and follow in the background; for processes that answer for long (the web)."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._follow, name="library", daemon=True)
            self._thread.start()
            threading.Thread(target=self._warm_up, name="embedder", daemon=True).start()

    def stop(self) -> None:
        """End the background work; waits for the step under way."""
        self._stop.set()
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()

    def view(self, *, patience: float = 1.0) -> View:
        """Return an index that knows all announced changes, or as many as could be read within ``patience`` s."""
        sequence = current_sequence()
        if self._sequence() != sequence:
            self._await_sequence(sequence, patience)
        if self._thread is None:
            self._load_embedder()
        else:
            self._embedder_tried.wait(patience)
        index = self._index
        if index is None:
            return View(EmbeddedIndex(), None)
        embedder = self._embedder
        if embedder is None or embedder.model_id != index.model_id:
            return View(index, None)
        if index.question_centres is None:
            index.question_centres = centres_of(embedder)
        return View(index, embedder)

    def counts(self) -> IndexCounts:
        """Return what the index of this process holds at the moment, without catching up."""
        index = self._index
        return IndexCounts(0, 0, 0) if index is None else index.counts()

    def embedder(self) -> Embedder | None:
        """Return the embedder of the corpus, loading it if need be; None when this machine cannot run it."""
        self._load_embedder()
        return self._embedder

    def _sequence(self) -> int:
        return -1 if self._index is None else self._index.sequence

    def _await_sequence(self, sequence: int, patience: float) -> None:
        """Catch up, or have the follower do it and wait for it: a search must not carry out a rebuild itself."""
        if self._thread is None:
            self._catch_up()
            return
        self._wanted.set()
        with self._followed:
            self._followed.wait_for(lambda: self._sequence() >= sequence, patience)

    def _load_embedder(self) -> None:
        if self._embedder is None or self._embedder.model_id != active_model():
            self._embedder = active_embedder()
        self._embedder_tried.set()

    def _try_embedder_again(self) -> None:
        """Load the embedder where that failed at first: its server was away, and there was no model yet."""
        if self._embedder is None and self._embedder_tried.is_set():
            self._load_embedder()

    def _warm_up(self) -> None:
        try:
            self._load_embedder()
            if self._embedder is not None:
                centres_of(self._embedder)
        except Exception:  # answers go on by words; the log and /health say why
            log.exception("embedder_unavailable")
        finally:
            self._embedder_tried.set()
            connections.close_all()

    def _catch_up(self) -> None:
        with self._writing:
            if self._index is None:
                self._index = self._load_snapshot()
            self._apply(self._index)
        with self._followed:
            self._followed.notify_all()

    def _apply(self, index: EmbeddedIndex) -> None:
        news = list(
            CorpusChange.objects.filter(sequence__gt=index.sequence)
            .order_by("sequence")
            .values_list("sequence", "document")
        )
        if not news:
            return
        index.model_id = index.model_id or active_model()  # the first document decides
        if any(document is None for _, document in news):
            self._rebuild(news[-1][0])
            return
        changed = dict.fromkeys(document for _, document in news if document is not None)
        _read_documents(index, list(changed))
        index.sequence = news[-1][0]

    def _rebuild(self, sequence: int) -> None:
        """Build an index over the vectors of the model that answers from now on, then put it in place."""
        index = EmbeddedIndex(active_model())
        _read_documents(index, list(Document.objects.values_list("pk", flat=True)))
        index.sequence = sequence
        self._embedder, self._index = active_embedder(), index

    def _load_snapshot(self) -> EmbeddedIndex:
        model = active_model()
        try:
            index = EmbeddedIndex.load(_snapshot_path(), model_id=model)
        except SnapshotRefused as refusal:
            log.info("index_rebuilt", reason=str(refusal))
            return EmbeddedIndex(model)
        if index.sequence > current_sequence():
            # The database is older than the index (restored or emptied): the numbers no longer mean the same.
            return EmbeddedIndex(model)
        self._saved_sequence = index.sequence
        return index

    def _follow(self) -> None:
        changed_at = saved_at = time.monotonic()
        while True:
            try:
                before = self._sequence()
                self._catch_up()
                now = time.monotonic()
                if self._sequence() != before:
                    changed_at = now
                    self._try_embedder_again()
                if now - changed_at > SAVE_QUIET_SECONDS or now - saved_at > SAVE_AT_LEAST_SECONDS:
                    self.save()
                    saved_at = now
            except Exception:  # a database that is away comes back; the index goes on with what it has
                log.exception("index_not_followed")
            finally:
                connections.close_all()
            self._wanted.wait(FOLLOW_SECONDS)
            self._wanted.clear()
            if self._stop.is_set():
                return

    def save(self) -> None:
        """Write the index to the data folder when it has changed; one process at a time."""
        index = self._index
        if index is None or index.sequence == self._saved_sequence:
            return
        path = _snapshot_path()
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_suffix(".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            sequence = index.sequence
            index.save(path)
            self._saved_sequence = sequence


def _snapshot_path() -> Path:
    """Return where the index of this database lies: another one in the same data folder numbers other changes."""
    first = CorpusChange.objects.order_by("sequence").values_list("pk", flat=True).first()
    name = first.hex[:16] if first else "empty"
    return Path(settings.DATA_DIR) / "index" / f"{name}.index"


def _read_documents(index: EmbeddedIndex, documents: Sequence[UUID]) -> None:
    """Make the index say of these documents what the rows say now."""
    for start in range(0, len(documents), DOCUMENTS_A_STEP):
        keys = documents[start : start + DOCUMENTS_A_STEP]
        present = dict(_indexed_documents(keys, index.model_id))
        for key in keys:
            if key not in present:
                index.remove_document(key.hex)
        index.add_documents(present.values())


def _indexed_documents(keys: Sequence[UUID], model: str) -> Iterator[tuple[UUID, list[IndexedChunk]]]:
    answering = Document.objects.filter(pk__in=keys, active_version__isnull=False, deleted_at__isnull=True)
    documents = {row.pk: row for row in answering}
    versions = {row.active_version_id: row for row in documents.values()}
    rows = list(
        Chunk.objects.filter(version_id__in=list(versions))
        .order_by("version_id", "ordinal")
        .values_list("pk", "version_id", "heading", "text", "text_hash")
    )
    vectors = load_vectors(model, (row[4] for row in rows))
    found: dict[UUID, list[IndexedChunk]] = {}
    for pk, version, heading, text, key in rows:
        document = versions[version]
        found.setdefault(document.pk, []).append(
            IndexedChunk(
                chunk=pk.hex,
                document=document.pk.hex,
                collection=document.collection_id.hex,
                language=document.language,
                title=document.title,
                heading=heading,
                text=text,
                vector=vectors.get(key),
            )
        )
    return iter(found.items())


_library: Library | None = None
_library_lock = threading.Lock()


def library() -> Library:
    """Return the library of this process."""
    global _library
    with _library_lock:
        if _library is None:
            _library = Library()
        return _library


def reset_library() -> None:
    """Forget the library of this process; for tests, whose rows come and go without being announced."""
    global _library
    with _library_lock:
        if _library is not None:
            _library.stop()
        _library = None
