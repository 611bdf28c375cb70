"""The transport under every outgoing HTTP call: checked, pinned addresses, one deadline, an emergency stop.

A name is resolved once, every address it has is put to the policy, and the socket is opened to one of those
very addresses, so that a name that changes its mind (DNS rebinding) gains nothing. Host header, SNI and the
check of the certificate keep using the name. Environment proxies are not consulted.
"""

from __future__ import annotations

import queue
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

import httpcore2
import httpx2

from resilience.addresses import AddressPolicy
from resilience.texts import gettext_noop

Resolver = Callable[[str, int], Sequence[str]]
"""(host, port) -> addresses as text; raises OSError where the name is unknown."""

CONNECT_SECONDS = 10.0
"""Limit on the name's resolution and on the connection, each, within the deadline of the call."""
IDLE_SECONDS = 30.0
"""How long a connection is kept for the next call; a router in between may forget it without a word."""

# The keys are the codes, the values English message ids; the Django side passes them through gettext.
OUTBOUND_ERRORS: dict[str, str] = {
    "url": gettext_noop("This is not a valid http or https address."),
    "credentials": gettext_noop("An address must not contain a user name or a password."),
    "refused_address": gettext_noop("%(host)s is not on the public internet and is not called."),
    "dns": gettext_noop("The name %(host)s could not be found."),
    "connect": gettext_noop("%(host)s does not accept the connection."),
    "tls": gettext_noop(
        "No secure connection to %(host)s: its certificate or its settings cannot be trusted."
    ),
    "timeout": gettext_noop("%(host)s did not answer completely within %(seconds)s seconds."),
    "too_large": gettext_noop("The answer of %(host)s is larger than %(limit)s bytes."),
    "redirect": gettext_noop("%(host)s redirects too often, or to an address that is not valid."),
    "status": gettext_noop("%(host)s answered with status %(status)s."),
    "protocol": gettext_noop("%(host)s broke off, or did not answer in valid HTTP."),
    "cancelled": gettext_noop("The call to %(host)s was cancelled."),
}

_NETWORK_ERRORS = (
    OSError,
    httpcore2.NetworkError,
    httpcore2.TimeoutException,
    httpcore2.ProtocolError,
    httpcore2.UnsupportedProtocol,
)


class OutboundError(Exception):
    """Why an outgoing call failed: a code of ``OUTBOUND_ERRORS`` and the values of its message."""

    def __init__(self, code: str, params: Mapping[str, str | int | float]) -> None:
        super().__init__(code, dict(params))
        self.code = code
        self.params = dict(params)

    def __str__(self) -> str:
        return OUTBOUND_ERRORS[self.code] % self.params


def system_resolver(host: str, port: int) -> list[str]:
    """Return the addresses of the host as the operating system orders them. OSError if there are none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@lru_cache(maxsize=1)
def default_ssl_context() -> ssl.SSLContext:
    """Return the context that trusts the system's certificates; made once, since loading them is slow."""
    return httpx2.create_ssl_context()


