"""Exact nearest passages: one float32 matrix that grows, one product per question. Pure.

Some embedders (multilingual-e5 among them) squeeze all texts into a narrow cone: what questions have in common,
and passages of one language, outweighs what tells them apart. Subtracting most of that common part from both
sides before the cosine is taken ranks better, above all across languages. Related: Mu and Viswanath,
"All-but-the-Top" (2018); here the centres are those of questions and of the passages that may be found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.values import Matrix, Vector

CENTRE_SHARE = 0.7
"""How much of the common part is subtracted."""
_PRIOR_ROWS = 16
"""A language with few passages leans on the centre of all of them as if it had so many more."""
_FIRST_CAPACITY = 256

Floats = NDArray[np.float32]


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


@dataclass(frozen=True, slots=True)
class Centring:
    """What to subtract from passages: a centre for each language, and the length of each row without it."""

    centres: Matrix
    """Centre of each language's passages, already scaled by the share to subtract, shape (languages, dimension)."""
    languages: NDArray[np.int32]
    """Language of each row, an index into ``centres``."""
    scale: Floats
    """1 / length of each row after its centre is subtracted; 0 for rows without a vector."""


def centring(matrix: Matrix, counted: NDArray[np.bool_], languages: NDArray[np.int32]) -> Centring:
    """Centres over the rows ``counted``: those that have a vector and may be found.

    Other rows have no influence, not even on the last bit: what they add to a sum is zero, and each row has its
    own product (see ``similarities``), where a product of matrices rounds by a row's place.
    """
    count = int(languages.max(initial=0)) + 1
    groups = [counted & (languages == language) for language in range(count)]
    # Not a product of matrices here either; einsum adds row after row.
    sums = np.stack([np.einsum("i,ij->j", rows.astype(np.float32), matrix) for rows in groups])
    sizes = np.array([[np.count_nonzero(rows)] for rows in groups])
    overall = sums.sum(axis=0) / max(int(sizes.sum()), 1)
    centres = CENTRE_SHARE * (sums + _PRIOR_ROWS * overall) / (sizes + _PRIOR_ROWS)
    scale = np.zeros(len(matrix), np.float32)
    for rows, centre in zip(groups, centres.astype(np.float32), strict=True):
        squared = 1 - 2 * similarities(matrix, centre)[rows] + np.float32(np.dot(centre, centre))
        scale[rows] = 1 / np.sqrt(np.maximum(squared, 1e-6))
    return Centring(centres.astype(np.float32), languages, scale)


def nearest_centre(vector: Vector, centres: Matrix) -> int:
    """Which of ``centres`` a question is nearest to: its language, better told so than by its few words."""
    lengths = np.linalg.norm(centres, axis=1)
    return int(np.argmax(centres @ vector / np.maximum(lengths, 1e-9)))


def without_centre(vector: Vector, centre: Vector) -> Vector:
    """``vector`` of a question without what questions have in common, of length 1."""
    rest = vector - CENTRE_SHARE * centre
    return np.asarray(rest / max(float(np.linalg.norm(rest)), 1e-9), np.float32)


def similarities(matrix: Matrix, question: Vector) -> Floats:
    """Dot product of ``question`` and each row.

    Not ``matrix @ question``: BLAS splits that over threads that wait for one another, which on a busy machine
    costs more than the product (16 ms instead of 0.5 at 10,000 rows with two cores taken).
    """
    return np.asarray(np.vecdot(matrix, question))


def centred_cosines(matrix: Matrix, question: Vector, passages: Centring) -> Floats:
    """Cosine of a question ``without_centre`` and each row without its own; 0 for rows without a vector."""
    offsets = similarities(passages.centres, question)[passages.languages]
    return (similarities(matrix, question) - offsets) * passages.scale
