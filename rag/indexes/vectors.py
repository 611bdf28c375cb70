"""Exact nearest passages: one float32 matrix that grows, one product per question. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rag.values import Matrix, Vector

_FIRST_CAPACITY = 256


class VectorStore:
    """Vectors by row. Rows are written before anyone is told of them, so readers need no lock.

    Whoever holds a ``view`` keeps reading the memory it was taken from; growing moves to new memory.
    """

    def __init__(self, matrix: Matrix | None = None) -> None:
        self._matrix = np.zeros((0, 0), np.float32) if matrix is None else matrix

    @property
    def dimension(self) -> int:
        """Length of a vector; 0 until the first one is written."""
        return int(self._matrix.shape[1])

    def view(self, rows: int) -> Matrix:
        """The first ``rows`` rows; rows never written are zero."""
        if self._matrix.shape[0] < rows:
            self._grow(rows, self.dimension)
        return self._matrix[:rows]

    def write(self, rows: NDArray[np.intp], vectors: Matrix, *, replace: bool = False) -> None:
        """Put ``vectors`` at ``rows``. Say ``replace`` when a reader may be looking at one of them.

        ValueError when the dimension differs from the one stored.
        """
        if not rows.size:
            return
        if self.dimension not in (0, vectors.shape[1]):
            raise ValueError(f"vectors of {vectors.shape[1]} dimensions in an index of {self.dimension}")
        if self.dimension == 0 or self._matrix.shape[0] <= rows.max():
            self._grow(int(rows.max()) + 1, vectors.shape[1])
        elif replace:
            self._matrix = self._matrix.copy()
        self._matrix[rows] = vectors

    def compacted(self, keep: NDArray[np.bool_]) -> VectorStore:
        """A store of the rows to ``keep``, renumbered without gaps."""
        return VectorStore(self.view(keep.size)[keep])

    def _grow(self, rows: int, dimension: int) -> None:
        capacity = max(_FIRST_CAPACITY, rows, 2 * self._matrix.shape[0])
        grown = np.zeros((capacity, dimension), np.float32)
        if self.dimension:
            grown[: self._matrix.shape[0]] = self._matrix
        self._matrix = grown


def cosines(matrix: Matrix, query: Vector) -> NDArray[np.float32]:
    """Similarity in [-1, 1] of ``query`` to each row; 0 for a row without a vector. All are L2-normalised."""
    return matrix @ query
