"""Whether a sentence stands on the passages that it cites, and on which words of them. Pure.

What is checked: quotations stand word for word; figures, identifiers and acronyms occur in the passages; and
enough of the sentence's words do. A sentence in another language than its passages shares few words with them;
there proper names must occur instead. Whether a sentence *follows* from a passage cannot be told by such means:
one that denies what its passage says, in the same words, passes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rag.figures import figures, spoken_figures
from rag.indexes.analyser import analyse, strip_accents
from rag.ingest.language import detect_language
from rag.sentences import split_sentences, strip_marker
from rag.values import Matrix, Passage

Embed = Callable[[Sequence[str]], Matrix]
"""Texts to vectors of length one."""

LEAST_SHARED = 0.34
"""Share of a sentence's terms that its passages must hold. Of the sentences that explain 600 quiz questions, 89 %
(fr) and 91 % (en) pass all checks with the passage that they explain, 14 % and 12 % with that of another question
of the same course. Of the wrong answers to those questions about half pass: they use the passage's own words."""
_PER_TERM = 0.2
"""How much a quotation loses by each term that it has, so that of two that fit alike the shorter is taken."""

_QUOTED = re.compile(r"«\s*([^«»]+?)\s*»|“\s*([^“”]+?)\s*”|\"([^\"\n]+)\"")
_CODE = re.compile(r"`([^`\n]+)`")
_PLACEHOLDER = re.compile(r"<[^<>\s]*>|\.{3}|…")
_TOKEN = re.compile(r"(?:--?)?[\w~/$.][\w$./\-:#@+=~%']*")
_OMISSION = re.compile(r"\[?(?:\.{3}|…)\]?")
_EDGES = ".,:;'/-=%+"
_FIGURE_WITH_UNIT = re.compile(r"[\d.,]*\d[^\W\d_]{0,4}|v?\d+(?:\.\d+)*")
_IDENTIFIER = re.compile(
    r"^--?\w|_|\w{2,}\.\w{2,}|://|^[~/]\w|[/:@=#]\S*[\d_]|[a-z][A-Z]|[^\W\d_]\d|\d[^\W\d_]"
)
_ACRONYM = re.compile(r"[A-Z][A-Z\d]+s?")
_WORD = re.compile(r"[^\W\d_]+")
_NAME = re.compile(r"(?:(?<=[\w,;)] )|(?<=\b[dlDL][’']))[A-ZÀ-Þ][^\W\d_]+")
_COMMON = frozenset({"ln", "btc", "lightning", "bitcoin", "bitcoins", "network"})
"""Words of the field that an answer may use whether or not a passage does."""


@dataclass(frozen=True, slots=True)
class Quote:
    """The words of a passage behind a sentence, as a span of its text, and how well they fit."""

    start: int
    end: int
    score: float


class Ground:
    """A passage as the checks see it. What the model was shown counts: title and heading with the text."""

    def __init__(self, passage: Passage) -> None:
        self.passage = passage
        shown = "\n".join((passage.title, passage.heading, passage.text))
        self.language = passage.language or detect_language(passage.text)
        self.folded = _fold(shown)
        self.run_together = _run_together(shown)
        self.figures = figures(shown) | spoken_figures(shown)
        self.words = frozenset(_words(shown))
        self.initials = "".join(word[0] for word in _words(shown))
        self.terms = frozenset(analyse(shown))
        self._vectors: Matrix | None = None

    def vectors(self, embed: Embed) -> Matrix:
        """Return the vectors of the passage's sentences, computed once."""
        if self._vectors is None:
            text = self.passage.text
            self._vectors = embed([text[start:end] for start, end in self.sentences])
        return self._vectors

    @property
    def sentences(self) -> tuple[tuple[int, int], ...]:
        """Return the spans of the passage's sentences, without bullets and ordinals."""
        return _sentence_spans(self.passage.text)


def is_supported(sentence: str, grounds: Sequence[Ground], *, language: str = "", question: str = "") -> bool:
    """Return whether a sentence, without its markers, stands on the passages that it cites.

    ``language`` is the sentence's own, "" if unknown. Words of ``question`` need no support.
    """
    if not grounds:
        return False
    return adds_nothing(sentence, grounds, question=question) and _shares_enough(
        strip_marker(sentence), grounds, language, question
    )


def adds_nothing(sentence: str, grounds: Sequence[Ground], *, question: str = "") -> bool:
    """Return whether the quotations, figures and identifiers of a sentence are all from its passages."""
    sentence = strip_marker(sentence)
    return (
        all(_stands(quoted, grounds, question) for quoted in _quotations(sentence))
        and _figures_of(sentence) <= _figures(grounds, question)
        and all(_occurs(token, grounds, question) for token in _identifiers(sentence))
    )


