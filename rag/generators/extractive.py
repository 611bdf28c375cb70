"""An answer made of sentences quoted from the passages, for when no model is there to write one. Pure."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rag.generators.excerpts import Excerpt, excerpts
from rag.indexes.analyser import analyse
from rag.questions import Kind, definition_head, holds_answer, kind_of
from rag.values import Answer, Citation, Matrix, Passage, Sentence, Vector

Embed = Callable[[Sequence[str]], Matrix]

_PASSAGES = 8
"""Passages whose sentences are looked at."""
_EMBEDDED = 16
"""Sentences that are embedded; the rest are out of the running by their words and place already."""
_SURE = 2
"""Sentences of each of the best passages that are embedded whatever their words."""
_DUPLICATE_COSINE = 0.955
_DUPLICATE_SHARE = 0.7
_MEANING = 0.9
_WORDS = 1.3
_PLACE = 0.6
_FOREIGN = 0.8
"""How much better a sentence in another language must be than the best in the question's own."""
_REACH = 1.15
"""How far below the best sentence's score another may lie and still be quoted."""
_ENOUGH = 420
"""Characters after which no further sentence is added."""
_DANGLING = re.compile(
    r"^(?:(?:it|they|this|these|those|that|he|she|such|here|then|however|but|and|or|so|also|otherwise|therefore|instead|"
    r"additionally|furthermore|moreover|il|elle|ils|elles|cela|ceci|ce|c'|cette|ces|celui|celle|ceux|celles|mais|et|ou|"
    r"or|donc|ainsi|alors|puis|ensuite|sinon|cependant|toutefois|en effet|de plus|par ailleurs)\b)",
    re.IGNORECASE,
)
_ASKS_COMMAND = re.compile(
    r"\b(?:commandes?|commands?|lncli|\w+-cli|options?|config\w*|settings?|réglages?|paramètres?|parameters?|flags?|rpc|api)\b",
    re.IGNORECASE,
)
_BACK_UP = re.compile(r"\bback(?:ed|ing|s)?[ -]up\b", re.IGNORECASE)
"""Two words whose second one carries no topic by itself."""
_REFERENCES = re.compile(
    r"(?:sources|références|references|bibliograph\w+|further reading|see also|voir aussi|liens|links)$", re.I
)


@dataclass(slots=True)
class _Candidate:
    """An excerpt in the running."""

    excerpt: Excerpt
    passage: Passage
    terms: frozenset[str]
    rank: int
    """Place of its passage, from 0."""
    score: float = 0.0
    vector: Vector | None = None


def extract(
    question: str,
    passages: Sequence[Passage],
    *,
    language: str,
    embed: Embed | None,
    query_vector: Vector | None,
    max_sentences: int = 4,
) -> Answer:
    """Return the sentences of the passages that answer best, word for word, each with its own citation.

    ``language`` is the question's; sentences in another are quoted only where they answer clearly better.
    ``embed`` gives the vectors of texts as passages; without it, or without ``query_vector``, words alone decide.
    An answer without sentences says that there is nothing to quote.
    """
    candidates = _candidates(question, passages[:_PASSAGES])
    if embed is not None and query_vector is not None and candidates:
        candidates = _by_meaning(candidates, embed, query_vector)
    candidates = _in_language(candidates, language)
    chosen = _choose(candidates, max_sentences)
    return _answer(_ordered(chosen))


def _candidates(question: str, passages: Sequence[Passage]) -> list[_Candidate]:
    kind, wanted = kind_of(question), _terms(question)
    found = [
        _Candidate(excerpt, passage, _terms(excerpt.text), rank)
        for rank, passage in enumerate(passages)
        for excerpt in excerpts(passage.text)
    ]
    weights = _rarity(wanted, passages)
    places = _place_scores(passages)
    for candidate in found:
        above = (candidate.passage.title, candidate.passage.heading, candidate.excerpt.above)
        context = _terms("\n".join(above))
        candidate.score = (
            _WORDS * _coverage(wanted, candidate.terms, context, weights)
            + _PLACE * places[candidate.passage.hit.chunk]
            + _fitness(kind, wanted, candidate)
            + _form(question, kind, candidate)
        )
    return sorted(found, key=lambda candidate: -candidate.score)


