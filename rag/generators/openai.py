"""Answers written by a model behind any server that speaks the OpenAI protocol (Ollama, llama.cpp, vLLM)."""

from __future__ import annotations

import time
from collections.abc import Generator as PyGenerator
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from rag.generators.base import Cancellation, GenerationError, GenerationRequest, Mode
from rag.openai_service import Connections, Lease, Service, error_text, explain_failure
from rag.prompts import build_messages
from rag.values import Passage

_CHARACTERS_PER_TOKEN = 3
"""Low for French and English prose, so that an estimate of tokens errs on the high side."""
_RUNAWAY_CHARACTERS_PER_TOKEN = 12
_NEGOTIABLE = ("stream_options", "max_completion_tokens", "max_tokens", "temperature")


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one answer."""

    first_token_seconds: float = 30.0
    total_seconds: float = 120.0
    output_tokens: int = 700
    passage_tokens: int = 3000
    """Servers on small machines cut a longer prompt at its beginning, which is where the rules stand."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the server counted them."""

    prompt_tokens: int
    completion_tokens: int


@dataclass(slots=True)
class Generation:
    """An answer while it is written: iterate over it for its pieces, then read how it ended."""

    pieces: PyGenerator[str, None, None] = field(init=False, repr=False)
    usage: Usage | None = field(default=None, init=False)
    """None until the end, and where the server does not count."""
    truncated: bool = field(default=False, init=False)
    """Whether the answer stopped at the limit of output tokens."""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        return next(self.pieces)

    def close(self) -> None:
        """Stop: the connection is closed, so that the server stops too. Harmless after the end."""
        self.pieces.close()


class OpenAIGenerator:
    """Writes with one model. Any number of threads may generate at once, each over its own connection."""

    mode: Mode = "generative"

    def __init__(self, service: Service, model: str, *, limits: Limits | None = None) -> None:
        self.model = model
        self._limits = limits or Limits()
        self._connections = Connections(service)
        self._options: dict[str, Any] = {
            "temperature": 0.0,
            "max_tokens": self._limits.output_tokens,
            "stream_options": {"include_usage": True},
        }

    def generate(self, request: GenerationRequest, cancel: Cancellation) -> Generation:
        """Return the answer as it is written. Raises GenerationError while iterated, after any piece.

        A cancelled or abandoned iteration closes the connection, so that the server stops writing too.
        """
        generation = Generation()
        generation.pieces = self._pieces(request, cancel, generation)
        return generation

    def _pieces(
        self, request: GenerationRequest, cancel: Cancellation, generation: Generation
    ) -> PyGenerator[str, None, None]:
        clock = _Clock(self._limits)
        try:
            with self._connections.lease(self._limits.total_seconds) as lease:
                clock.start()
                forget = cancel.on_cancel(lease.transport.abort)
                try:
                    yield from self._stream(lease, request, generation, clock)
                finally:
                    forget()
        except GenerationError:
            raise
        except Exception as error:
            raise self._error(error, cancel, clock) from None

    def _stream(
        self, lease: Lease, request: GenerationRequest, generation: Generation, clock: _Clock
    ) -> Iterator[str]:
        visible = _WithoutThoughts()
        written = 0
        finished = ""
        with self._open(lease, self._messages(request), clock) as chunks:
            for chunk in chunks:
                generation.usage = _usage(chunk) or generation.usage
                thought, text, reason = _read(chunk)
                finished = reason or finished
                if thought or text:
                    clock.first_token_came(lease)
                if text := visible.feed(text):
                    written += len(text)
                    yield text
                if written > self._limits.output_tokens * _RUNAWAY_CHARACTERS_PER_TOKEN:
                    finished = "length"
                    break
        if rest := visible.rest():
            written += len(rest)
            yield rest
        self._check_end(finished, written)
        generation.truncated = finished == "length"

    def _messages(self, request: GenerationRequest) -> list[Any]:
        messages = build_messages(_within(request, self._limits.passage_tokens))
        return [{"role": message.role, "content": message.content} for message in messages]

    def _open(self, lease: Lease, messages: list[Any], clock: _Clock) -> Any:
        """Return the stream of chunks, having left out or renamed what this server does not take."""
        import openai

        options = dict(self._options)
        while True:
            lease.transport.arm(clock.until_first_token())
            try:
                stream = lease.client.chat.completions.create(
                    model=self.model, messages=messages, stream=True, **options
                )
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                if explain_failure(error).code == "context" or not _give_way(options, error_text(error)):
                    raise
                continue
            self._options = options
            return stream

    def _check_end(self, finished: str, written: int) -> None:
        if finished == "content_filter":
            raise GenerationError("filtered", self._params())
        if not finished:
            raise GenerationError("incomplete" if written else "protocol", self._params())
        if not written:
            raise GenerationError("empty", self._params())

    def _error(self, error: Exception, cancel: Cancellation, clock: _Clock) -> GenerationError:
        # The text of the original error is left behind: it may repeat the key or the documents.
        failure = explain_failure(error)
        code = "cancelled" if cancel.cancelled else failure.code
        params = self._params()
        if failure.status:
            params["status"] = failure.status
        if code == "timeout":
            code, params["seconds"] = clock.expired()
        if clock.begun and code in ("protocol", "unreachable"):
            code = "incomplete"
        if failure.retry_after is not None:
            params["retry_after"] = failure.retry_after
        return GenerationError(code, params)

    def _params(self) -> dict[str, str | int | float]:
        return {"host": self._connections.host, "model": self.model}


