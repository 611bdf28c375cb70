"""Value types that cross module boundaries inside ``rag``. Pure: no Django, no clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
"""A single embedding, shape (dimension,), L2-normalised."""
Matrix = NDArray[np.float32]
"""Embeddings as rows, shape (n, dimension), each row L2-normalised."""


class BlockKind(StrEnum):
    """What a span of a document's text is, for the reader and for the chunker."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    LIST_ITEM = "list_item"
    CODE = "code"
    TABLE = "table"
    QUOTE = "quote"


@dataclass(frozen=True, slots=True)
class Block:
    """A structural span ``text[start:end]`` of a parsed document; blocks do not overlap and are in order."""

    kind: BlockKind
    start: int
    end: int
    level: int = 0
    """Heading level 1..6; nesting depth of a list item (0 = outermost); else the number of enclosing list items."""
    page: int | None = None
    """One-based page, where the format has pages."""


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """Clean text of a document (inline markup removed) with its structure."""

    title: str
    text: str
    blocks: tuple[Block, ...]
    language: str
    """ISO 639-1 code; "fr" and "en" are told apart, anything else may be "" (unknown)."""
    pages: int | None = None


@dataclass(frozen=True, slots=True)
class ChunkDraft:
    """A passage to index: ``text[start:end]`` of its document."""

    ordinal: int
    start: int
    end: int
    heading: str
    """Path of headings above the passage, outermost first, joined by " › "; the document's title is not in it."""
    tokens: int
    """Length in the embedder's own tokens, without title and heading."""
    page: int | None = None
    kind: BlockKind = BlockKind.PARAGRAPH
    """The kind that makes up most of the chunk."""


@dataclass(frozen=True, slots=True)
class IndexedChunk:
    """What an index needs to know of a chunk. Identifiers are UUIDs in 32 hex digits."""

    chunk: str
    document: str
    collection: str
    language: str
    title: str
    heading: str
    text: str
    vector: Vector | None = None
    """None until the embedder has run; the chunk is then found lexically only."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk found, and why. Ranks are one-based within each retriever's candidates; None = not among them."""

    chunk: str
    document: str
    score: float
    """Fused score, comparable within one query only."""
    lexical_score: float | None = None
    lexical_rank: int | None = None
    vector_score: float | None = None
    """Cosine similarity of question and chunk."""
    vector_rank: int | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """A hit with the text it stands for; ``text == document_text[start:end]``."""

    hit: Hit
    title: str
    heading: str
    text: str
    start: int
    end: int
    language: str
    page: int | None = None
    vector: Vector | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Citation:
    """Numbered proof behind a sentence: ``quote == document_text[start:end]``."""

    n: int
    document: str
    chunk: str
    title: str
    quote: str
    start: int
    end: int
    score: float
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of an answer with the numbers of the citations it stands on; ``()`` = no support found."""

    text: str
    citations: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; ``text`` refers to citations as ``[1]``."""

    text: str
    sentences: tuple[Sentence, ...]
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Whether the passages answer the question."""

    answerable: bool
    confidence: float
    """Calibrated probability in [0, 1] that the passages hold the answer."""
    signals: dict[str, float] = field(default_factory=dict)
    """The measured features behind the confidence, by name, for the page and for debugging."""