def _terms(text: str) -> frozenset[str]:
    return frozenset(analyse(_BACK_UP.sub("backup", text)))


def _rarity(wanted: frozenset[str], passages: Sequence[Passage]) -> dict[str, float]:
    """Return a weight for each term of the question, higher for those that few of the passages hold."""
    held = Counter(term for passage in passages for term in _terms(passage.text) & wanted)
    return {term: math.log(1 + (len(passages) + 1) / (held[term] + 0.5)) for term in wanted}


def _coverage(
    wanted: frozenset[str], terms: frozenset[str], context: frozenset[str], weights: dict[str, float]
) -> float:
    """Return the weighted share of the question that a sentence holds; what stands above it counts half."""
    total = sum(weights.values())
    own = sum(weights[term] for term in wanted & terms)
    lent = sum(weights[term] for term in (wanted & context) - terms)
    return (own + 0.5 * lent) / total if total else 0.0


def _place_scores(passages: Sequence[Passage]) -> dict[str, float]:
    """Return how well each passage was ranked, in [0, 1], by chunk."""
    scores = [passage.hit.score for passage in passages]
    low, high = min(scores, default=0.0), max(scores, default=0.0)
    return {
        passage.hit.chunk: 0.5 / (1 + rank)
        + 0.5 * ((passage.hit.score - low) / (high - low) if high > low else 1.0)
        for rank, passage in enumerate(passages)
    }


def _fitness(kind: Kind, wanted: frozenset[str], candidate: _Candidate) -> float:
    """Return how well what an excerpt says suits the kind of question."""
    text = candidate.excerpt.text
    if kind is Kind.DEFINITION:
        head = _terms(definition_head(text))
        return 0.7 if head and head <= wanted else 0.35 if head & wanted else 0.0
    if kind is Kind.HOW_TO:
        return (0.4 if candidate.excerpt.steps else 0.0) + (0.2 if holds_answer(kind, text) else 0.0)
    return 0.0 if holds_answer(kind, text) else -0.4


def _form(question: str, kind: Kind, candidate: _Candidate) -> float:
    """Return how well an excerpt stands on its own; commands and settings do where one is asked for."""
    excerpt = candidate.excerpt
    form = 0.1 if excerpt.first else 0.0
    if excerpt.code:
        return form + (0.3 if _ASKS_COMMAND.search(question) else -0.7 if kind is Kind.HOW_TO else -0.9)
    form -= 0.35 if _DANGLING.match(excerpt.text) else 0.0
    form -= 0.3 if excerpt.words < 6 else 0.0
    form -= 0.3 if " | " in excerpt.text else 0.0
    return form - (1.5 if _REFERENCES.search(candidate.passage.heading) else 0.0)


def _by_meaning(candidates: list[_Candidate], embed: Embed, query_vector: Vector) -> list[_Candidate]:
    """Return the best candidates with the similarity of question and sentence in their scores."""
    kept = _shortlist(candidates)
    vectors = embed([candidate.excerpt.plain for candidate in kept])
    cosines = vectors @ query_vector
    spread = max(float(cosines.std()), 0.008)
    for candidate, vector, cosine in zip(kept, vectors, cosines, strict=True):
        candidate.vector = vector
        candidate.score += _MEANING * float(np.clip((cosine - cosines.mean()) / spread, -2.5, 2.5)) / 2
    return sorted(kept, key=lambda candidate: -candidate.score)


