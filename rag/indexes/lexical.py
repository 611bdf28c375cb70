"""BM25 over numpy postings: immutable segments, live documents decided by the caller's mask. Pure.

Formula: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), with fields
combined before saturation (Robertson, Zaragoza and Taylor, "Simple BM25 Extension to Multiple Weighted
Fields", 2004) and Lucene's inverse document frequency, which is never negative:
ln(1 + (N - n + 0.5) / (n + 0.5)).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FIELDS = ("title", "heading", "body")

Word = Sequence[tuple[int, float]]
"""What stands for one word of a question: term numbers with weights, of which the best match counts."""

Mask = NDArray[np.bool_]
Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bm25Parameters:
    """Saturation ``k1``, length normalisation ``b`` and how often a word counts in each of ``FIELDS``."""

    k1: float = 1.2
    b: float = 0.75
    weights: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Segment:
    """Postings of consecutive rows, sorted by term and then by row."""

    terms: NDArray[np.int32]
    """Distinct terms, ascending."""
    offsets: NDArray[np.int64]
    """Postings of ``terms[i]`` are ``offsets[i]:offsets[i + 1]``."""
    rows: NDArray[np.int32]
    """Row of each posting, counted from the segment's first row."""
    frequencies: NDArray[np.uint8]
    """Occurrences by field and posting, shape (fields, postings); 255 stands for more, too."""
    lengths: NDArray[np.uint32]
    """Terms by field and row, shape (fields, rows)."""

    @property
    def size(self) -> int:
        """Number of rows."""
        return int(self.lengths.shape[1])

    def counts(self, places: NDArray[np.intp]) -> NDArray[np.int64]:
        """Number of postings of the terms at ``places``."""
        return self.offsets[places + 1] - self.offsets[places]

    @property
    def postings(self) -> int:
        """Number of postings."""
        return int(self.rows.size)


@dataclass(frozen=True, slots=True)
class Statistics:
    """What BM25 needs to know of the rows that may be found."""

    allowed: Mask | None
    """None when every row may be found."""
    count: int
    saturation: NDArray[np.float64]
    """k1 * (1 - b + b * length / average length) by row."""


def build_segment(documents: Sequence[Sequence[Sequence[int]]]) -> Segment:
    """Segment of ``documents``: for each row, for each field, the term numbers in any order."""
    lengths = np.array([[len(field) for field in row] for row in documents], np.uint32)
    lengths = lengths.reshape(len(documents), len(FIELDS)).T
    flat = np.fromiter((term for row in documents for field in row for term in field), np.int64)
    cells = np.repeat(np.arange(len(documents) * len(FIELDS)), lengths.T.ravel())
    keys, counts = np.unique(flat * lengths.size + cells, return_counts=True)
    if not keys.size:
        return _empty(np.ascontiguousarray(lengths))
    terms, cells = np.divmod(keys, lengths.size)
    rows, fields = np.divmod(cells, len(FIELDS))
    starts = np.flatnonzero(np.diff(terms * len(documents) + rows, prepend=-1))
    posting = np.cumsum(np.bincount(starts, minlength=keys.size)) - 1
    frequencies = np.zeros((len(FIELDS), starts.size), np.uint8)
    frequencies[fields, posting] = np.minimum(counts, 255)
    return _grouped(terms[starts], rows[starts].astype(np.int32), frequencies, np.ascontiguousarray(lengths))


def merge_segments(segments: Sequence[Segment], keep: Mask | None = None) -> Segment:
    """One segment of all rows in order, or only of those to ``keep``, renumbered without gaps."""
    bases = np.cumsum([0, *(segment.size for segment in segments)])
    terms = np.concatenate([np.repeat(segment.terms, np.diff(segment.offsets)) for segment in segments])
    rows = np.concatenate([part.rows + np.int32(base) for part, base in zip(segments, bases, strict=False)])
    frequencies = np.concatenate([segment.frequencies for segment in segments], axis=1)
    lengths = np.concatenate([segment.lengths for segment in segments], axis=1)
    if keep is not None:
        chosen = keep[rows]
        renumbered = np.cumsum(keep, dtype=np.int32) - 1
        terms, rows = terms[chosen], renumbered[rows[chosen]].astype(np.int32)
        frequencies, lengths = frequencies[:, chosen], np.ascontiguousarray(lengths[:, keep])
    order = np.argsort(terms, kind="stable")
    return _grouped(terms[order], rows[order], np.ascontiguousarray(frequencies[:, order]), lengths)


