"""The contract of everything that writes an answer from passages. Pure."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from rag.values import Passage
from resilience.texts import gettext_noop

Mode = Literal["extractive", "generative"]

# The keys are the codes, the values English message ids; the Django side passes them through gettext.
GENERATION_ERRORS: dict[str, str] = {
    "cancelled": gettext_noop("The answer was cancelled."),
    "timeout": gettext_noop("The model at %(host)s did not finish within %(seconds)s seconds."),
    "first_token": gettext_noop("The model at %(host)s did not begin to answer within %(seconds)s seconds."),
    "unreachable": gettext_noop("The model's server %(host)s cannot be reached."),
    "unauthorized": gettext_noop("%(host)s refuses the API key (OPENAI_API_KEY)."),
    "quota": gettext_noop("The account at %(host)s has no credit left."),
    "rate_limited": gettext_noop("%(host)s receives too many requests at the moment."),
    "unknown_model": gettext_noop("%(host)s does not know the model %(model)s (OPENAI_MODEL)."),
    "context": gettext_noop("The passages are too long for the model %(model)s."),
    "rejected": gettext_noop("%(host)s rejected the request (status %(status)s)."),
    "filtered": gettext_noop("%(host)s withheld the answer because of its content rules."),
    "server": gettext_noop("%(host)s failed (status %(status)s)."),
    "protocol": gettext_noop("%(host)s did not answer in the OpenAI protocol."),
    "incomplete": gettext_noop("%(host)s broke off in the middle of the answer."),
    "empty": gettext_noop("The model %(model)s answered nothing."),
}


class GenerationError(Exception):
    """Why no answer was written: a code of ``GENERATION_ERRORS`` and the values of its message.

    ``params`` may hold ``retry_after`` (seconds). No text that the server sent is in it.
    """

    def __init__(self, code: str, params: Mapping[str, str | int | float]) -> None:
        super().__init__(code, dict(params))
        self.code = code
        self.params = dict(params)

    def __str__(self) -> str:
        return GENERATION_ERRORS[self.code] % self.params


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """A question with the passages that may answer it, best first; passage ``i`` is cited as ``[i + 1]``."""

    question: str
    language: str
    """ISO 639-1 code of the question, "" if unknown."""
    passages: tuple[Passage, ...]
    history: tuple[str, ...] = ()
    """The earlier questions of the conversation, oldest first."""


class Cancellation:
    """A wish to stop, passed from the thread that serves the client to the one that generates."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled = False
        self._callbacks: dict[int, Callable[[], None]] = {}

    @property
    def cancelled(self) -> bool:
        """Whether ``cancel`` was called."""
        return self._cancelled

    def cancel(self) -> None:
        """Stop now: each callback runs once, in this thread. They must be quick and must not raise."""
        with self._lock:
            self._cancelled = True
            callbacks, self._callbacks = self._callbacks, {}
        for callback in callbacks.values():
            callback()

    def on_cancel(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Have ``callback`` called on cancel, at once if that has happened; the result undoes it."""
        with self._lock:
            if not self._cancelled:
                self._callbacks[id(callback)] = callback
                return lambda: self._forget(callback)
        callback()
        return lambda: None

    def _forget(self, callback: Callable[[], None]) -> None:
        with self._lock:
            self._callbacks.pop(id(callback), None)


class Generator(Protocol):
    """Writes an answer. Safe to call from many threads."""

    @property
    def mode(self) -> Mode:
        """Whether it quotes the passages or writes about them."""
        ...

    @property
    def model(self) -> str:
        """Names what wrote the answer, for the page and for the cache key."""
        ...

    def generate(self, request: GenerationRequest, cancel: Cancellation) -> Iterator[str]:
        """Yield the answer piece by piece; citations stand in it as ``[n]``. Raises GenerationError."""
        ...
