"""The signals that tell an answered question from an unanswered one, measured on what the search found. Pure."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.figures import figures
from rag.indexes.analyser import analyse
from rag.indexes.glossary import translations
from rag.questions import Kind, holds_answer, kind_of
from rag.sentences import split_sentences
from rag.values import Answer, Hit, Passage

Signals = dict[str, float]
Floats = NDArray[np.float64]

_RANKS = 30
_READ = 5
"""Passages whose text is read."""
_NEAR = 3
"""Terms this close to each other count as one phrase."""
_NAME = re.compile(
    r"\w*[a-z][A-Z]\w*|\w*\d\w*[A-Za-z]\w*|[A-Za-z]+\d\w*|\w+_\w+|[A-Z]{2,}s?\b|\w+#\d+|"
    r"(?<=[\w,;)’'] )[A-ZÀ-Þ][\w’'-]{2,}"
)
"""Identifiers, acronyms, and words with a capital that do not open the question."""
_KINDS = (Kind.HOW_MANY, Kind.WHY, Kind.YES_NO, Kind.DEFINITION, Kind.HOW_TO, Kind.HOW)


@dataclass(frozen=True, slots=True)
class _Question:
    text: str
    kind: Kind
    terms: tuple[str, ...]
    weights: Floats
    """Rarity of each term."""
    senses: tuple[frozenset[str], ...]
    """Each term with its translations."""

    @property
    def total(self) -> float:
        return float(self.weights.sum()) or 1.0


@dataclass(frozen=True, slots=True)
class _Text:
    """A passage as the measures see it."""

    passage: Passage
    terms: tuple[str, ...]
    held: frozenset[str]
    sentences: tuple[frozenset[str], ...]


def measure(
    question: str,
    passages: Sequence[Passage],
    *,
    hits: Sequence[Hit],
    answer: Answer | None,
    language: str,
) -> Signals:
    """Return the signals by name. Those of scores come from ``hits``, those of words from the best passages."""
    texts = [_read(passage) for passage in passages[:_READ]]
    asked = _asked(question, passages)
    signals = _cosines(hits) | _lexical(hits, asked) | _fused(hits)
    signals |= _words(asked, texts) | _forms(asked, texts, answer)
    same = [passage.language == language for passage in passages]
    signals["same_first"] = float(same[0])
    signals["same_share"] = float(np.mean(same))
    return signals


def _read(passage: Passage) -> _Text:
    heading = analyse(f"{passage.title}\n{passage.heading}")
    sentences = [passage.text[start:end] for start, end in split_sentences(passage.text)]
    terms = (*heading, *analyse(passage.text))
    return _Text(passage, terms, frozenset(terms), tuple(frozenset(analyse(each)) for each in sentences))


def _asked(question: str, passages: Sequence[Passage]) -> _Question:
    """Return the question with each term weighted by how few of the passages hold it."""
    terms = tuple(dict.fromkeys(analyse(question)))
    held = Counter(term for passage in passages for term in frozenset(analyse(passage.text)))
    count = len(passages)
    weights = [math.log(1 + (count - held[term] + 0.5) / (held[term] + 0.5)) + 0.3 for term in terms]
    senses = tuple(frozenset((term, *translations(term))) for term in terms)
    return _Question(question, kind_of(question), terms, np.array(weights, np.float64), senses)


def _cosines(hits: Sequence[Hit]) -> Signals:
    """How near the nearest passages are, and how far they stand out of the next ones."""
    known = [hit.vector_score for hit in hits if hit.vector_score is not None]
    scores = _padded(sorted(known, reverse=True))
    first = hits[0].vector_score
    spread = float(scores[:20].std()) + 0.002
    return {
        "cosine_known": float(bool(known)),
        "cosine": float(scores[0]),
        "cosine_first": float(scores[0]) if first is None else first,
        **_gaps("cosine", scores, 1.0),
        "standing": float(scores[0] - scores[1:20].mean()) / spread,
    }


def _lexical(hits: Sequence[Hit], asked: _Question) -> Signals:
    """The same for BM25; scores are taken as shares of the best one."""
    scores = _padded(sorted((hit.lexical_score or 0.0 for hit in hits), reverse=True))
    best = max(float(scores[0]), 1e-6)
    first = hits[0].lexical_score or 0.0
    return {
        "words": best,
        "words_share": best / asked.total,
        "words_first": first / asked.total,
        "words_first_share": first / best,
        **_gaps("words", scores, 1 / best),
    }


def _fused(hits: Sequence[Hit]) -> Signals:
    """How near the best passage is in the fused ranking, how far it stands out, and whether words agree with meaning.

    Ranks are counted among ``hits``, so that what lies outside them has no say.
    """
    scores = _padded([hit.score for hit in hits])
    by_words = _ranks([hit.lexical_score or 0.0 for hit in hits])
    by_meaning = _ranks([hit.vector_score or 0.0 for hit in hits])
    return {
        "fused": float(scores[0]),
        **_gaps("fused", scores, 1.0),
        "ranks_first": math.log(by_words[0] * by_meaning[0]),
        "words_rank_of_nearest": math.log(by_words[int(np.argmin(by_meaning))]),
        "meaning_rank_of_best_words": math.log(by_meaning[int(np.argmin(by_words))]),
    }


def _ranks(scores: Sequence[float]) -> list[int]:
    """Return the one-based rank of each score; equal ones share the better rank."""
    ordered = sorted(scores, reverse=True)
    return [1 + ordered.index(score) for score in scores]


def _gaps(name: str, scores: Floats, unit: float) -> Signals:
    return {
        f"{name}_gap_2": float(scores[0] - scores[1]) * unit,
        f"{name}_gap_5": float(scores[0] - scores[1:5].mean()) * unit,
        f"{name}_gap_10": float(scores[0] - scores[5:10].mean()) * unit,
        f"{name}_gap_20": float(scores[0] - scores[10:20].mean()) * unit,
        f"{name}_gap_30": float(scores[0] - scores[20:30].mean()) * unit,
    }


def _padded(scores: Sequence[float]) -> Floats:
    """Return exactly ``_RANKS`` scores; a short list goes on with its last one."""
    values = np.array(scores[:_RANKS] or [0.0], np.float64)
    return np.append(values, np.full(_RANKS - values.size, values[-1]))


def _words(asked: _Question, texts: Sequence[_Text]) -> Signals:
    """How much of the question, weighted by rarity, the passages and their best sentences hold."""
    if not asked.terms:
        return dict.fromkeys(_WORD_SIGNALS, 0.0)
    held = np.array(
        [[not sense.isdisjoint(text.held) for sense in asked.senses] for text in texts], np.float64
    )
    missing = (1 - held) * asked.weights
    sentences = [max((_share(asked, each) for each in text.sentences), default=0.0) for text in texts]
    phrases = [_phrases(asked, text.terms) for text in texts[:3]]
    shares = held @ asked.weights / asked.total
    values = (
        float(shares[0]),
        float(shares[:3].max()),
        float(held.max(axis=0) @ asked.weights) / asked.total,
        float(missing[0].max()) / float(asked.weights.max()),
        float(missing[:3].min(axis=0).max()) / float(asked.weights.max()),
        sentences[0],
        max(sentences[:3]),
        phrases[0],
        max(phrases),
        math.log1p(len(asked.terms)),
    )
    return dict(zip(_WORD_SIGNALS, values, strict=True))


_WORD_SIGNALS = (
    "coverage_first",
    "coverage_best",
    "coverage_all",
    "missing_first",
    "missing_best",
    "sentence_first",
    "sentence_best",
    "phrases_first",
    "phrases_best",
    "length",
)


def _share(asked: _Question, terms: frozenset[str]) -> float:
    return (
        sum(float(w) for w, term in zip(asked.weights, asked.terms, strict=True) if term in terms)
        / asked.total
    )


def _phrases(asked: _Question, terms: Sequence[str]) -> float:
    """Return the share of neighbouring question terms that are neighbours in the passage, too."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, term in enumerate(terms):
        places[term].append(place)
    found = 0.0
    spots = [[place for term in sense for place in places.get(term, ())] for sense in asked.senses]
    for i, (one, other) in enumerate(zip(spots, spots[1:], strict=False)):
        if any(abs(a - b) <= _NEAR for a in one for b in other):
            found += float(asked.weights[i] + asked.weights[i + 1])
    return found / (2 * asked.total)


def _forms(asked: _Question, texts: Sequence[_Text], answer: Answer | None) -> Signals:
    """Whether the text holds what kind of thing is asked for, and the names and numbers of the question."""
    first = texts[0].passage.text
    quoted = " ".join(citation.quote for citation in answer.citations) if answer else first
    everything = "\n".join(text.passage.text for text in texts[:3]).lower()
    names = {name.lower() for name in _NAME.findall(asked.text)}
    numbers = figures(asked.text, strict=True)
    lost = [name for name in names if name.rstrip("s") not in everything]
    return {
        "kind_held": float(holds_answer(asked.kind, first)),
        "kind_quoted": float(holds_answer(asked.kind, quoted)),
        "answer_coverage": _share(asked, frozenset(analyse(quoted))),
        "names": float(bool(names)),
        "names_missing": len(lost) / len(names) if names else 0.0,
        "numbers_missing": float(len(numbers - figures(everything))),
        **{f"asks_{kind.value}": float(asked.kind is kind) for kind in _KINDS},
    }
