"""The web server: daphne, with request bodies bounded, kept on disk and read only as fast as they are used.

Daphne alone takes a body of any size from anyone, holds all of it in memory, and lets Twisted parse forms that
Django parses again.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import MutableMapping
from functools import partial
from io import BytesIO
from typing import IO, Any

from django.conf import settings
from django.utils import translation

os.environ.setdefault("ASGI_THREADS", "64")  # read by daphne.server as it is imported

from daphne import http_protocol
from daphne import server as daphne_server

from mcp_site.middleware import accepted_language
from mcp_site.problems import CONTENT_TYPE, too_large

MEBIBYTE = 2**20
ANONYMOUS_BODY = 1 * MEBIBYTE
CHUNK = 64 * 1024


class BodyQueue(asyncio.Queue[Any]):
    """What the application receives: the body from its file, chunk by chunk, then the client's disconnect."""

    def __init__(self, body: IO[bytes]) -> None:
        super().__init__()
        self._body = body
        self._complete = False

    async def get(self) -> Any:
        """Return the next chunk, or once there is none, wait for the disconnect."""
        if self._complete:
            return await super().get()
        chunk = self._body.read(CHUNK)
        self._complete = len(chunk) < CHUNK
        return {"type": "http.request", "body": chunk, "more_body": not self._complete}

    def put_nowait(self, item: MutableMapping[str, Any]) -> None:
        """Keep disconnects; daphne's own copy of the body (empty by then) is dropped."""
        if item["type"] != "http.request":
            super().put_nowait(item)


class BoundedRequest(http_protocol.WebRequest):
    """A request whose body is dropped as it arrives once it is over the limit; the answer is then 413."""

    _parsePOSTFormSubmission = False
    received = 0

    def body_limit(self) -> int:
        """Return the limit in bytes: small for those who show neither session nor token."""
        headers = self.requestHeaders
        known = headers.hasHeader(b"Cookie") or headers.hasHeader(b"Authorization")
        return settings.MAX_BODY_MB * MEBIBYTE if known else ANONYMOUS_BODY

    def is_too_large(self) -> bool:
        """Return whether more was sent than the limit."""
        return self.received > self.body_limit()

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Keep the chunk if the whole is within the limit."""
        self.received += len(data)
        if not self.is_too_large():
            super().handleContentChunk(data)

    def take_body(self) -> IO[bytes]:
        """Return the file that holds the body, leaving an empty one in its place."""
        body: IO[bytes] = self.content
        self.content: IO[bytes] = BytesIO()
        return body

    def process(self) -> Any:
        """Refuse what was too large, else go on."""
        if not self.is_too_large():
            return super().process()
        accepted = self.requestHeaders.getRawHeaders("accept-language") or [""]
        with translation.override(accepted_language(str(accepted[0])) or settings.LANGUAGE_CODE):
            problem = too_large(self.body_limit() // MEBIBYTE)
            body = json.dumps(problem.document(), ensure_ascii=False).encode()
        headers = [(b"Content-Type", CONTENT_TYPE.encode()), (b"Connection", b"close")]
        self.handle_reply({"type": "http.response.start", "status": problem.status, "headers": headers})
        self.handle_reply({"type": "http.response.body", "body": body})
        return None


class BoundedFactory(http_protocol.HTTPFactory):
    """Makes bounded requests."""

    def buildProtocol(self, addr: Any) -> Any:  # noqa: N802 - Twisted's name
        """Return the protocol of one connection."""
        protocol = super().buildProtocol(addr)
        protocol.requestFactory = BoundedRequest
        return protocol


class Server(daphne_server.Server):
    """Daphne with lazily read bodies."""

    def create_application(self, protocol: Any, scope: MutableMapping[str, Any]) -> Any:
        """Start the application for a request; return the queue of what it receives."""
        if scope["type"] != "http" or protocol not in self.connections:
            return super().create_application(protocol, scope)
        queue = BodyQueue(protocol.take_body())
        scope.setdefault("asgi", {"version": "3.0"})
        running = self.application(scope=scope, receive=queue.get, send=partial(self.handle_reply, protocol))
        self.connections[protocol]["application_instance"] = asyncio.ensure_future(
            running, loop=asyncio.get_event_loop()
        )
        return queue


def run(application: Any, endpoint: str) -> None:
    """Serve until SIGTERM or SIGINT."""
    daphne_server.HTTPFactory = BoundedFactory
    Server(
        application=application,
        endpoints=[endpoint],
        http_timeout=settings.HTTP_TIMEOUT,
        application_close_timeout=5,
        server_name="",
        signal_handlers=threading.current_thread() is threading.main_thread(),
    ).run()