def statistics(segments: Sequence[Segment], allowed: Mask | None, parameters: Bm25Parameters) -> Statistics:
    """Lengths and counts over the rows ``allowed``; rows outside it have no influence on any score."""
    parts = [segment.lengths for segment in segments]
    fields = np.concatenate(parts, axis=1) if parts else np.zeros((len(FIELDS), 0), np.uint32)
    lengths = np.asarray(parameters.weights, np.float64) @ fields
    totals = fields.sum(axis=1, dtype=np.int64) if allowed is None else fields @ allowed.astype(np.int64)
    count = lengths.size if allowed is None else int(np.count_nonzero(allowed))
    average = float(np.dot(parameters.weights, totals)) / count if count else 0.0
    relative = lengths / average if average else np.zeros_like(lengths)
    return Statistics(allowed, count, parameters.k1 * (1 - parameters.b + parameters.b * relative))


def score(
    segments: Sequence[Segment],
    statistics: Statistics,
    words: Sequence[Word],
    parameters: Bm25Parameters,
) -> Scores:
    """BM25 score of every row for ``words``; 0 for rows without any or not allowed.

    Sums run in the order of ``words``, so that the same rows score the same to the last bit however they are
    spread over segments.
    """
    scores = np.zeros(statistics.saturation.size)
    terms = [term for word in words for term in word]
    found = _gather(segments, [number for number, _ in terms])
    if found is None:
        return scores
    position, rows, frequencies = found
    if statistics.allowed is not None:
        inside = statistics.allowed[rows]
        position, rows, frequencies = position[inside], rows[inside], frequencies[:, inside]
    present = np.bincount(position, minlength=len(terms))
    weights = np.log1p((statistics.count - present + 0.5) / (present + 0.5))
    weights *= [weight for _, weight in terms]
    frequency = np.asarray(parameters.weights, np.float64) @ frequencies
    gains = weights[position] * (frequency / (frequency + statistics.saturation[rows]))
    _add_words(scores, words, np.cumsum(present).tolist(), rows, gains)
    return scores


def _add_words(
    scores: Scores, words: Sequence[Word], ends: Sequence[int], rows: NDArray[np.int32], gains: Scores
) -> None:
    """Add each word's best gain by row; the postings of the n-th term end at ``ends[n]``."""
    number = start = 0
    for word in words:
        best = scores if len(word) == 1 else np.zeros_like(scores)
        for _ in word:
            part = slice(start, ends[number])
            number, start = number + 1, ends[number]
            if best is scores:
                scores[rows[part]] += gains[part]
            else:
                best[rows[part]] = np.maximum(best[rows[part]], gains[part])
        if best is not scores:
            scores += best


def _gather(
    segments: Sequence[Segment], terms: Sequence[int]
) -> tuple[NDArray[np.intp], NDArray[np.int32], NDArray[np.uint8]] | None:
    """Postings of ``terms`` as (position in ``terms``, row, frequencies), by term and then by row."""
    wanted = np.array(terms, np.int32)
    pieces = []
    base = 0
    for segment in segments:
        places = np.searchsorted(segment.terms, wanted)
        places[places == segment.terms.size] = 0
        present = np.flatnonzero(segment.terms[places] == wanted) if segment.terms.size else places[:0]
        places = places[present]
        starts, counts = segment.offsets[places], segment.counts(places)
        position = np.repeat(present, counts)
        taken = np.arange(position.size) + np.repeat(starts - np.cumsum(counts) + counts, counts)
        rows = segment.rows[taken]
        pieces.append((position, rows + np.int32(base) if base else rows, segment.frequencies[:, taken]))
        base += segment.size
    if len(pieces) < 2:
        return pieces[0] if pieces and pieces[0][0].size else None
    position = np.concatenate([piece[0] for piece in pieces])
    order = np.argsort(position.astype(np.int16), kind="stable")
    return (
        position[order],
        np.concatenate([piece[1] for piece in pieces])[order],
        np.concatenate([piece[2] for piece in pieces], axis=1)[:, order],
    )


def _grouped(
    terms: NDArray[np.integer],
    rows: NDArray[np.int32],
    frequencies: NDArray[np.uint8],
    lengths: NDArray[np.uint32],
) -> Segment:
    starts = np.flatnonzero(np.diff(terms, prepend=-1))
    offsets = np.append(starts, terms.size).astype(np.int64)
    return Segment(terms[starts].astype(np.int32), offsets, rows, frequencies, lengths)


def _empty(lengths: NDArray[np.uint32]) -> Segment:
    nothing = np.zeros((len(FIELDS), 0), np.uint8)
    return Segment(np.zeros(0, np.int32), np.zeros(1, np.int64), np.zeros(0, np.int32), nothing, lengths)
