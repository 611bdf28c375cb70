"""TLS, the deadline and the emergency stop of the outbound transport, in every phase of a call."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from resilience.addresses import AddressPolicy, parse_networks
from resilience.http import fetch, open_client
from resilience.transport import OutboundError, PinnedTransport
from tests.unit.resilience.local_servers import Authority, deaf_port, reply, serving

LOCAL = AddressPolicy(allow=parse_networks(["127.0.0.0/8"]))
Situation = tuple[str, PinnedTransport, threading.Event]
"""An address, a transport to call it with, and what is set once the call hangs."""
Phase = Callable[[], AbstractContextManager[Situation]]


def to_loopback(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create()


def code_of(url: str, authority: Authority) -> str:
    with pytest.raises(OutboundError) as caught:
        fetch(
            url,
            policy=LOCAL,
            timeout=20,
            max_bytes=1000,
            resolve=to_loopback,
            ssl_context=authority.trusting_context(),
        )
    return caught.value.code


def test_a_certificate_is_checked_against_the_name_and_not_the_address(
    authority: Authority, tmp_path: Path
) -> None:
    tls = authority.server_context(tmp_path, "docs.example")

    with serving(reply(b"safe"), tls=tls) as server:
        fetched = fetch(
            server.url(host="docs.example", scheme="https"),
            policy=LOCAL,
            timeout=20,
            max_bytes=1000,
            resolve=to_loopback,
            ssl_context=authority.trusting_context(),
        )

    assert fetched.body == b"safe"
    assert server.names == ["docs.example"]


@pytest.mark.parametrize("names", [("other.example",), ("127.0.0.1",)])
def test_a_certificate_for_another_name_is_refused(
    authority: Authority, tmp_path: Path, names: tuple[str, ...]
) -> None:
    with serving(reply(), tls=authority.server_context(tmp_path, *names)) as server:
        assert code_of(server.url(host="docs.example", scheme="https"), authority) == "tls"
        assert server.requests == []


def test_an_expired_certificate_is_refused(authority: Authority, tmp_path: Path) -> None:
    tls = authority.server_context(tmp_path, "docs.example", expired=True)

    with serving(reply(), tls=tls) as server:
        assert code_of(server.url(host="docs.example", scheme="https"), authority) == "tls"


def test_a_certificate_of_an_unknown_authority_is_refused(authority: Authority, tmp_path: Path) -> None:
    tls = Authority.create().server_context(tmp_path, "docs.example")

    with serving(reply(), tls=tls) as server:
        assert code_of(server.url(host="docs.example", scheme="https"), authority) == "tls"


def test_the_system_does_not_trust_a_self_made_certificate(authority: Authority, tmp_path: Path) -> None:
    tls = authority.server_context(tmp_path, "127.0.0.1")

    with serving(reply(), tls=tls) as server, pytest.raises(OutboundError) as caught:
        fetch(server.url(scheme="https"), policy=LOCAL, timeout=20, max_bytes=1000)

    assert caught.value.code == "tls"


def test_a_server_without_tls_is_told_as_such(authority: Authority) -> None:
    with serving(reply(), greeting=b"HTTP/1.1 400 Bad Request\r\n\r\n") as server:
        assert code_of(server.url(scheme="https"), authority) == "tls"


@contextmanager
def resolving() -> Iterator[Situation]:
    over, waiting = threading.Event(), threading.Event()

    def never(host: str, port: int) -> list[str]:
        waiting.set()
        over.wait()
        return []

    yield "http://slow.example/", PinnedTransport(LOCAL, seconds=60, resolve=never), waiting
    over.set()


@contextmanager
def connecting() -> Iterator[Situation]:
    waiting = threading.Event()

    def signalling(host: str, port: int) -> list[str]:
        waiting.set()
        return ["127.0.0.1"]

    with deaf_port() as port:
        yield f"http://deaf.example:{port}/", PinnedTransport(LOCAL, seconds=60, resolve=signalling), waiting


@contextmanager
def shaking_hands() -> Iterator[Situation]:
    # The greeting of TLS is not a request; the server keeps waiting for the end of one.
    waiting = threading.Event()

    def signalling(host: str, port: int) -> list[str]:
        waiting.set()
        return ["127.0.0.1"]

    with serving(reply()) as server:
        url = server.url(host="mute.example", scheme="https")
        yield url, PinnedTransport(LOCAL, seconds=60, resolve=signalling), waiting


@contextmanager
def hanging_after(said: bytes) -> Iterator[Situation]:
    def answer(connection: socket.socket, head: bytes) -> None:
        connection.sendall(said)
        server.hang()

    with serving(answer) as server:
        yield server.url(), PinnedTransport(LOCAL, seconds=60), server.waiting


@contextmanager
def dripping() -> Iterator[Situation]:
    def answer(connection: socket.socket, head: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        server.waiting.set()
        while not server.closing.wait(0.02):
            connection.sendall(b"x")

    with serving(answer) as server:
        yield server.url(), PinnedTransport(LOCAL, seconds=60), server.waiting


PHASES: dict[str, Phase] = {
    "resolve": resolving,
    "connect": connecting,
    "handshake": shaking_hands,
    "status": lambda: hanging_after(b""),
    "headers": lambda: hanging_after(b"HTTP/1.1 200 OK\r\nX-Slow: "),
    "body": lambda: hanging_after(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"),
    "drip": dripping,
}


def read_all(url: str, transport: PinnedTransport) -> str:
    """Return the code of the error that the call ends with."""
    with open_client(transport) as client, pytest.raises(OutboundError) as caught:
        client.get(url)
    return caught.value.code


@pytest.mark.parametrize("phase", PHASES.values(), ids=PHASES.keys())
def test_the_deadline_ends_a_call_in_whatever_phase_it_hangs(phase: Phase) -> None:
    with phase() as (url, transport, _):
        transport.arm(0.3)

        assert read_all(url, transport) == "timeout"


@pytest.mark.parametrize("phase", PHASES.values(), ids=PHASES.keys())
def test_abort_ends_a_call_in_whatever_phase_it_hangs(phase: Phase) -> None:
    with ThreadPoolExecutor() as pool, phase() as (url, transport, waiting):
        running = pool.submit(read_all, url, transport)
        assert waiting.wait(20)
        transport.abort()

        assert running.result(timeout=20) == "cancelled"


def test_an_aborted_transport_makes_no_further_call() -> None:
    with serving(reply()) as server:
        transport = PinnedTransport(LOCAL, seconds=20)
        transport.abort()

        assert read_all(server.url(), transport) == "cancelled"
        assert transport.aborted and server.connections == 0


def test_a_deadline_that_has_passed_lets_nothing_out() -> None:
    with serving(reply()) as server:
        assert read_all(server.url(), PinnedTransport(LOCAL, seconds=0)) == "timeout"
        assert server.connections == 0


def test_a_connection_is_used_again_and_replaced_when_the_server_closed_it() -> None:
    def twice(connection: socket.socket, head: bytes) -> None:
        reply(b"one")(connection, head)
        connection.recv(65536)
        reply(b"two")(connection, head)
        connection.shutdown(socket.SHUT_RDWR)
        server.waiting.set()

    with serving(twice) as server, open_client(PinnedTransport(LOCAL, seconds=20)) as client:
        bodies = [client.get(server.url()).content for _ in range(2)]
        connections = server.connections
        assert server.waiting.wait(20)
        bodies += [client.get(server.url()).content]

    assert bodies == [b"one", b"two", b"one"]
    assert (connections, server.connections) == (1, 2)


def test_what_a_server_says_before_it_hangs_up_on_an_upload_is_heard() -> None:
    def refuse(connection: socket.socket, head: bytes) -> None:
        connection.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")

    with serving(refuse) as server, open_client(PinnedTransport(LOCAL, seconds=20)) as client:
        response = client.post(server.url(), content=b"x" * 20)

    assert response.status_code == 413
