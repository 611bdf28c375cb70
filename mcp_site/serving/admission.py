"""How many requests compute at once: a few, in the order of their arrival.

Every synchronous view has a thread of its own. With fifty of them computing at once, each waits for the
interpreter's lock in turn and all become slow together: at 50 users the slowest answers came three times later
than with this.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

SLOTS = 8
COMPUTING_SECONDS = 0.25


class Slot:
    """A place among those that compute, given back once."""

    def __init__(self, places: asyncio.Semaphore) -> None:
        self._places = places
        self._held = True

    def give_back(self) -> None:
        """Let the next in."""
        if self._held:
            self._held = False
            self._places.release()


class Admission:
    """An ASGI application around another one.

    A place is given back with the first byte of the answer, or after ``seconds``: whoever takes longer waits for
    something else (a model, a slow disk), and keeps nobody from computing.
    """

    def __init__(
        self, application: Application, *, slots: int = SLOTS, seconds: float = COMPUTING_SECONDS
    ) -> None:
        self._application = application
        self._places = asyncio.Semaphore(slots)
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the request when it is its turn."""
        await self._places.acquire()
        slot = Slot(self._places)
        timer = asyncio.get_running_loop().call_later(self._seconds, slot.give_back)

        async def send_and_give_back(message: MutableMapping[str, Any]) -> None:
            slot.give_back()
            await send(message)

        try:
            await self._application(scope, receive, send_and_give_back)
        finally:
            timer.cancel()
            slot.give_back()
