"""BM25 over numpy postings: immutable segments, the rows that may be found decided by the caller's mask. Pure.

Formula: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), with Lucene's
inverse document frequency, which is never negative: ln(1 + (N - n + 0.5) / (n + 0.5)). A row's terms are counted
as the caller gives them; one that repeats the terms of a title or heading weights that field (Robertson, Zaragoza
and Taylor, "Simple BM25 Extension to Multiple Weighted Fields", 2004).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Word = Sequence[tuple[int, float]]
"""What stands for one word of a question: term numbers with weights, of which the best match counts."""

Mask = NDArray[np.bool_]
Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Bm25Parameters:
    """Saturation ``k1`` and length normalisation ``b``."""

    k1: float = 1.2
    b: float = 0.75


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
    """Occurrences by posting; 255 stands for more, too."""
    lengths: NDArray[np.uint32]
    """Terms by row."""

    @property
    def size(self) -> int:
        """Number of rows."""
        return int(self.lengths.size)

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
    saturation: Scores
    """k1 * (1 - b + b * length / average length) by row."""


def build_segment(rows: Sequence[Sequence[int]]) -> Segment:
    """Segment of ``rows``, each the numbers of its terms in any order, repeated as often as they count."""
    lengths = np.array([len(row) for row in rows], np.uint32)
    flat = np.fromiter((term for row in rows for term in row), np.int64, int(lengths.sum()))
    keys, counts = np.unique(flat * len(rows) + np.repeat(np.arange(len(rows)), lengths), return_counts=True)
    terms, places = np.divmod(keys, max(len(rows), 1))
    frequencies = np.minimum(counts, 255).astype(np.uint8)
    return _grouped(terms.astype(np.int32), places.astype(np.int32), frequencies, lengths)


def merge_segments(segments: Sequence[Segment], keep: Mask | None = None) -> Segment:
    """One segment of all rows in order, or only of those to ``keep``, renumbered without gaps."""
    bases = np.cumsum([0, *(segment.size for segment in segments)], dtype=np.int32)
    terms = np.concatenate([np.repeat(segment.terms, np.diff(segment.offsets)) for segment in segments])
    rows = np.concatenate([part.rows + base for part, base in zip(segments, bases, strict=False)])
    frequencies = np.concatenate([segment.frequencies for segment in segments])
    lengths = np.concatenate([segment.lengths for segment in segments])
    if keep is not None:
        chosen = keep[rows]
        renumbered = np.cumsum(keep, dtype=np.int32) - np.int32(1)
        terms, rows = terms[chosen], renumbered[rows[chosen]]
        frequencies, lengths = frequencies[chosen], lengths[keep]
    order = np.argsort(terms, kind="stable")
    return _grouped(terms[order], rows[order], frequencies[order], lengths)


def statistics(segments: Sequence[Segment], allowed: Mask | None, parameters: Bm25Parameters) -> Statistics:
    """Lengths and counts over the rows ``allowed``; rows outside it have no influence on any score."""
    lengths = np.concatenate([np.zeros(0, np.uint32), *(segment.lengths for segment in segments)])
    counted = lengths if allowed is None else lengths[allowed]
    total = int(counted.sum(dtype=np.int64))
    relative = lengths * (counted.size / total if total else 0.0)
    saturation = parameters.k1 * (1 - parameters.b + parameters.b * relative)
    return Statistics(allowed, counted.size, saturation.astype(np.float32))


def score(segments: Sequence[Segment], statistics: Statistics, words: Sequence[Word]) -> Scores:
    """BM25 score of every row for ``words``; 0 for rows without any or not allowed.

    Sums run in the order of ``words``, so that the same rows score the same to the last bit however they are
    spread over segments.
    """
    scores = np.zeros(statistics.saturation.size, np.float32)
    terms = [term for word in words for term in word]
    found = _gather(segments, [number for number, _ in terms])
    if found is None:
        return scores
    position, rows, frequencies = found
    if statistics.allowed is not None:
        inside = statistics.allowed[rows]
        position, rows, frequencies = position[inside], rows[inside], frequencies[inside]
    holders = np.bincount(position, minlength=len(terms))
    weights = np.log1p((statistics.count - holders + 0.5) / (holders + 0.5))
    weights *= [weight for _, weight in terms]
    frequency = frequencies.astype(np.float32)
    gains = weights.astype(np.float32)[position] * (frequency / (frequency + statistics.saturation[rows]))
    _add_words(scores, words, np.cumsum(holders).tolist(), rows, gains)
    return scores


def _add_words(
    scores: Scores, words: Sequence[Word], ends: Sequence[int], rows: NDArray[np.int32], gains: Scores
) -> None:
    """Add each word's best gain by row; the postings of the n-th term end at ``ends[n]``."""
    number = start = 0
    for word in words:
        first = start
        best = scores if len(word) == 1 else np.zeros_like(scores)
        for _ in word:
            part = slice(start, ends[number])
            number, start = number + 1, ends[number]
            if best is scores:
                scores[rows[part]] += gains[part]
            elif start > part.start:
                best[rows[part]] = np.maximum(best[rows[part]], gains[part])
        if best is not scores and start > first:
            scores += best


def _gather(
    segments: Sequence[Segment], terms: Sequence[int]
) -> tuple[NDArray[np.intp], NDArray[np.int32], NDArray[np.uint8]] | None:
    """Postings of ``terms`` as (position in ``terms``, row, frequency), by term and then by row."""
    wanted = np.array(terms, np.int32)
    pieces = []
    base = 0
    for segment in segments:
        position, taken = _postings(segment, wanted)
        rows = segment.rows[taken]
        pieces.append((position, rows + np.int32(base) if base else rows, segment.frequencies[taken]))
        base += segment.size
    if len(pieces) < 2:
        return pieces[0] if pieces else None
    position, rows, frequencies = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    order = np.argsort(position.astype(np.int16), kind="stable")
    return position[order], rows[order], frequencies[order]


def _postings(segment: Segment, wanted: NDArray[np.int32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Places of the postings of the terms ``wanted``, and the position in ``wanted`` of each."""
    places = np.searchsorted(segment.terms, wanted)
    present = (
        np.flatnonzero(segment.terms.take(places, mode="clip") == wanted)
        if segment.terms.size
        else places[:0]
    )
    starts = segment.offsets[places[present]]
    counts = segment.offsets[places[present] + 1] - starts
    position = np.repeat(present, counts)
    return position, np.arange(position.size) + np.repeat(starts - np.cumsum(counts) + counts, counts)


def _grouped(
    terms: NDArray[np.int32],
    rows: NDArray[np.int32],
    frequencies: NDArray[np.uint8],
    lengths: NDArray[np.uint32],
) -> Segment:
    starts = np.flatnonzero(np.diff(terms, prepend=-1))
    offsets = np.append(starts, terms.size).astype(np.int64)
    return Segment(terms[starts], offsets, rows, frequencies, lengths)
