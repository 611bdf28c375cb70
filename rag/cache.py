"""Answers kept for the next person who asks the same; one generation however many ask at once.

A key holds everything that changes an answer: the question, what it followed, the corpus version, the collections
that may be read, the models, the prompts, the number of passages and the language of the messages.
"""

from __future__ import annotations

import hashlib
import json
import threading
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from django.conf import settings
from django.core.cache import cache

from rag.paraphrase import same_question
from rag.values import Vector

Payload = dict[str, Any]

RECENT = 64
"""Questions a scope remembers for semantic hits."""
FLIGHT_SECONDS = 90


@dataclass(frozen=True, slots=True)
class Scope:
    """What an answer depends on beside its question."""

    collections: tuple[str, ...]
    sequence: int
    embedder: str
    generator: str
    prompts: str
    top_k: int
    language: str

    def digest(self) -> str:
        """Return the scope's hash."""
        return _hash(json.dumps(asdict(self), sort_keys=True))


def key(scope: Scope, question: str, history: Sequence[str] = ()) -> str:
    """Return the key of a question's answer within a scope; case, spaces and final marks do not matter.

    ``history`` holds the earlier questions that the answer's author is shown.
    """
    text = unicodedata.normalize("NFKC", question).casefold().replace("’", "'")
    before = json.dumps(list(history)) if history else ""
    return f"answer:{_hash(scope.digest() + before + ' '.join(text.split()).rstrip(' ?!.'))}"


def get(name: str) -> Payload | None:
    """Return the answer under a key, or None."""
    found = cache.get(name)
    return dict(found) if found else None


def put(
    scope: Scope, question: str, vector: Vector | None, payload: Payload, *, history: Sequence[str] = ()
) -> None:
    """Keep an answer, and its question's vector for semantic hits."""
    if not settings.RAG_CACHE_SECONDS:
        return
    name = key(scope, question, history)
    cache.set(name, payload, settings.RAG_CACHE_SECONDS)
    if vector is None:
        return
    recent = [entry for entry in cache.get(_recent(scope)) or [] if entry[2] != name]
    recent.append((question, vector.astype(np.float16).tobytes(), name))
    cache.set(_recent(scope), recent[-RECENT:], settings.RAG_CACHE_SECONDS)


def similar(scope: Scope, question: str, vector: Vector | None) -> Payload | None:
    """Return the answer to an earlier question that asks the same in other words, or None."""
    recent = cache.get(_recent(scope)) if vector is not None else None
    if not recent or vector is None:
        return None
    vectors = np.stack([np.frombuffer(data, dtype=np.float16) for _, data, _ in recent]).astype(np.float32)
    cosines = vectors @ vector
    for place in np.argsort(-cosines)[:3].tolist():
        earlier, _, name = recent[place]
        if same_question(earlier, question, float(cosines[place])) and (payload := get(name)):
            return payload
    return None


def _recent(scope: Scope) -> str:
    return f"recent:{scope.digest()}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Flight:
    """A generation under way; ``payload`` stays None when its leader gave up."""

    def __init__(self) -> None:
        self.landed = threading.Event()
        self.payload: Payload | None = None


@dataclass(frozen=True, slots=True)
class Boarding:
    """A caller's place on a flight: its leader generates, the others take what it brought."""

    flight: Flight
    leads: bool


class Flights:
    """Lets one caller generate while the others with the same key wait for the result."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[str, Flight] = {}

    @contextmanager
    def board(self, name: str) -> Iterator[Boarding]:
        """Yield the caller's place; for those who do not lead, once the flight has landed.

        The leader sets ``flight.payload``; leaving without one lets the next caller lead.
        """
        with self._lock:
            flight = self._under_way.get(name)
            leads = flight is None
            if flight is None:
                flight = self._under_way[name] = Flight()
        if not leads:
            flight.landed.wait(FLIGHT_SECONDS)
            yield Boarding(flight, leads=False)
            return
        try:
            with _only_process(name) as found:
                flight.payload = found
                yield Boarding(flight, leads=found is None)
        finally:
            with self._lock:
                self._under_way.pop(name, None)
            flight.landed.set()


@contextmanager
def _only_process(name: str) -> Iterator[Payload | None]:
    """Yield None to the process that shall generate, the answer of another one where that is at it already."""
    if not settings.REDIS_URL:
        yield None
        return
    mark = f"flight:{name}"
    if not cache.add(mark, 1, FLIGHT_SECONDS) and (found := _landed_elsewhere(name, mark)):
        yield found
        return
    try:
        yield None
    finally:
        cache.delete(mark)


def _landed_elsewhere(name: str, mark: str) -> Payload | None:
    """Return what another process produced; None when it gave up, or Redis is away."""
    pause = threading.Event()
    while cache.get(mark):
        if found := get(name):
            return found
        pause.wait(0.05)
    return get(name)


flights = Flights()
