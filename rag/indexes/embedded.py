"""The index that lives in the process: words and vectors of every chunk, for many readers and one writer."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from rag.indexes import analyser, lexical, snapshot, storage
from rag.indexes.base import IndexCounts
from rag.indexes.glossary import translations
from rag.indexes.questions import LANGUAGES
from rag.indexes.state import IndexState, View, empty_state
from rag.indexes.vectors import VectorStore, centred_cosines, nearest_centre, similarities, without_centre
from rag.retrieval import FusionWeights, Meaning, Ranked, rank, repeats_last
from rag.values import Hit, IndexedChunk, Matrix, Vector

_COMPACT_ABOVE = 256
_MOST_WORDS = 128
"""A question's words beyond these are not looked up."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """What decides the order of passages. The defaults were chosen by ``benchmarks/ranking.py``."""

    bm25: lexical.Bm25Parameters = lexical.Bm25Parameters(k1=0.9, b=0.6)
    fusion: FusionWeights = FusionWeights()
    translation: float = 0.7
    """What a translated word counts next to the question's own; 0 = do not translate."""
    own_language: float = 0.025
    """Added to the centred cosine of passages in the question's language, which are preferred among equals."""
    fields: tuple[int, int, int] = (2, 2, 1)
    """How often a word counts in title, heading and text; part of what is stored."""


DEFAULT_RANKING = Ranking()