def best_quote(sentence: str, ground: Ground, *, language: str = "") -> Quote | None:
    """Return the sentence of the passage that says most of what ``sentence`` says, None if none shares a word.

    Across languages words are compared by their first letters, since so many of both are of the same origin.
    """
    foreign = is_foreign(ground, language)
    wanted = _stems(sentence) if foreign else frozenset(analyse(sentence))
    numbers = figures(sentence) | spoken_figures(sentence)
    best: Quote | None = None
    for start, end in ground.sentences:
        text = ground.passage.text[start:end]
        held = _stems(text) if foreign else frozenset(analyse(text))
        shared = len(wanted & held) + len(numbers & (figures(text) | spoken_figures(text)))
        score = shared / (len(wanted) + _PER_TERM * len(held) + 1)
        if len(text.split()) < 5:
            score /= 2  # a heading names what it does not say
        if shared and (best is None or score > best.score):
            best = Quote(start, end, score)
    return best


def nearest_quote(sentence: str, ground: Ground, embed: Embed) -> Quote | None:
    """Return the sentence of the passage whose meaning is nearest, for a passage in another language."""
    if not ground.sentences:
        return None
    similarities = ground.vectors(embed) @ embed([sentence])[0]
    best = int(similarities.argmax())
    start, end = ground.sentences[best]
    return Quote(start, end, float(similarities[best]))


def _shares_enough(sentence: str, grounds: Sequence[Ground], language: str, question: str) -> bool:
    native = [ground for ground in grounds if not is_foreign(ground, language)]
    terms = frozenset(analyse(sentence))
    held = frozenset().union(*(ground.terms for ground in native))
    if native and len(terms & held) >= LEAST_SHARED * len(terms):
        return True
    if len(native) == len(grounds):
        return False
    return all(_occurs(name, grounds, question) for name in _names(sentence))


def is_foreign(ground: Ground, language: str) -> bool:
    """Return whether words cannot be compared; an unknown language is given the benefit of the doubt."""
    return not language or not ground.language or ground.language != language


def _quotations(sentence: str) -> Iterator[str]:
    """Yield what stands between quotation marks, in parts where something was left out."""
    for groups in _QUOTED.findall(_CODE.sub(" ", sentence)):
        for part in _OMISSION.split("".join(groups)):
            if folded := _fold(part).strip(" .,;:!?"):
                yield folded


def _stands(quoted: str, grounds: Sequence[Ground], question: str) -> bool:
    return any(quoted in ground.folded for ground in grounds) or quoted in _fold(question)


def _figures_of(sentence: str) -> frozenset[str]:
    return figures(sentence, strict=True) | spoken_figures(sentence, strict=True)


def _figures(grounds: Sequence[Ground], question: str) -> frozenset[str]:
    asked = figures(question) | spoken_figures(question)
    return asked.union(*(ground.figures for ground in grounds))


def _identifiers(sentence: str) -> list[str]:
    """Return the words that mean one thing only: commands, options, file names, keys, acronyms."""
    in_code = [token for code in _CODE.findall(sentence) for token in _PLACEHOLDER.sub(" ", code).split()]
    prose = _QUOTED.sub(" ", _CODE.sub(" ", sentence))
    tokens = [
        token.strip(_EDGES) if token[0] != "-" else token.rstrip(_EDGES) for token in _TOKEN.findall(prose)
    ]
    named = [token for token in tokens if _is_identifier(token)]
    return [token for token in (*in_code, *named) if _WORD.search(token)]


def _is_identifier(token: str) -> bool:
    if _FIGURE_WITH_UNIT.fullmatch(token):
        return False
    return bool(_IDENTIFIER.search(token) or _ACRONYM.fullmatch(token))


def _names(sentence: str) -> list[str]:
    """Return capitalised words that no beginning of a sentence explains."""
    return _NAME.findall(_CODE.sub(" ", sentence))


def _occurs(token: str, grounds: Sequence[Ground], question: str) -> bool:
    folded = strip_accents(_fold(token))
    if folded in _COMMON or folded in _words(question):
        return True
    if _ACRONYM.fullmatch(token) or token.isalpha():
        forms = {folded, folded.removesuffix("s"), folded + "s"}
        spelt_out = token.isupper() and len(token) > 2
        return any(forms & ground.words or (spelt_out and folded in ground.initials) for ground in grounds)
    together = _run_together(token)
    return any(together in ground.run_together for ground in grounds) or together in _run_together(question)


@lru_cache(maxsize=256)
def _sentence_spans(text: str) -> tuple[tuple[int, int], ...]:
    spans = []
    for start, end in split_sentences(text):
        bare = strip_marker(text[start:end])
        spans.append((end - len(bare), end) if bare and text[start:end].endswith(bare) else (start, end))
    return tuple(spans)


def _fold(text: str) -> str:
    """Return the text with white space, quotation marks, apostrophes and capitals made alike."""
    alike = text.replace("’", "'").replace("‘", "'").replace("`", "").casefold()
    return " ".join(re.sub(r"[«»“”\"]", " ", alike).split())


def _run_together(text: str) -> str:
    """Return letters and digits alone: option_anchors, "option anchors" and --option-anchors are the same."""
    return re.sub(r"[\W_]+", "", strip_accents(text.casefold()))


def _words(text: str) -> list[str]:
    return [strip_accents(word) for word in _WORD.findall(text.casefold())]


def _stems(text: str) -> frozenset[str]:
    """Return the beginnings of the longer words: "liquid" stands for liquidity and for liquidité."""
    return frozenset(strip_accents(word)[:5] for word in _WORD.findall(text.casefold()) if len(word) > 3)