def _shortlist(candidates: list[_Candidate]) -> list[_Candidate]:
    """Return the candidates to embed: the best ones, among them some of each of the best passages."""
    taken: Counter[str] = Counter()
    sure: list[_Candidate] = []
    rest: list[_Candidate] = []
    for candidate in candidates:
        chunk = candidate.passage.hit.chunk
        taken[chunk] += 1
        near = candidate.rank < _EMBEDDED // (2 * _SURE)
        (sure if near and taken[chunk] <= _SURE else rest).append(candidate)
    return [*sure, *rest][:_EMBEDDED]


def _in_language(candidates: list[_Candidate], language: str) -> list[_Candidate]:
    """Return the candidates of one language: the question's own unless another one answers clearly better."""
    if not candidates or not language:
        return candidates
    own = [candidate for candidate in candidates if candidate.passage.language in (language, "")]
    if own and own[0].score >= candidates[0].score - _FOREIGN:
        return own
    best = candidates[0].passage.language
    return [candidate for candidate in candidates if candidate.passage.language == best]


def _choose(candidates: list[_Candidate], limit: int) -> list[_Candidate]:
    """Return the excerpts to quote, best first, without repetition."""
    chosen: list[_Candidate] = []
    length = 0
    for candidate in candidates:
        if len(chosen) == limit or (chosen and length + len(candidate.excerpt.text) > 2 * _ENOUGH):
            break
        if chosen and (candidate.score < chosen[0].score - _REACH or length > _ENOUGH):
            break
        if any(_repeats(candidate, other) for other in chosen):
            continue
        chosen.append(candidate)
        length += len(candidate.excerpt.text)
    return chosen


def _repeats(one: _Candidate, other: _Candidate) -> bool:
    if one.passage.hit.document == other.passage.hit.document and _overlap(one, other):
        return True
    alike = float(one.vector @ other.vector) if one.vector is not None and other.vector is not None else 0.0
    if alike >= _DUPLICATE_COSINE:
        return True
    smaller = min(len(one.terms), len(other.terms))
    return smaller > 0 and len(one.terms & other.terms) / smaller >= _DUPLICATE_SHARE


def _overlap(one: _Candidate, other: _Candidate) -> bool:
    first, second = one.passage.start, other.passage.start
    return (
        first + one.excerpt.start < second + other.excerpt.end
        and second + other.excerpt.start < first + one.excerpt.end
    )


def _ordered(chosen: list[_Candidate]) -> list[_Candidate]:
    """Return the excerpts in reading order: the most direct one, then by passage and place in it."""
    if not chosen:
        return []
    ranks = {candidate.passage.hit.chunk: rank for rank, candidate in reversed(list(enumerate(chosen)))}
    rest = sorted(chosen[1:], key=lambda each: (ranks[each.passage.hit.chunk], each.excerpt.start))
    return [chosen[0], *rest]


def _answer(chosen: list[_Candidate]) -> Answer:
    citations = tuple(_citation(n, candidate) for n, candidate in enumerate(chosen, 1))
    sentences = tuple(Sentence(candidate.excerpt.plain, (n,)) for n, candidate in enumerate(chosen, 1))
    return Answer("".join(_joined(chosen)), sentences, citations)


def _joined(chosen: list[_Candidate]) -> Iterator[str]:
    """Yield the pieces of the text; lists and commands keep lines of their own."""
    previous: Excerpt | None = None
    for n, candidate in enumerate(chosen, 1):
        excerpt = candidate.excerpt
        if previous is not None:
            yield "\n\n" if excerpt.apart or previous.apart else " "
        yield f"{excerpt.plain} [{n}]"
        previous = excerpt


def _citation(n: int, candidate: _Candidate) -> Citation:
    passage, excerpt = candidate.passage, candidate.excerpt
    return Citation(
        n=n,
        document=passage.hit.document,
        chunk=passage.hit.chunk,
        title=passage.title,
        quote=excerpt.text,
        start=passage.start + excerpt.start,
        end=passage.start + excerpt.end,
        score=passage.hit.score,
        page=passage.page,
    )
