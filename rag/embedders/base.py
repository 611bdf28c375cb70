"""The contract of everything that turns text into vectors. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from rag.values import Matrix, Vector


class EmbedderUnavailable(Exception):
    """An embedder cannot run here; the message says why, for the log."""


@runtime_checkable
class Embedder(Protocol):
    """Text to L2-normalised vectors; the dot product of two of them is their cosine similarity.

    Safe to call from many threads. A text's vector does not depend on the texts embedded with it.
    """

    @property
    def model_id(self) -> str:
        """Names the vector space. Vectors may be compared if, and only if, their ``model_id`` is equal."""
        ...

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        ...

    @property
    def max_tokens(self) -> int:
        """Tokens of text that one vector covers in a single pass; longer texts are split and averaged."""
        ...

    def embed_passages(self, texts: Sequence[str]) -> Matrix:
        """Vectors of texts to be found, one row each, in the order given."""
        ...

    def embed_query(self, text: str) -> Vector:
        """Vector of a question."""
        ...

    def count_tokens(self, text: str) -> int:
        """Length of ``text`` in the model's own tokens, without prefix and special tokens."""
        ...


@runtime_checkable
class LocalEmbedder(Embedder, Protocol):
    """An embedder that runs in this process."""

    @property
    def engine(self) -> str:
        """Which code computes the vectors, for the log and the health page; their meaning is the same."""
        ...