class EmbeddedIndex:
    """Hybrid index over numpy arrays (see ``rag.indexes.base.ChunkIndex``).

    A search reads one immutable ``IndexState``; a write makes the next one and puts it in place with a single
    assignment. So a reader waits for nobody and sees whole documents only.
    """

    def __init__(self, model_id: str = "", *, ranking: Ranking = DEFAULT_RANKING) -> None:
        self.model_id = model_id
        self.sequence = 0
        self._ranking = ranking
        self._lexicon: dict[str, int] = {}
        self._vectors = VectorStore()
        self._question_centres: Matrix | None = None
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
            segment = lexical.build_segment(self._rows(chunks))
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
        state, centres = self._state, self._question_centres
        view = state.visible(collections, language, self._ranking.bm25)
        if not view.statistics.count:
            return []
        words = lexical.score(state.segments, view.statistics, self._words(query))
        if vector is None or not state.matrix.shape[1]:
            vector = meaning = None
        elif centres is None:
            meaning = Meaning(similarities(state.matrix, vector), state.known)
        else:
            meaning = self._centred(state, view, vector, centres)
        ranked = rank(words, meaning, allowed=view.allowed, limit=limit, weights=self._ranking.fusion)
        if vector is not None:
            ranked = ranked.taken(repeats_last(state.matrix[ranked.rows]))
        return _hits(state, ranked, vector)

    @property
    def question_centres(self) -> Matrix | None:
        """What questions have in common, a row for each language; see ``rag.indexes.vectors``. None: unknown."""
        return self._question_centres

    @question_centres.setter
    def question_centres(self, centres: Matrix | None) -> None:
        self._question_centres = centres

    def save(self, path: Path) -> None:
        """Write the index to ``path`` in one piece; readers and a later ``load`` never see half of it.

        It is a moment without writes, hence the time to join the segments, too.
        """
        with self._write() as state:
            self._state = state = state.merged(completely=True)
            facts = storage.facts(state, self.model_id, self.sequence, self._ranking.fields)
            arrays = storage.arrays(state, self._lexicon, self._question_centres)
        snapshot.write(path, facts, arrays)

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        model_id: str,
        ranking: Ranking = DEFAULT_RANKING,
        wait: bool = False,
    ) -> EmbeddedIndex:
        """Index saved at ``path``: it answers by words at once and by meaning when its vectors are read.

        The vectors are read by a thread of their own unless ``wait``. If only they are damaged, the chunks
        come without (see ``counts``). SnapshotRefused when the rest cannot be used or is of another model.
        """
        reader = snapshot.Reader(path)
        try:
            index = cls(model_id, ranking=ranking)
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
    def dimension(self) -> int:
        """Length of the vectors; 0 while there is none, or none is loaded yet."""
        return int(self._state.matrix.shape[1])

    @property
    def rows(self) -> int:
        """Rows kept, those of removed chunks included; they go when there are many of them."""
        return self._state.size

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
        storage.check(reader.facts, self.model_id, self._ranking.fields)
        self._loaded.clear()
        self.sequence = int(reader.facts["sequence"])
        arrays = reader.read(storage.lexical_names(reader.facts))
        self._state, self._lexicon = storage.restore(reader.facts, arrays)
        centres = arrays[storage.CENTRES]
        self._question_centres = centres if centres.size else None

    def _read_vectors(self, reader: snapshot.Reader) -> None:
        state = self._state
        try:
            with reader:
                self._vectors = VectorStore(reader.read([storage.MATRIX])[storage.MATRIX])
            self._state = replace(state, matrix=self._vectors.view(state.size), views={})
        except Exception:  # whatever it was: the chunks are without vectors now, and counted so
            self._state = replace(state, has_vector=np.zeros_like(state.has_vector), views={})
        finally:
            self._loaded.set()

    @contextmanager
    def _write(self) -> Iterator[IndexState]:
        """The state to change, while no other thread writes and no vectors are still to be read."""
        self._loaded.wait()
        with self._lock:
            yield self._state

    def _centred(self, state: IndexState, view: View, vector: Vector, centres: Matrix) -> Meaning:
        """Centred cosines, those of passages in the question's own language raised a little."""
        nearest = nearest_centre(vector, centres)
        question = without_centre(vector, centres[nearest])
        cosines = centred_cosines(state.matrix, question, view.centring())
        raised = [self._ranking.own_language * (name == LANGUAGES[nearest]) for name in state.languages]
        if len(raised) > 1 and any(raised):
            cosines += np.array(raised, np.float32)[state.language_codes]
        return Meaning(cosines, state.known, centred=True)

    def _words(self, query: str) -> list[list[tuple[int, float]]]:
        """The question's words with their translations, as far as any chunk has ever held them."""
        weight = self._ranking.translation
        words = []
        for term in islice(dict.fromkeys(analyser.analyse(query)), _MOST_WORDS):
            same = [(self._lexicon[term], 1.0)] if term in self._lexicon else []
            others = translations(term) if weight else ()
            word = same + [(self._lexicon[other], weight) for other in others if other in self._lexicon]
            if word:
                words.append(word)
        return words

    def _rows(self, chunks: Sequence[IndexedChunk]) -> list[list[int]]:
        """Term numbers of each chunk, fields repeated by their weight."""
        known: dict[str, list[int]] = {}
        rows = []
        for chunk in chunks:
            row: list[int] = []
            for text, times in zip(
                (chunk.title, chunk.heading, chunk.text), self._ranking.fields, strict=True
            ):
                if text not in known:  # a document's title comes with each of its chunks
                    known[text] = self._numbers(text)
                row += known[text] * times
            rows.append(row)
        return rows

    def _numbers(self, text: str) -> list[int]:
        lexicon = self._lexicon
        return [lexicon.setdefault(term, len(lexicon)) for term in analyser.analyse(text)]

    def _publish(self, state: IndexState) -> None:
        dead = state.size - int(np.count_nonzero(state.live))
        if dead > max(_COMPACT_ABOVE, state.size // 4):
            self._vectors = self._vectors.compacted(state.live)
            state = state.compacted()
        self._state = replace(state, matrix=self._vectors.view(state.size), views={})
        self._state = self._state.merged()


def _hits(state: IndexState, ranked: Ranked, question: Vector | None) -> list[Hit]:
    rows = ranked.rows
    plain: list[float | None] = [None] * rows.size
    if question is not None:
        known, cosines = state.has_vector[rows].tolist(), similarities(state.matrix[rows], question).tolist()
        plain = [cosine if has else None for cosine, has in zip(cosines, known, strict=True)]
    names = state.ids[rows].tobytes().hex()
    return [
        Hit(names[32 * place : 32 * place + 32], document, score, words or None, by_words, cosine, by_meaning)
        for place, (document, score, words, by_words, cosine, by_meaning) in enumerate(
            zip(
                state.documents_of(rows),
                ranked.scores.tolist(),
                ranked.lexical.tolist(),
                ranked.lexical_ranks,
                plain,
                ranked.vector_ranks,
                strict=True,
            )
        )
    ]
