"""From passages to a checked answer: written by a model where one is configured, quoted otherwise."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import structlog
from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from rag.citations import CitationStream, check_answer
from rag.embedders.base import Embedder, LocalEmbedder
from rag.generators.base import Cancellation, GenerationError, GenerationRequest
from rag.generators.extractive import extract
from rag.generators.openai import Limits, OpenAIGenerator
from rag.grounding import assess
from rag.messages import explain_generation
from rag.openai_service import DEFAULT_BASE_URL, Service
from rag.prompts import is_refusal, may_become_refusal
from rag.search import Found
from rag.values import Answer, Evidence, Matrix, Sentence

log = structlog.get_logger(__name__)

HOPELESS = 0.15
"""Below this confidence no model is asked either; above it a model may still say that it does not know."""
EXTRACTIVE = "extractive"
_PIECE = re.compile(r".+?(?:(?:\[\d+\])+|\Z)", re.DOTALL)
"""A sentence with its citations: what a quoted answer is streamed by."""
LEXICAL_ONLY = "lexical_only"
MODEL_UNAVAILABLE = "model_unavailable"


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer as it will be stored and cached."""

    answer: Answer
    evidence: Evidence
    answerable: bool
    mode: str = EXTRACTIVE
    model: str = EXTRACTIVE
    notice: str = ""
    notice_detail: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """A question with all that an answer is made of."""

    question: str
    """As it is searched for: complete in itself."""
    asked: str
    history: tuple[str, ...]
    found: Found
    language: str
    embedder: Embedder | None

    @property
    def embed_locally(self) -> Callable[[Sequence[str]], Matrix] | None:
        """Embeds sentences, where that costs no call to the outside for each question."""
        return self.embedder.embed_passages if isinstance(self.embedder, LocalEmbedder) else None


def generator() -> OpenAIGenerator | None:
    """Return the model that writes answers, None when the settings name none."""
    if not (settings.OPENAI_API_KEY or settings.OPENAI_BASE_URL):
        return None
    return _generator(
        settings.OPENAI_API_KEY, settings.OPENAI_BASE_URL, settings.OPENAI_MODEL, settings.OPENAI_TIMEOUT
    )


@lru_cache(maxsize=2)
def _generator(key: str, base_url: str, model: str, seconds: float) -> OpenAIGenerator:
    service = Service(api_key=key, base_url=base_url or DEFAULT_BASE_URL)
    return OpenAIGenerator(service, model, limits=Limits(total_seconds=seconds))


def generator_name() -> str:
    """Return what writes the answers, for the cache key."""
    model = generator()
    return model.model if model else EXTRACTIVE


def compose(task: Task, cancel: Cancellation) -> Iterator[str | Draft]:
    """Yield the answer piece by piece, then the whole as a ``Draft``."""
    quoted = _quoted(task)
    model = generator()
    if model is None or quoted.evidence.confidence < HOPELESS or not task.found.passages:
        yield from _spoken(quoted)
        return
    try:
        yield from _written(task, model, quoted, cancel)
    except GenerationError as error:
        if error.code == "cancelled":
            return
        log.warning("generation_failed", code=error.code, model=model.model)
        yield from _spoken(
            replace(
                quoted,
                notice=MODEL_UNAVAILABLE,
                notice_detail=explain_generation(error.code, error.params),
            )
        )


def _quoted(task: Task) -> Draft:
    """Return the extractive answer, or the honest "I don't know" where the evidence is not there."""
    found = task.found
    answer = extract(
        task.question,
        found.passages,
        language=task.language,
        embed=task.embed_locally,
        query_vector=found.vector,
    )
    evidence = assess(
        task.question,
        found.passages,
        query_vector=found.vector,
        answer=answer,
        language=task.language,
        hits=found.hits,
    )
    notice = LEXICAL_ONLY if found.incomplete else ""
    if not evidence.answerable or not answer.citations:
        return Draft(abstention(task.language), evidence, answerable=False, notice=notice)
    return Draft(answer, evidence, answerable=True, notice=notice)


def abstention(language: str) -> Answer:
    """Return the answer of one who does not know, in the language of the question."""
    with translation.override(language if language in dict(settings.LANGUAGES) else "en"):
        text = _("I don't know: the documents do not answer this question.")
    return Answer(text, (), ())


def _spoken(draft: Draft) -> Iterator[str | Draft]:
    yield from _PIECE.findall(draft.answer.text)
    yield draft


def _written(
    task: Task, model: OpenAIGenerator, quoted: Draft, cancel: Cancellation
) -> Iterator[str | Draft]:
    request = GenerationRequest(task.asked, task.language, task.found.passages, task.history)
    stream, text, shown = CitationStream(len(task.found.passages)), "", 0
    for delta in model.generate(request, cancel):
        text += delta
        if may_become_refusal(text):
            continue
        yield stream.feed(text[shown:])
        shown = len(text)
    if is_refusal(text):
        yield from _spoken(_refused(task, model, quoted))
        return
    yield stream.feed(text[shown:]) + stream.finish()
    answer = check_answer(
        text,
        task.found.passages,
        language=task.language,
        question=task.question,
        embed=task.embed_locally,
    )
    yield Draft(
        answer,
        _supported(quoted.evidence, answer.sentences),
        answerable=bool(answer.citations),
        mode=model.mode,
        model=model.model,
        notice=quoted.notice,
    )


def _refused(task: Task, model: OpenAIGenerator, quoted: Draft) -> Draft:
    evidence = Evidence(False, min(quoted.evidence.confidence, HOPELESS), quoted.evidence.signals)
    return Draft(abstention(task.language), evidence, False, model.mode, model.model, quoted.notice)


def _supported(evidence: Evidence, sentences: Sequence[Sentence]) -> Evidence:
    """Return the evidence with the share of sentences that stand on a passage as its confidence."""
    backed = sum(1 for sentence in sentences if sentence.citations)
    share = backed / len(sentences) if sentences else 0.0
    return Evidence(
        share > 0, max(evidence.confidence, 0.5) * share, {**evidence.signals, "supported": share}
    )
