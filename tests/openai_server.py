"""A server on a free local port that speaks the OpenAI protocol and misbehaves on request.

It is the other side of the contract tests of the embedder and of the generator: real sockets, real HTTP. What
it answers next is scripted; without a script it answers as a well-behaved server does.
"""

from __future__ import annotations

import json
import math
import select
import socket
import threading
import zlib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

DIMENSION = 64


@dataclass(frozen=True)
class Chat:
    """A streamed answer. ``hang_after`` / ``drop_after``: how many pieces come before nothing more does."""

    pieces: Sequence[str] = ("Hello", " world")
    finish: str | None = "stop"
    usage: tuple[int, int] | None = (11, 7)
    hang_after: int | None = None
    drop_after: int | None = None
    pause: float = 0.0
    """Seconds between two pieces."""
    reasoning: Sequence[str] = ()


@dataclass(frozen=True)
class Status:
    """An error, or any other plain answer."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Raw:
    """Bytes instead of an answer, after which the connection is closed."""

    data: bytes = b""


@dataclass(frozen=True)
class Hang:
    """The request is read and never answered."""


@dataclass(frozen=True)
class Stream:
    """A successful event stream with exactly these bytes in it."""

    data: bytes


@dataclass(frozen=True)
class Vectors:
    """Embeddings as computed by ``vector``, spoiled by ``spoil`` before they are sent."""

    spoil: Callable[[dict[str, Any]], Any]


Reply = Chat | Status | Raw | Hang | Stream | Vectors


@dataclass(frozen=True)
class Received:
    """A request as it came in."""

    path: str
    headers: Mapping[str, str]
    body: Any
    connection: int
    """Counts the connections from 1, to see which requests shared one."""


class OpenAIServer:
    """Use as a context manager; ``base_url`` is what a client is given."""

    def __init__(self, *, chat: Callable[[list[dict[str, str]]], Chat] | None = None) -> None:
        self.chat = chat or (lambda messages: Chat())
        self.received: list[Received] = []
        self.client_left = threading.Event()
        """Set when a client closed its connection while an answer was due."""
        self.answering = threading.Event()
        """Set when all pieces before a hang were sent, or a request was read that is never answered."""
        self._script: deque[Reply] = deque()
        self._open: set[socket.socket] = set()
        self._connections = 0
        self._lock = threading.Lock()
        server = self

        class Handler(_Handler):
            owner = server

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    def script(self, *replies: Reply) -> None:
        """Answer the next requests with these, one each."""
        self._script.extend(replies)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._thread.join()
        with self._lock:
            for connection in self._open:
                _shut(connection)
        self._http.server_close()

    def next_reply(self) -> Reply | None:
        with self._lock:
            return self._script.popleft() if self._script else None

    def opened(self, connection: socket.socket) -> int:
        with self._lock:
            self._open.add(connection)
            self._connections += 1
            return self._connections

    def closed(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: OpenAIServer

    def setup(self) -> None:
        super().setup()
        self.number = self.owner.opened(self.connection)

    def handle(self) -> None:
        with suppress(ConnectionError):
            super().handle()

    def finish(self) -> None:
        self.owner.closed(self.connection)
        super().finish()

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.owner.received.append(Received(self.path, dict(self.headers), body, self.number))
        reply = self.owner.next_reply() or self._default(body)
        try:
            self._send(reply, body)
        except (BrokenPipeError, ConnectionResetError):
            self._gone()

    def _default(self, body: Any) -> Reply:
        if self.path.endswith("/embeddings"):
            return Vectors(lambda answer: answer)
        return self.owner.chat(body["messages"])

    def _send(self, reply: Reply, body: Any) -> None:
        match reply:
            case Chat():
                self._send_chat(reply, body)
            case Status():
                self._send_body(reply.status, reply.body.encode(), reply.headers)
            case Raw():
                self.wfile.write(reply.data)
                self.close_connection = True
            case Hang():
                self._hang()
            case Stream():
                self._start_stream()
                self._send_piece(reply.data)
                self._send_piece(b"")
            case Vectors():
                answer = reply.spoil(_embeddings(body))
                self._send_body(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _send_chat(self, reply: Chat, body: Any) -> None:
        self._start_stream()
        for thought in reply.reasoning:
            self._send_event(_chunk(body, {"reasoning_content": thought}))
        for n, piece in enumerate(reply.pieces):
            if n == reply.hang_after:
                return self._hang()
            if n == reply.drop_after:
                self.close_connection = True
                return None
            if n and reply.pause and self._left_within(reply.pause):
                return self._gone()
            self._send_event(_chunk(body, {"content": piece}))
        self._send_event(_chunk(body, {}, finish=reply.finish))
        if reply.usage:
            self._send_event(_chunk(body, None, usage=reply.usage))
        self._send_piece(b"data: [DONE]\n\n")
        self._send_piece(b"")
        return None

    def _start_stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _send_event(self, event: Any) -> None:
        self._send_piece(f"data: {json.dumps(event)}\n\n".encode())

    def _send_piece(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def _send_body(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _hang(self) -> None:
        self.owner.answering.set()
        if self._left_within(None):
            self._gone()

    def _gone(self) -> None:
        self.owner.client_left.set()
        self.close_connection = True

    def _left_within(self, seconds: float | None) -> bool:
        """Return whether the client closed the connection; it has nothing more to send."""
        readable, _, _ = select.select([self.connection], [], [], seconds)
        try:
            return bool(readable) and self.connection.recv(1) == b""
        except OSError:
            return True


def vector(text: str) -> list[float]:
    """Return a vector in which texts with words in common are close to each other."""
    counts = [0.0] * DIMENSION
    for word in text.lower().split():
        counts[zlib.crc32(word.encode()) % DIMENSION] += 1.0
    length = math.sqrt(sum(count * count for count in counts)) or 1.0
    return [count / length for count in counts]


def _embeddings(body: Any) -> dict[str, Any]:
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    data = [{"object": "embedding", "index": n, "embedding": vector(text)} for n, text in enumerate(texts)]
    tokens = sum(len(text.split()) for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "model": body["model"], "data": data, "usage": usage}


def _chunk(
    body: Any, delta: Any, *, finish: str | None = None, usage: tuple[int, int] | None = None
) -> dict[str, Any]:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    chunk = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": body["model"],
        "choices": choices,
    }
    if usage:
        prompt, completion = usage
        counted = {"prompt_tokens": prompt, "completion_tokens": completion}
        chunk["usage"] = {**counted, "total_tokens": prompt + completion}
    return chunk


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        connection.close()
