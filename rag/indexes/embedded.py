"""The index that lives in the process: words and vectors of every chunk, for many readers and one writer."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.indexes import analyser, lexical, snapshot, storage
from rag.indexes.base import IndexCounts, SnapshotRefused
from rag.indexes.state import NO_TERM, IndexState, empty_state
from rag.indexes.vectors import VectorStore, cosines
from rag.retrieval import DEFAULT_WEIGHTS, FusionWeights, fuse, top
from rag.values import Hit, IndexedChunk, Vector

DEFAULT_PARAMETERS = lexical.Bm25Parameters()
_CANDIDATES = 100
_COMPACT_ABOVE = 256


class EmbeddedIndex:
    """Hybrid index over numpy arrays (see ``rag.indexes.base.ChunkIndex``).

    A search reads one immutable ``IndexState``; a write makes the next one and puts it in place with a single
    assignment. So a reader waits for nobody and sees whole documents only.
    """

    def __init__(
        self,
        model_id: str = "",
        *,
        parameters: lexical.Bm25Parameters = DEFAULT_PARAMETERS,
        weights: FusionWeights = DEFAULT_WEIGHTS,
    ) -> None:
        self.model_id = model_id
        self.sequence = 0
        self._parameters = parameters
        self._weights = weights
        self._lexicon: dict[str, int] = {}
        self._vectors = VectorStore()
        self._state = empty_state()
        self._lock = threading.RLock()
        self._loaded = threading.Event()
        self._loaded.set()

    def add_document(self, chunks: Sequence[IndexedChunk]) -> None:
        """Make the chunks of one document findable, all at once; an earlier version goes in the same step."""
        self.add_documents([chunks])

    def add_documents(self, documents: Iterable[Sequence[IndexedChunk]]) -> None:
        """The same for many documents in one step, which is faster than one by one."""
        chunks = [chunk for document in documents for chunk in document]
        if not chunks:
            return
        with self._write() as state:
            state = state.without({chunk.document for chunk in chunks})
            segment = lexical.build_segment([self._term_numbers(chunk) for chunk in chunks])
            given = {place: chunk.vector for place, chunk in enumerate(chunks) if chunk.vector is not None}
            rows = np.array(list(given), np.intp) + state.size
            if given:
                self._vectors.write(rows, np.stack(list(given.values())))
            self._publish(state.with_chunks(chunks, segment, rows))

    def remove_document(self, document: str) -> None:
        """Make a document unfindable from the next search on; an unknown one is no error."""
        with self._write() as state:
            self._publish(state.without({document}))

    def set_vectors(self, vectors: Mapping[str, Vector]) -> None:
        """Give chunks their vectors; chunks that are gone meanwhile are skipped."""
        if not vectors:
            return
        with self._write() as state:
            rows, places = state.rows_of(list(vectors))
            stacked = np.stack(list(vectors.values()))[places]
            self._vectors.write(rows, stacked, replace=bool(state.has_vector[rows].any()))
            self._publish(state.with_vectors(rows))

    def search(
        self,
        query: str,
        vector: Vector | None,
        *,
        collections: frozenset[str] | None,
        language: str | None = None,
        limit: int = 10,
    ) -> list[Hit]:
        """Best passages first; see ``ChunkIndex.search``."""
        state = self._state
        view = state.visible(collections, language, self._parameters)
        if not view.count:
            return []
        words = lexical.score(state.segments, view, self._query_terms(query), self._parameters)
        meaning = None
        if vector is not None and state.matrix.shape[1]:
            meaning = cosines(state.matrix, vector)
        return self._ranked(state, view.allowed, words, meaning, limit)

    def save(self, path: Path) -> None:
        """Write the index to ``path`` in one piece; readers and a later ``load`` never see half of it."""
        with self._write() as state:
            facts = storage.facts(state, self.model_id, self.sequence)
            arrays = storage.arrays(state, self._lexicon)
        snapshot.write(path, facts, arrays)

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        model_id: str,
        parameters: lexical.Bm25Parameters = DEFAULT_PARAMETERS,
        weights: FusionWeights = DEFAULT_WEIGHTS,
        wait: bool = False,
    ) -> EmbeddedIndex:
        """Index saved at ``path``: it answers by words at once and by meaning when its vectors are read.

        The vectors are read by a thread of their own unless ``wait``. If only they are damaged, the chunks
        come without (see ``counts``). SnapshotRefused when the rest cannot be used or is of another model.
        """
        reader = snapshot.Reader(path)
        try:
            index = cls(model_id, parameters=parameters, weights=weights)
            index._restore(reader)
        except BaseException:
            reader.close()
            raise
        thread = threading.Thread(
            target=index._read_vectors, args=(reader,), name="index-vectors", daemon=True
        )
        thread.start()
        if wait:
            thread.join()
        return index

    @property
    def vectors_loaded(self) -> bool:
        """False while the vectors of a loaded index are still being read."""
        return self._loaded.is_set()

    def counts(self) -> IndexCounts:
        """Documents, chunks, and chunks still to be embedded."""
        state = self._state
        chunks = int(np.count_nonzero(state.live))
        embedded = int(np.count_nonzero(state.has_vector & state.live))
        return IndexCounts(len(state.documents), chunks, chunks - embedded)

    def _restore(self, reader: snapshot.Reader) -> None:
        storage.check(reader.facts, self.model_id)
        self._loaded.clear()
        self.sequence = int(reader.facts["sequence"])
        arrays = reader.read(storage.lexical_names(reader.facts))
        self._state, self._lexicon = storage.restore(reader.facts, arrays)

    def _read_vectors(self, reader: snapshot.Reader) -> None:
        state = self._state
        try:
            with reader:
                self._vectors = VectorStore(reader.read([storage.MATRIX])[storage.MATRIX])
            self._state = replace(state, matrix=self._vectors.view(state.size), views={})
        except (SnapshotRefused, OSError):
            self._state = replace(state, has_vector=np.zeros_like(state.has_vector), views={})
        finally:
            self._loaded.set()

    @contextmanager
    def _write(self) -> Iterator[IndexState]:
        """The state to change, while no other thread writes and no vectors are still to be read."""
        self._loaded.wait()
        with self._lock:
            yield self._state

    def _ranked(
        self,
        state: IndexState,
        allowed: lexical.Mask | None,
        words: lexical.Scores,
        meaning: NDArray[np.float32] | None,
        limit: int,
    ) -> list[Hit]:
        rows = np.arange(state.size) if allowed is None else np.flatnonzero(allowed)
        known = state.has_vector
        cosine = None if meaning is None else np.where(known, meaning, np.nan)[rows]
        words = words[rows]
        fused = fuse(words, cosine, self._weights)
        if cosine is None:
            fused = np.where(words > 0, fused, -np.inf)
        lexical_ranks = _ranks(np.where(words > 0, words, -np.inf))
        vector_ranks = {} if cosine is None else _ranks(np.where(np.isnan(cosine), -np.inf, cosine))
        hits = []
        for place in top(fused, limit).tolist():
            row = int(rows[place])
            by_words, by_meaning = lexical_ranks.get(place), vector_ranks.get(place)
            hits.append(
                Hit(
                    chunk=state.ids[row].tobytes().hex(),
                    document=state.document_of(row),
                    score=float(fused[place]),
                    lexical_score=float(words[place]) if words[place] > 0 else None,
                    lexical_rank=by_words,
                    vector_score=None if cosine is None or not known[row] else float(cosine[place]),
                    vector_rank=by_meaning,
                )
            )
        return hits

    def _query_terms(self, query: str) -> list[tuple[int, float]]:
        weights: dict[int, float] = {}
        for term in analyser.analyse(query):
            number = self._lexicon.get(term, NO_TERM)
            if number != NO_TERM:
                weights[number] = weights.get(number, 0.0) + 1.0
        return list(weights.items())

    def _term_numbers(self, chunk: IndexedChunk) -> list[list[int]]:
        lexicon = self._lexicon
        return [
            [lexicon.setdefault(term, len(lexicon)) for term in analyser.analyse(text)]
            for text in (chunk.title, chunk.heading, chunk.text)
        ]

    def _publish(self, state: IndexState) -> None:
        dead = state.size - int(np.count_nonzero(state.live))
        if dead > max(_COMPACT_ABOVE, state.size // 4):
            self._vectors = self._vectors.compacted(state.live)
            state = state.compacted()
        self._state = replace(state.merged(), matrix=self._vectors.view(state.size), views={})


def _ranks(scores: NDArray[np.floating]) -> dict[int, int]:
    return {place: rank for rank, place in enumerate(top(scores, _CANDIDATES).tolist(), 1)}
