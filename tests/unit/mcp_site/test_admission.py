from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from mcp_site.serving.admission import Admission, Receive, Scope, Send

NEVER = 3600.0


class Computing:
    """An application that holds each request until it is told to go on, and notes how many it has."""

    def __init__(self) -> None:
        self.running: list[str] = []
        self.arrived = asyncio.Event()
        self.answer_now: dict[str, asyncio.Event] = {}
        self.end_now: dict[str, asyncio.Event] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["name"]
        self.running.append(name)
        self.arrived.set()
        await self.answer_now.setdefault(name, asyncio.Event()).wait()
        if scope.get("fails"):
            raise ValueError(name)
        await send({"type": "http.response.start"})
        await self.end_now.setdefault(name, asyncio.Event()).wait()

    async def until(self, count: int) -> None:
        while len(self.running) < count:
            self.arrived.clear()
            await self.arrived.wait()


async def receive() -> Any:
    return {}


async def send(message: MutableMapping[str, Any]) -> None:
    return


def start(admission: Admission, name: str, **scope: Any) -> asyncio.Task[None]:
    return asyncio.ensure_future(admission({"name": name, **scope}, receive, send))


async def settle() -> None:
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_only_so_many_compute_at_once_and_in_order() -> None:
    inner = Computing()
    admission = Admission(inner, slots=2, seconds=NEVER)
    tasks = [start(admission, name) for name in "abcd"]

    await settle()
    first = list(inner.running)
    inner.answer_now["b"].set()
    await inner.until(3)

    assert first == ["a", "b"]
    assert inner.running == ["a", "b", "c"]
    for task in tasks:
        task.cancel()


async def test_an_answer_that_is_still_streaming_holds_no_place() -> None:
    inner = Computing()
    admission = Admission(inner, slots=1, seconds=NEVER)
    streaming = start(admission, "a")
    await inner.until(1)
    inner.answer_now["a"].set()

    other = start(admission, "b")
    await inner.until(2)

    assert not streaming.done()
    streaming.cancel()
    other.cancel()


async def test_a_request_that_waits_for_something_else_gives_its_place_back() -> None:
    inner = Computing()
    admission = Admission(inner, slots=1, seconds=0.0)
    tasks = [start(admission, "a"), start(admission, "b")]

    await inner.until(2)

    assert inner.running == ["a", "b"]
    for task in tasks:
        task.cancel()


@pytest.mark.parametrize("how", ["failed", "cancelled", "cancelled while waiting"])
async def test_a_place_is_never_lost(how: str) -> None:
    inner = Computing()
    admission = Admission(inner, slots=1, seconds=NEVER)
    first = start(admission, "a", fails=how == "failed")
    waiting = start(admission, "b")
    await inner.until(1)

    if how == "cancelled while waiting":
        waiting.cancel()
    if how == "failed":
        inner.answer_now["a"].set()
    else:
        first.cancel()
    last = start(admission, "c")
    await asyncio.wait([first])
    if how != "cancelled while waiting":
        await inner.until(2)
        inner.answer_now["b"].set()
    await inner.until(2 if how == "cancelled while waiting" else 3)

    assert inner.running[-1] == "c"
    assert first.cancelled() or isinstance(first.exception(), ValueError)
    for task in (waiting, last):
        task.cancel()