class _Clock:
    """Which of the two limits on time applies at the moment."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.begun = False
        self.start()

    def start(self) -> None:
        self._start = time.monotonic()

    def left(self) -> float:
        return max(0.0, self._start + self._limits.total_seconds - time.monotonic())

    def until_first_token(self) -> float:
        first = self._start + self._limits.first_token_seconds - time.monotonic()
        return max(0.0, min(first, self.left()))

    def first_token_came(self, lease: Lease) -> None:
        if not self.begun:
            self.begun = True
            lease.transport.arm(self.left())

    def expired(self) -> tuple[str, str]:
        waiting = not self.begun and self._limits.first_token_seconds < self._limits.total_seconds
        seconds = self._limits.first_token_seconds if waiting else self._limits.total_seconds
        return ("first_token" if waiting else "timeout"), f"{seconds:g}"


class _WithoutThoughts:
    """Drops the ``<think>...</think>`` that reasoning models put before their answer."""

    _OPEN, _CLOSE = "<think>", "</think>"

    def __init__(self) -> None:
        self._held = ""
        self._state = "start"

    def feed(self, text: str) -> str:
        """Return what of the text belongs to the answer and is certain to."""
        if self._state == "answer":
            return text
        self._held += text
        if self._state == "start":
            begin = self._held.lstrip()
            if self._OPEN.startswith(begin[: len(self._OPEN)]):
                self._state = "thinking" if len(begin) >= len(self._OPEN) else "start"
            else:
                return self._answer(self._held)
        if self._state == "thinking" and self._CLOSE in self._held:
            return self._answer(self._held.split(self._CLOSE, 1)[1].lstrip())
        return ""

    def rest(self) -> str:
        """Return what was held back for nothing; thoughts without an end are no answer."""
        return self._answer(self._held) if self._state == "start" else ""

    def _answer(self, text: str) -> str:
        self._state, self._held = "answer", ""
        return text


def _within(request: GenerationRequest, tokens: int) -> GenerationRequest:
    """Return the request with as many of its best passages as fit, at least one."""
    left = tokens * _CHARACTERS_PER_TOKEN
    kept: list[Passage] = []
    for passage in request.passages:
        left -= len(passage.text) + len(passage.title) + len(passage.heading)
        if kept and left < 0:
            break
        kept.append(passage)
    return GenerationRequest(request.question, request.language, tuple(kept), request.history)


def _give_way(options: dict[str, Any], complaint: str) -> bool:
    """Drop or rename the option that a server complains of; return whether there was one."""
    for name in _NEGOTIABLE:
        if name in complaint and name in options:
            value = options.pop(name)
            if name == "max_tokens" and "max_completion_tokens" in complaint:
                options["max_completion_tokens"] = value
            return True
    return False


def _read(chunk: Any) -> tuple[str, str, str]:
    """Return (thought, text, reason to finish) of a chunk, whatever a server left out of it."""
    choices = getattr(chunk, "choices", None)
    if not isinstance(choices, list) or not choices:
        return "", "", ""
    delta = getattr(choices[0], "delta", None)
    thought = getattr(delta, "reasoning_content", None) or getattr(delta, "reasoning", None)
    text = getattr(delta, "content", None)
    reason = getattr(choices[0], "finish_reason", None)
    return _text(thought), _text(text), _text(reason)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _usage(chunk: Any) -> Usage | None:
    usage = getattr(chunk, "usage", None)
    prompt, completion = getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None)
    return Usage(prompt, completion) if isinstance(prompt, int) and isinstance(completion, int) else None
