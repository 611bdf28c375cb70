"""Questions with their answers as pages show them: what was quoted, where it stands, and why it was found."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from rag import selectors
from rag.answer_layout import AnswerBlock, answer_blocks
from rag.models import AnswerMode, Conversation, Feedback, Question

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractUser as User
else:
    User = Any

WITHHELD = "[…]"
LEAD, TAIL = 60, 140
"""Characters around a quotation that a list of sources shows."""


@dataclass(frozen=True, slots=True)
class Why:
    """Why a passage was found; ranks are one-based, None where a retriever did not find it."""

    score: float
    lexical_rank: int | None
    vector_rank: int | None
    vector_score: float | None


@dataclass(frozen=True, slots=True)
class Found:
    """A passage that was found for a question."""

    document: UUID
    title: str
    heading: str
    text: str
    language: str
    start: int
    end: int
    page: int | None
    why: Why
    available: bool
    """Whether the user may still read the document, and it is still there."""


@dataclass(frozen=True, slots=True)
class Source:
    """A numbered citation; ``before + quote + after`` is the passage it stands in."""

    n: int
    document: UUID
    title: str
    heading: str
    quote: str
    before: str
    after: str
    language: str
    start: int
    end: int
    page: int | None
    why: Why | None
    available: bool

    @property
    def lead(self) -> str:
        """Return the last words before the quotation."""
        return self.before if len(self.before) <= LEAD else "…" + self.before[-LEAD:].partition(" ")[2]

    @property
    def tail(self) -> str:
        """Return the first words after the quotation."""
        return self.after if len(self.after) <= TAIL else self.after[:TAIL].rpartition(" ")[0] + "…"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and its answer."""

    id: UUID
    conversation: UUID
    question: str
    language: str
    asked_at: datetime
    answerable: bool
    confidence: float
    generative: bool
    model: str
    cached: bool
    notice: str
    blocks: tuple[AnswerBlock, ...]
    sources: tuple[Source, ...]
    others: tuple[Found, ...]
    """Passages that were read and not cited; the nearest ones where there is no answer."""
    unsupported: int
    feedback: Feedback | None
    plain: str
    """The answer as plain text."""


def thread(user: User, conversation: Conversation) -> tuple[Exchange, ...]:
    """Return the exchanges of a conversation, oldest first."""
    questions = conversation.questions.select_related("feedback").order_by("created_at")
    return exchanges(user, questions)


def exchanges(user: User, questions: Iterable[Question]) -> tuple[Exchange, ...]:
    """Return questions with their answers; no quote of what the user may no longer read."""
    asked = list(questions)
    readable = _readable(user, asked)
    return tuple(_exchange(question, readable) for question in asked)


def _readable(user: User, questions: Iterable[Question]) -> frozenset[UUID]:
    named = {UUID(str(row["document"])) for question in questions for row in _rows(question.result)}
    if not named:
        return frozenset()
    return frozenset(selectors.document_list(user).filter(pk__in=list(named)).values_list("pk", flat=True))


def _rows(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [row for key in ("citations", "passages", "nearest") for row in result.get(key) or ()]


def _exchange(question: Question, readable: frozenset[UUID]) -> Exchange:
    result = question.result
    passages = [_found(row, readable) for row in result.get("passages") or ()]
    by_chunk = {
        str(row.get("chunk")): each for row, each in zip(result.get("passages") or (), passages, strict=True)
    }
    citations = result.get("citations") or ()
    cited = {str(row.get("chunk")) for row in citations}
    sources = tuple(_source(row, by_chunk.get(str(row.get("chunk"))), readable) for row in citations)
    unsupported = [
        str(each.get("text", "")) for each in result.get("sentences") or () if not each.get("citations")
    ]
    others = [each for chunk, each in by_chunk.items() if chunk not in cited]
    if not question.answerable:
        others = [_found(row, readable) for row in result.get("nearest") or ()]
    answer = _legible(question.answer, result, {source.n for source in sources if not source.available})
    return Exchange(
        id=question.pk,
        conversation=question.conversation_id,
        question=question.text,
        language=question.language,
        asked_at=question.created_at,
        answerable=question.answerable,
        confidence=question.confidence,
        generative=question.mode == AnswerMode.GENERATIVE,
        model=question.model,
        cached=question.cached,
        notice=str(result.get("notice") or ""),
        blocks=answer_blocks(answer, (source.n for source in sources), unsupported),
        sources=sources,
        others=tuple(each for each in others if each.available),
        unsupported=len(unsupported),
        feedback=getattr(question, "feedback", None),
        plain=answer,
    )


def _legible(answer: str, result: Mapping[str, Any], withheld: Collection[int]) -> str:
    """Return the answer without the sentences that stand on a document the user may no longer read."""
    for each in result.get("sentences") or () if withheld else ():
        if not set(withheld).isdisjoint(each.get("citations") or ()):
            answer = answer.replace(str(each["text"]), WITHHELD)
    return answer


def _why(row: Mapping[str, Any]) -> Why:
    why = row.get("why") or {}
    return Why(
        float(row.get("score") or 0), why.get("lexical_rank"), why.get("vector_rank"), why.get("vector_score")
    )


def _found(row: Mapping[str, Any], readable: frozenset[UUID]) -> Found:
    document = UUID(str(row["document"]))
    return Found(
        document,
        str(row.get("title", "")),
        str(row.get("heading", "")),
        str(row.get("text", "")),
        str(row.get("language") or ""),
        int(row["start"]),
        int(row["end"]),
        row.get("page"),
        _why(row),
        document in readable,
    )


def _source(row: Mapping[str, Any], passage: Found | None, readable: frozenset[UUID]) -> Source:
    document = UUID(str(row["document"]))
    quote, start, end = str(row["quote"]), int(row["start"]), int(row["end"])
    before = after = ""
    if passage and passage.start <= start <= end <= passage.end:
        before = passage.text[: start - passage.start]
        after = passage.text[end - passage.start :]
    return Source(
        int(row["n"]),
        document,
        str(row.get("title", "")),
        passage.heading if passage else "",
        quote,
        before,
        after,
        passage.language if passage else "",
        start,
        end,
        row.get("page"),
        passage.why if passage else None,
        document in readable,
    )
