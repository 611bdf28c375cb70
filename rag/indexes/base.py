"""What an index of passages offers, whatever it is kept in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from rag.values import Hit, IndexedChunk, Vector


class SnapshotRefused(Exception):
    """A stored index is damaged or of another version, analyser or model: rebuild it from the rows."""


@dataclass(frozen=True, slots=True)
class IndexCounts:
    """How much an index holds."""

    documents: int
    chunks: int
    chunks_without_vector: int


class ChunkIndex(Protocol):
    """Finds passages by words and by meaning. Many threads may search while one writes."""

    model_id: str
    """Which embedder the vectors are of."""
    sequence: int
    """Number of the last change of the corpus that the index reflects; set by the caller."""

    def add_document(self, chunks: Sequence[IndexedChunk]) -> None:
        """Make one document findable, all at once; an earlier version of it goes in the same step."""

    def remove_document(self, document: str) -> None:
        """Make a document unfindable from the next search on; an unknown one is no error."""

    def set_vectors(self, vectors: Mapping[str, Vector]) -> None:
        """Give chunks their vectors; chunks that are gone meanwhile are skipped."""

    def search(
        self,
        query: str,
        vector: Vector | None,
        *,
        collections: frozenset[str] | None,
        language: str | None = None,
        limit: int = 10,
    ) -> list[Hit]:
        """Best passages first. Without a vector the search is lexical only.

        ``collections`` are those that the user may read; what lies outside has no influence on the result.
        None means all of them and is for tests and the command line.
        """

    def counts(self) -> IndexCounts:
        """Documents, chunks, and chunks still to be embedded."""
