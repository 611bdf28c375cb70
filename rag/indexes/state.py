"""One moment of the embedded index: immutable, so that readers share it without a lock. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from rag.indexes.lexical import Bm25Parameters, Mask, Segment, Statistics, merge_segments, statistics
from rag.indexes.vectors import Centring, centring
from rag.values import IndexedChunk, Matrix

_MERGE_RATIO = 4
_VIEWS_KEPT = 16


@dataclass(frozen=True, slots=True)
class IndexState:
    """Rows 0..size-1, one a chunk; those of a document are neighbours. Removed rows stay until compaction."""

    segments: tuple[Segment, ...]
    live: Mask
    has_vector: Mask
    ids: NDArray[np.uint8]
    """The 16 bytes of each chunk's identifier."""
    document_codes: NDArray[np.int32]
    collection_codes: NDArray[np.int32]
    language_codes: NDArray[np.int32]
    document_ids: tuple[str, ...]
    """By code; a removed document keeps its code until compaction."""
    collections: tuple[str, ...]
    languages: tuple[str, ...]
    documents: dict[str, int]
    """Code of each live document."""
    matrix: Matrix
    views: dict[tuple[frozenset[str] | None, str | None], View] = field(default_factory=dict)
    """By what may be seen; filled on demand, harmless to lose."""

    @property
    def size(self) -> int:
        """Number of rows, removed ones included."""
        return int(self.live.size)

    @property
    def known(self) -> Mask | None:
        """Rows with a vector; None when that is all of them."""
        return None if self.has_vector.all() else self.has_vector

    def documents_of(self, rows: NDArray[np.intp]) -> list[str]:
        """Identifier of the document that each of ``rows`` belongs to."""
        return [self.document_ids[code] for code in self.document_codes[rows].tolist()]

    def rows_of(self, chunks: Sequence[str]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Live rows of those ``chunks`` that exist, and the position of each in ``chunks``."""
        wanted = chunk_bytes(chunks)
        order = np.argsort(_keys(wanted))
        rows = np.flatnonzero(self.live)
        keys = _keys(self.ids[rows])
        places = np.searchsorted(_keys(wanted)[order], keys)
        places = order[np.minimum(places, len(chunks) - 1)]
        same = (wanted[places] == self.ids[rows]).all(axis=1)
        return rows[same], places[same]

    def visible(
        self, collections: frozenset[str] | None, language: str | None, parameters: Bm25Parameters
    ) -> View:
        """What a reader of ``collections`` may find, and the statistics over just that."""
        key = (collections, language)
        found = self.views.get(key)
        if found is None:
            allowed = self._allowed(collections, language)
            counted = self.has_vector if allowed is None else self.has_vector & allowed
            found = View(
                allowed,
                statistics(self.segments, allowed, parameters),
                (self.matrix, counted, self.language_codes),
            )
            if len(self.views) >= _VIEWS_KEPT:
                self.views.clear()
            self.views[key] = found
        return found

    def _allowed(self, collections: frozenset[str] | None, language: str | None) -> Mask | None:
        allowed = self.live
        if collections is not None:
            readable = np.array([name in collections for name in self.collections], bool)
            allowed = allowed & readable[self.collection_codes]
        if language is not None:
            spoken = np.array([name == language for name in self.languages], bool)
            allowed = allowed & spoken[self.language_codes]
        return None if allowed.all() else allowed

    def without(self, documents: set[str]) -> IndexState:
        """The state after ``documents`` are gone; the same object when none is there."""
        codes = [self.documents[document] for document in documents if document in self.documents]
        if not codes:
            return self
        live = self.live & ~np.isin(self.document_codes, codes)
        left = {document: code for document, code in self.documents.items() if document not in documents}
        return replace(self, live=live, documents=left)

    def with_chunks(
        self, chunks: Sequence[IndexedChunk], segment: Segment, with_vector: NDArray[np.intp]
    ) -> IndexState:
        """The state with the rows of ``segment`` appended, those ``with_vector`` having theirs."""
        documents, document_ids = dict(self.documents), list(self.document_ids)
        for document in dict.fromkeys(chunk.document for chunk in chunks):
            documents[document] = len(document_ids)
            document_ids.append(document)
        collections, collection_codes = _coded(self.collections, [chunk.collection for chunk in chunks])
        languages, language_codes = _coded(self.languages, [chunk.language for chunk in chunks])
        has_vector = np.append(self.has_vector, np.zeros(len(chunks), bool))
        has_vector[with_vector] = True
        document_codes = np.array([documents[chunk.document] for chunk in chunks], np.int32)
        return replace(
            self,
            segments=(*self.segments, segment),
            live=np.append(self.live, np.ones(len(chunks), bool)),
            has_vector=has_vector,
            ids=np.concatenate([self.ids, chunk_bytes([chunk.chunk for chunk in chunks])]),
            document_codes=np.append(self.document_codes, document_codes),
            collection_codes=np.append(self.collection_codes, collection_codes),
            language_codes=np.append(self.language_codes, language_codes),
            document_ids=tuple(document_ids),
            collections=collections,
            languages=languages,
            documents=documents,
        )

    def with_vectors(self, rows: NDArray[np.intp]) -> IndexState:
        """The state in which ``rows`` have their vector."""
        has_vector = self.has_vector.copy()
        has_vector[rows] = True
        return replace(self, has_vector=has_vector)

    def merged(self, *, completely: bool = False) -> IndexState:
        """The same rows in one segment, or in few: each ``_MERGE_RATIO`` times as large as the next."""
        segments = list(self.segments)
        while len(segments) > 1 and (
            completely or segments[-2].postings <= _MERGE_RATIO * segments[-1].postings
        ):
            segments[-2:] = [merge_segments(segments[-2:])]
        return replace(self, segments=tuple(segments)) if len(segments) < len(self.segments) else self

    def compacted(self) -> IndexState:
        """The state without removed rows."""
        live = self.live
        codes, document_codes = np.unique(self.document_codes[live], return_inverse=True)
        document_ids = tuple(self.document_ids[code] for code in codes)
        return replace(
            self,
            segments=(merge_segments(self.segments, live),),
            live=np.ones(int(np.count_nonzero(live)), bool),
            has_vector=self.has_vector[live],
            ids=self.ids[live],
            document_codes=document_codes.astype(np.int32),
            collection_codes=self.collection_codes[live],
            language_codes=self.language_codes[live],
            document_ids=document_ids,
            documents={document: code for code, document in enumerate(document_ids)},
        )


class View:
    """The rows that a search may find."""

    __slots__ = ("_centring", "_vectors", "allowed", "statistics")

    def __init__(
        self,
        allowed: Mask | None,
        statistics: Statistics,
        vectors: tuple[Matrix, Mask, NDArray[np.int32]],
    ) -> None:
        self._vectors = vectors
        self._centring: Centring | None = None
        self.allowed = allowed
        """None when all may be found."""
        self.statistics = statistics

    def centring(self) -> Centring:
        """Centres of the vectors that may be found; computed once, at the first search by meaning."""
        if self._centring is None:
            self._centring = centring(*self._vectors)
        return self._centring


def empty_state() -> IndexState:
    """An index without any chunk."""
    codes = np.zeros(0, np.int32)
    nothing = np.zeros(0, bool)
    ids, matrix = np.zeros((0, 16), np.uint8), np.zeros((0, 0), np.float32)
    return IndexState((), nothing, nothing, ids, codes, codes, codes, (), (), (), {}, matrix)


def chunk_bytes(chunks: Sequence[str]) -> NDArray[np.uint8]:
    """Identifiers of 32 hex digits as rows of 16 bytes. ValueError when one is not."""
    joined = bytes.fromhex("".join(chunks))
    if len(joined) != 16 * len(chunks):
        raise ValueError("a chunk identifier has 32 hex digits")
    return np.frombuffer(joined, np.uint8).reshape(-1, 16)


def _keys(ids: NDArray[np.uint8]) -> NDArray[np.void]:
    return np.ascontiguousarray(ids).view("V16").ravel()


def _coded(known: tuple[str, ...], names: Sequence[str]) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    codes = {name: code for code, name in enumerate(known)}
    numbers = np.array([codes.setdefault(name, len(codes)) for name in names], np.int32)
    return tuple(codes), numbers
