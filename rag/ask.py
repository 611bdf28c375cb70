"""The answering pipeline: one sequence of typed events that page, JSON, event stream and command line render.

Question -> cache? -> passages -> enough evidence? -> generator -> checked citations -> stored answer. It runs in a
thread; ``Cancellation`` ends it from another one when the client leaves.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar
from uuid import UUID

import structlog
from django.conf import settings
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from rag import cache, permissions
from rag.answering import MODEL_UNAVAILABLE, Draft, Task, compose, generator_name
from rag.citation_pages import with_pages
from rag.errors import RagError
from rag.followups import leans_on_earlier, standalone
from rag.generators.base import Cancellation
from rag.ingest.language import detect_language
from rag.library import View, library
from rag.models import Collection, Conversation, Question
from rag.prompts import prompts_hash
from rag.search import Found, Stopwatch, find
from rag.selectors import live_documents
from rag.typing import User
from rag.values import Passage

log = structlog.get_logger(__name__)

MAX_QUESTION = 2000
MAX_TOP_K = 50
HISTORY = 3


@dataclass(frozen=True, slots=True)
class AskRequest:
    """A question of a user; ``conversation`` makes it a follow-up."""

    user: User
    question: str
    collection: Collection | None = None
    top_k: int | None = None
    conversation: Conversation | None = None
    language: str = ""

    def checked(self) -> AskRequest:
        """Return the request in its final form; raises ``RagError`` naming the field."""
        # Arguments of a command may hold bytes that are no text.
        question = " ".join(self.question.encode(errors="replace").decode().split())
        if not question:
            raise RagError(_("Ask a question."), field="question", code="required")
        if len(question) > MAX_QUESTION:
            message = _("The question is longer than %(limit)s characters.") % {"limit": MAX_QUESTION}
            raise RagError(message, field="question", code="too_long")
        top_k = settings.RAG_TOP_K if self.top_k is None else self.top_k
        if not 1 <= top_k <= MAX_TOP_K:
            message = _("A number from 1 to %(limit)s is expected.") % {"limit": MAX_TOP_K}
            raise RagError(message, field="top_k", code="range")
        language = self.language or detect_language(question) or translation.get_language() or "en"
        return replace(self, question=question, top_k=top_k, language=language[:2])


@dataclass(frozen=True, slots=True)
class Retrieved:
    """The passages that the answer will stand on, as the API shows them."""

    passages: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Token:
    """The next piece of the answer, before its citations are checked."""

    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """The stored question; its ``result`` is the whole answer as the API gives it."""

    question: Question


Event = Retrieved | Token | Done
Row = TypeVar("Row", Collection, Conversation)


def ask(request: AskRequest, cancel: Cancellation | None = None) -> Iterator[Event]:
    """Yield the events of one question, ``Done`` last; raises ``RagError``. Cancelled, it just ends."""
    return _Run(request.checked(), cancel or Cancellation()).events()


def answer(request: AskRequest) -> Question:
    """Return the stored question with its whole answer, for callers that do not stream."""
    done = [event for event in ask(request) if isinstance(event, Done)]
    return done[-1].question


class _Run:
    """One question on its way through the pipeline."""

    def __init__(self, request: AskRequest, cancel: Cancellation) -> None:
        self.request, self.cancel, self.watch = request, cancel, Stopwatch()
        self.history = _history(request)
        self.query = standalone(request.question, self.history)
        self.collections = permissions.scope(request.user, request.collection)
        self.view = library().view()
        self.scope = self._scope(self.view)
        self.cached = False

    def events(self) -> Iterator[Event]:
        name = cache.key(self.scope, self.query, self.history)
        payload = self._reused(cache.get(name))
        while payload is None and not self.cancel.cancelled:
            with cache.flights.board(name) as place:
                if place.leads:
                    # It may have landed between the look into the cache and the boarding.
                    payload = self._reused(cache.get(name)) or (yield from self._generate())
                    place.flight.payload = payload
                else:
                    payload = self._reused(place.flight.payload)
        if payload is None:
            return
        if self.cached:
            yield Retrieved(payload["passages"])
            yield Token(payload["answer"])
        yield Done(self._record(payload))

    def _generate(self) -> Generator[Event, None, cache.Payload | None]:
        self.watch.lap("cache")
        whole = self.view.index.vectors_loaded
        found = find(
            self.query,
            view=self.view,
            scope=self.collections,
            top_k=self.request.top_k or settings.RAG_TOP_K,
            clock=self.watch,
        )
        if not self.history and (twin := self._reused(cache.similar(self.scope, self.query, found.vector))):
            return twin
        passages = [passage_json(passage) for passage in found.passages]
        yield Retrieved(passages)
        draft = yield from self._composed(found)
        self.watch.lap("answer")
        if draft is None:
            return None
        payload = self._payload(draft, passages)
        if whole and self._worth_keeping(draft, found):
            vector = None if self.history else found.vector
            cache.put(self.scope, self.query, vector, payload, history=self.history)
        return payload

    def _worth_keeping(self, draft: Draft, found: Found) -> bool:
        """Return whether the same question would be answered alike until the corpus changes.

        Not so where a server was away. Chunks that wait for their vectors are no reason: these are announced.
        """
        return draft.notice != MODEL_UNAVAILABLE and (found.vector is not None or self.view.embedder is None)

    def _composed(self, found: Found) -> Generator[Event, None, Draft | None]:
        task = Task(
            question=self.query,
            asked=self.request.question,
            history=self.history,
            found=found,
            language=self.request.language,
            embedder=self.view.embedder,
        )
        draft = None
        for piece in compose(task, self.cancel):
            if isinstance(piece, Draft):
                draft = piece
            elif not self.cancel.cancelled:
                yield Token(piece)
        return None if self.cancel.cancelled else draft

    def _payload(self, draft: Draft, passages: list[dict[str, Any]]) -> cache.Payload:
        answer = draft.answer
        return {
            "answer": answer.text,
            "answerable": draft.answerable,
            "confidence": round(draft.evidence.confidence, 4),
            "citations": [_dashed(asdict(citation)) for citation in with_pages(answer.citations)],
            "sentences": [asdict(sentence) for sentence in answer.sentences],
            "mode": draft.mode,
            "model": draft.model,
            "notice": draft.notice,
            "notice_detail": draft.notice_detail,
            "signals": {name: round(float(value), 4) for name, value in draft.evidence.signals.items()},
            "language": self.request.language,
            "passages": passages,
            "nearest": [] if draft.answerable else passages[:5],
        }

    def _reused(self, payload: cache.Payload | None) -> cache.Payload | None:
        """Return an earlier answer only while everything that it quotes or shows still stands."""
        if payload is None:
            return None
        shown = {each["chunk"]: each["document"] for each in payload["citations"] + payload["passages"]}
        self.cached = live_documents(self.collections, shown)
        return payload if self.cached else None

    def _scope(self, view: View) -> cache.Scope:
        return cache.Scope(
            collections=tuple(sorted(key.hex for key in self.collections)),
            sequence=view.index.sequence,
            embedder=view.index.model_id if view.embedder else "",
            generator=generator_name(),
            prompts=prompts_hash(),
            top_k=self.request.top_k or 0,
            language=self.request.language,
        )

    def _record(self, payload: cache.Payload) -> Question:
        request = self.request
        conversation = _existing(request.conversation) or Conversation.objects.create(
            user=request.user, title=request.question[:300]
        )
        question = Question(
            conversation=conversation,
            user=request.user,
            text=request.question,
            language=request.language,
            collection=_existing(request.collection),
            answer=payload["answer"],
            answerable=payload["answerable"],
            confidence=payload["confidence"],
            mode=payload["mode"],
            model=payload["model"],
            cached=self.cached,
        )
        self.watch.lap("cache" if self.cached else "record")
        timings = {**self.watch.laps, "total": round(sum(self.watch.laps.values()), 3)}
        question.result = {
            **payload,
            "cached": self.cached,
            "conversation": str(conversation.pk),
            "id": str(question.pk),
            "timings": timings,
        }
        question.save(force_insert=True)
        if request.conversation is not None:
            Conversation.objects.filter(pk=conversation.pk).update(updated_at=timezone.now())
        log.info("question_answered", cached=self.cached, answerable=payload["answerable"], **timings)
        return question


def _existing(row: Row | None) -> Row | None:
    """Return the row unless it was deleted while the answer was being written."""
    return row if row is not None and type(row)._default_manager.filter(pk=row.pk).exists() else None


def _history(request: AskRequest) -> tuple[str, ...]:
    """Return the earlier questions that this one may lean on, oldest first."""
    if request.conversation is None or not leans_on_earlier(request.question):
        return ()
    earlier = Question.objects.filter(conversation=request.conversation).order_by("-created_at")
    return tuple(reversed(list(earlier.values_list("text", flat=True)[:HISTORY])))


def passage_json(passage: Passage) -> dict[str, Any]:
    """Return a passage as the API shows it, with why it was found."""
    hit = passage.hit
    return _dashed(
        {
            "document": hit.document,
            "title": passage.title,
            "chunk": hit.chunk,
            "text": passage.text,
            "heading": passage.heading,
            "start": passage.start,
            "end": passage.end,
            "page": passage.page,
            "language": passage.language,
            "score": round(hit.score, 6),
            "why": {
                "lexical_rank": hit.lexical_rank,
                "lexical_score": hit.lexical_score,
                "vector_rank": hit.vector_rank,
                "vector_score": hit.vector_score,
            },
        }
    )


def _dashed(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values with keys of rows in the form that the rest of the API uses."""
    return values | {name: str(UUID(values[name])) for name in ("document", "chunk")}