class PinnedTransport(httpx2.BaseTransport):
    """HTTP/1.1 for one thread at a time; ``arm`` starts the clock of a call, ``abort`` ends it at once."""

    def __init__(
        self,
        policy: AddressPolicy,
        *,
        seconds: float,
        resolve: Resolver = system_resolver,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._watch = _Watch(seconds)
        self._pool = httpcore2.ConnectionPool(
            ssl_context=ssl_context or default_ssl_context(),
            max_connections=4,
            keepalive_expiry=IDLE_SECONDS,
            network_backend=_Backend(policy, self._watch, resolve),
        )

    def arm(self, seconds: float) -> None:
        """Give all that follows, whatever it waits for, this many seconds."""
        self._watch.arm(seconds)

    def abort(self) -> None:
        """End the call in progress and all later ones with the code ``cancelled``. From any thread."""
        self._watch.stop()

    @property
    def aborted(self) -> bool:
        """Return whether ``abort`` was called; the transport is of no more use then."""
        return self._watch.stopped

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return the response with its headers read and its body still to come. Raises OutboundError."""
        host = request.url.host
        forwarded = httpcore2.Request(
            method=request.method,
            url=httpcore2.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            ),
            headers=request.headers.raw,
            content=request.stream,
        )
        with self._watch.errors(host):
            forwarded.extensions["timeout"] = {"pool": self._watch.wait()}
            response = self._pool.handle_request(forwarded)
        return httpx2.Response(
            status_code=response.status,
            headers=response.headers,
            stream=_Body(response, self._watch, host),
        )

    def close(self) -> None:
        """Close the idle connections."""
        self._pool.close()


class _Watch:
    """The deadline and the emergency stop that all sockets of one transport obey."""

    def __init__(self, seconds: float) -> None:
        self._lock = threading.Lock()
        self._stops: dict[int, Callable[[], None]] = {}
        self.stopped = False
        self.arm(seconds)

    def arm(self, seconds: float) -> None:
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds

    def stop(self) -> None:
        with self._lock:
            self.stopped = True
            for stop in self._stops.values():
                stop()

    def wait(self, limit: float | None = None) -> float:
        """Return how long the next step may block; TimeoutError where nothing is left."""
        if self.stopped:
            raise ConnectionAbortedError
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left if limit is None else min(left, limit)

    @contextmanager
    def interrupting(self, stop: Callable[[], None]) -> Iterator[None]:
        """Have ``stop`` called, while the block runs, when the call is aborted."""
        forget = self.register(stop)
        try:
            yield
        finally:
            forget()

    def register(self, stop: Callable[[], None]) -> Callable[[], None]:
        """Have ``stop`` called on abort; the result undoes that. ConnectionAbortedError if it is too late."""
        with self._lock:
            if self.stopped:
                raise ConnectionAbortedError
            self._stops[id(stop)] = stop
        return lambda: self._forget(stop)

    def _forget(self, stop: Callable[[], None]) -> None:
        with self._lock:
            self._stops.pop(id(stop), None)

    @contextmanager
    def errors(self, host: str) -> Iterator[None]:
        """Turn whatever the network raises into the one OutboundError that explains it."""
        try:
            yield
        except OutboundError:
            raise
        except _NETWORK_ERRORS as error:
            raise self._explained(error, host) from error

    def _explained(self, error: Exception, host: str) -> OutboundError:
        if self.stopped:
            return OutboundError("cancelled", {"host": host})
        expired = isinstance(error, TimeoutError | httpcore2.TimeoutException)
        if expired or time.monotonic() >= self._deadline:
            return OutboundError("timeout", {"host": host, "seconds": f"{self._seconds:g}"})
        if isinstance(error, httpcore2.UnsupportedProtocol | httpcore2.LocalProtocolError):
            return OutboundError("url", {"host": host})
        return OutboundError("protocol", {"host": host})


class _Body(httpx2.SyncByteStream):
    """The body of a response, read under the watch of its call."""

    def __init__(self, response: httpcore2.Response, watch: _Watch, host: str) -> None:
        self._response = response
        self._watch = watch
        self._host = host

    def __iter__(self) -> Iterator[bytes]:
        with self._watch.errors(self._host):
            yield from self._response.iter_stream()

    def close(self) -> None:
        self._response.close()


class _Backend(httpcore2.NetworkBackend):
    """Opens sockets for the pool, and only to addresses that the policy permits."""

    def __init__(self, policy: AddressPolicy, watch: _Watch, resolve: Resolver) -> None:
        self._policy = policy
        self._watch = watch
        self._resolve = resolve

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        addresses = self._addresses(host, port)
        for left in range(len(addresses), 0, -1):
            # Each address gets its share of the time, so that a dead IPv6 route leaves some for IPv4.
            limit = min(CONNECT_SECONDS, self._watch.wait() / left)
            try:
                return _Stream(self._open(addresses[-left], port, limit), self._watch, host)
            except OSError as error:
                self._watch.wait()
                if left == 1:
                    raise OutboundError("connect", {"host": host}) from error
        raise OutboundError("dns", {"host": host})

    def _open(self, address: str, port: int, limit: float) -> socket.socket:
        family = socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            with self._watch.interrupting(lambda: _shut(sock)):
                sock.settimeout(limit)
                sock.connect((address, port))
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            sock.close()
            raise
        return sock

    def _addresses(self, host: str, port: int) -> list[str]:
        """Return where the host may be reached. Raises OutboundError if even one address is not permitted."""
        try:
            found = [str(ip_address(host))]
        except ValueError:
            found = self._lookup(host, port)
        if not all(self._policy.permits(address, host=host, port=port) for address in found):
            raise OutboundError("refused_address", {"host": host})
        return found

    def _lookup(self, host: str, port: int) -> list[str]:
        # The system's resolver takes no limit and cannot be interrupted, hence a thread to leave behind.
        answers: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()
        found: list[str] | Exception

        def look_up() -> None:
            try:
                answers.put(list(self._resolve(host, port)))
            except (OSError, UnicodeError) as error:
                answers.put(error)

        with self._watch.interrupting(lambda: answers.put([])):
            threading.Thread(target=look_up, name="resolve", daemon=True).start()
            try:
                found = answers.get(timeout=self._watch.wait(CONNECT_SECONDS))
            except queue.Empty:
                found = []
        self._watch.wait()
        if isinstance(found, Exception) or not found:
            raise OutboundError("dns", {"host": host})
        return found


class _Stream(httpcore2.NetworkStream):
    """A connected socket whose every wait ends with the deadline or the emergency stop."""

    def __init__(self, sock: socket.socket, watch: _Watch, host: str) -> None:
        self._sock = sock
        self._watch = watch
        self._host = host
        # A second handle on the connection outlives the hand-over of the first one to TLS.
        self._handle = sock.dup()
        try:
            self._forget = watch.register(lambda: _shut(self._handle))
        except ConnectionAbortedError:
            self._sock.close()
            self._handle.close()
            raise

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._sock.settimeout(self._watch.wait(timeout))
        data = self._sock.recv(max_bytes)
        if not data:
            # An abort shuts the socket down, which reads like the end of a body without a length.
            self._watch.wait()
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        view = memoryview(buffer)
        while view:
            self._sock.settimeout(self._watch.wait(timeout))
            try:
                view = view[self._sock.send(view) :]
            except (BrokenPipeError, ConnectionResetError) as error:
                # httpcore still reads what the server said before it closed, if it is told in its own terms.
                raise httpcore2.WriteError(str(error)) from error

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        try:
            self._sock.settimeout(self._watch.wait(CONNECT_SECONDS))
            self._sock = ssl_context.wrap_socket(self._sock, server_hostname=server_hostname)
        except (OSError, ValueError) as error:
            self.close()
            self._watch.wait()
            raise OutboundError("tls", {"host": self._host}) from error
        return self

    def close(self) -> None:
        self._forget()
        self._handle.close()
        self._sock.close()

    def get_extra_info(self, info: str) -> Any:
        if info == "ssl_object":
            return self._sock if isinstance(self._sock, ssl.SSLSocket) else None
        if info == "is_readable":
            return self._is_readable()
        return None

    def _is_readable(self) -> bool:
        """Return whether an idle connection has something to read, which means that its end has closed it."""
        if self._sock.fileno() < 0:
            return True
        with selectors.DefaultSelector() as selector:
            selector.register(self._sock, selectors.EVENT_READ)
            return bool(selector.select(0))


def _shut(sock: socket.socket) -> None:
    """Wake whoever is blocked on the socket, which closing it would not."""
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
