"""Runs the pipeline in a thread and hands its events to the event loop; a client that leaves cancels it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import structlog
from django.db import connections
from django.utils import translation

from rag.ask import Done, Event, Retrieved, Token
from rag.generators.base import Cancellation

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 15.0
_END = object()


async def event_stream(
    events: Callable[[Cancellation], Iterator[Event]], explain: Callable[[Exception], dict[str, Any]]
) -> AsyncIterator[bytes]:
    """Yield server-sent events: ``sources``, ``token``…, ``done``; or ``error`` with a problem document.

    Comment lines keep the connection open while a model thinks, and reveal that the client has left.
    """
    loop, cancel = asyncio.get_running_loop(), Cancellation()
    queue: asyncio.Queue[Any] = asyncio.Queue()
    language = translation.get_language()

    def run() -> None:
        try:
            with translation.override(language):
                for event in events(cancel):
                    loop.call_soon_threadsafe(queue.put_nowait, _rendered(event))
        except Exception as error:
            loop.call_soon_threadsafe(queue.put_nowait, _line("error", explain(error)))
        finally:
            connections.close_all()
            loop.call_soon_threadsafe(queue.put_nowait, _END)

    threading.Thread(target=run, name="ask", daemon=True).start()
    try:
        while True:
            try:
                piece = await asyncio.wait_for(queue.get(), HEARTBEAT_SECONDS)
            except TimeoutError:
                piece = b": waiting\n\n"
            if piece is _END:
                return
            yield piece
    finally:
        cancel.cancel()


def _rendered(event: Event) -> bytes:
    match event:
        case Retrieved(passages):
            return _line("sources", {"passages": passages})
        case Token(text):
            return _line("token", {"text": text})
        case Done(question):
            return _line("done", question.result)


def _line(name: str, data: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
