"""The outbound client against real sockets: what it fetches, and all that it must refuse or give up."""

from __future__ import annotations

import gzip
import socket
import threading
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from resilience.addresses import AddressPolicy, parse_networks
from resilience.http import Fetched, fetch, policy_for_service
from resilience.transport import OUTBOUND_ERRORS, OutboundError
from tests.unit.resilience.local_servers import free_port, redirect, reply, serving

LOCAL = AddressPolicy(allow=parse_networks(["127.0.0.0/8", "::1/128"]))
ONLY_SECOND = AddressPolicy(allow=parse_networks(["127.0.0.2/32"]))
FORBIDDEN = [
    "127.0.0.1",
    "localhost",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::127.0.0.1]",
    "[2002:7f00:1::]",
    "0",
    "0x7f.1",
    "2130706433",
    "169.254.169.254",
    "[fd00:ec2::254]",
    "[fe80::1%25lo]",
]


def get(url: str, **options: Any) -> Fetched:
    return fetch(url, **{"policy": LOCAL, "timeout": 20, "max_bytes": 100_000, **options})


def refusal(url: str, **options: Any) -> OutboundError:
    with pytest.raises(OutboundError) as caught:
        get(url, **options)
    assert str(caught.value) == OUTBOUND_ERRORS[caught.value.code] % caught.value.params
    return caught.value


def answers(*addresses: str) -> Callable[[str, int], list[str]]:
    return lambda host, port: list(addresses)


def test_fetched_is_what_the_server_sent() -> None:
    page = "Équilibrer un canal".encode()

    with serving(reply(page, headers="Content-Type: text/html; charset=utf-8\r\n")) as server:
        fetched = get(server.url("/a?b=c#part"))

    assert fetched == Fetched(server.url("/a?b=c"), 200, "text/html; charset=utf-8", page)
    assert server.requests[0].startswith(b"GET /a?b=c HTTP/1.1\r\n")


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_compressed_answer_is_unpacked(encoding: str) -> None:
    packed = gzip.compress(b"text " * 1000) if encoding == "gzip" else zlib.compress(b"text " * 1000)

    with serving(reply(packed, headers=f"Content-Encoding: {encoding}\r\n")) as server:
        assert get(server.url()).body == b"text " * 1000


@pytest.mark.parametrize("host", FORBIDDEN)
def test_nothing_inside_is_called(host: str) -> None:
    with serving(reply()) as server:
        error = refusal(server.url(host=host), policy=AddressPolicy())

        assert error.code == "refused_address"
        assert server.connections == 0


@pytest.mark.parametrize("host", FORBIDDEN)
def test_no_redirect_leads_inside(host: str) -> None:
    with serving(reply()) as inner:
        location = inner.url("/secret", host=host)
        with serving(redirect(location), address="127.0.0.2") as outer:
            error = refusal(outer.url(host="127.0.0.2"), policy=ONLY_SECOND)

        assert error.code == "refused_address"
        assert (outer.connections, inner.connections) == (1, 0)


def test_a_name_that_changes_its_mind_is_asked_only_once() -> None:
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.2"] if len(asked) == 1 else ["127.0.0.1"]

    with serving(reply(b"outside"), address="127.0.0.2") as server:
        fetched = get(server.url(host="rebinding.example"), policy=ONLY_SECOND, resolve=rebinding)

    assert fetched.body == b"outside"
    assert asked == ["rebinding.example"]


def test_a_name_that_changes_its_mind_before_a_redirect_is_refused() -> None:
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.2"] if len(asked) == 1 else ["127.0.0.1"]

    with serving(redirect("/again"), address="127.0.0.2") as server:
        error = refusal(server.url(host="rebinding.example"), policy=ONLY_SECOND, resolve=rebinding)

    assert error.code == "refused_address"


@pytest.mark.parametrize("order", [("127.0.0.2", "127.0.0.1"), ("127.0.0.1", "127.0.0.2")])
def test_one_forbidden_address_among_several_is_enough_to_refuse(order: tuple[str, str]) -> None:
    with serving(reply(), address="127.0.0.2") as server:
        error = refusal(server.url(host="both.example"), policy=ONLY_SECOND, resolve=answers(*order))

        assert error.code == "refused_address"
        assert server.connections == 0


def test_the_server_is_addressed_by_name() -> None:
    with serving(reply()) as server:
        get(server.url(host="docs.example"), resolve=answers("127.0.0.1"))

    assert f"\r\nHost: docs.example:{server.port}\r\n".encode() in server.requests[0]


def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    with serving(reply(), address="127.0.0.3") as server:
        fetched = get(server.url(host="docs.example"), resolve=answers("127.0.0.2", "127.0.0.3"))

    assert fetched.body == b"ok"


def test_an_ipv6_address_is_reached() -> None:
    try:
        running = serving(reply(), address="::1")
        with running as server:
            assert get(server.url(host="[::1]")).body == b"ok"
    except OSError as error:
        pytest.skip(f"no IPv6 on this machine: {error}")


def test_a_message_names_the_host_and_not_what_its_name_leads_to() -> None:
    error = refusal("http://intranet.example/", policy=AddressPolicy(), resolve=answers("10.7.7.7"))

    assert error.params == {"host": "intranet.example"}


def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")

    with serving(reply()) as server:
        assert get(server.url()).body == b"ok"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "docs.example/page",
        "ftp://docs.example/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:70/",
        "javascript:alert(1)",
        "http://",
        "http:///page",
        "http://docs.example:0/",
        "http://docs.example:99999/",
        "http://docs.example:x/",
        "http://0177.0.0.1/",
        "http://[::1/",
        "http://docs.example/\x00",
        "http://" + "a" * 300 + ".example/" + "b" * 70_000,
    ],
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    assert refusal(url, resolve=answers("127.0.0.1")).code == "url"


@pytest.mark.parametrize("url", ["http://user@docs.example/", "http://user:secret@docs.example/"])
def test_credentials_in_an_address_are_refused_and_not_repeated(url: str) -> None:
    error = refusal(url)

    assert error.code == "credentials"
    assert "secret" not in str(error) + repr(error)


def test_redirects_are_followed_and_the_last_address_is_told() -> None:
    def answer(connection: socket.socket, head: bytes) -> None:
        step = {b"/a": redirect("/b"), b"/b": redirect("c?d", status="308 Permanent Redirect")}
        step.get(head.split(b" ")[1], reply(b"end"))(connection, head)

    with serving(answer) as server:
        fetched = get(server.url("/a"))

    assert (fetched.url, fetched.body) == (server.url("/c?d"), b"end")


def test_redirects_are_counted() -> None:
    with serving(redirect("/again")) as server:
        error = refusal(server.url(), max_redirects=3)

    assert error.code == "redirect"
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("ftp://docs.example/", "url"),
        ("file:///etc/passwd", "url"),
        ("http://user:pw@127.0.0.1/", "credentials"),
        ("http://[::1/", "redirect"),
        ("http://", "redirect"),
    ],
)
def test_a_redirect_to_what_is_no_web_address_is_refused(location: str, code: str) -> None:
    with serving(redirect(location)) as server:
        assert refusal(server.url()).code in (code, "url")


def test_a_redirect_without_a_place_is_refused() -> None:
    with serving(reply(b"", status="302 Found")) as server:
        assert refusal(server.url()).code == "redirect"


def test_headers_of_the_caller_stay_with_the_first_origin() -> None:
    with serving(reply()) as other, serving(redirect(other.url())) as first:
        get(first.url(), headers={"Authorization": "Bearer secret"})

    assert b"Bearer secret" in first.requests[0]
    assert len(other.requests) == 1 and b"secret" not in other.requests[0]


@pytest.mark.parametrize("status", ["304 Not Modified", "404 Not Found", "500 Oops", "300 Choices"])
def test_any_status_but_success_is_an_error(status: str) -> None:
    with serving(reply(b"", status=status)) as server:
        error = refusal(server.url())

    assert (error.code, error.params["status"]) == ("status", int(status[:3]))


def test_a_body_may_fill_the_limit_but_not_exceed_it() -> None:
    with serving(reply(b"x" * 1000)) as server:
        assert len(get(server.url(), max_bytes=1000).body) == 1000
        assert refusal(server.url(), max_bytes=999).code == "too_large"


def test_an_endless_body_is_cut_off() -> None:
    def answer(connection: socket.socket, head: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 10_000)

    with serving(answer) as server:
        assert refusal(server.url(), max_bytes=50_000).code == "too_large"


def test_an_announced_size_is_refused_before_the_body() -> None:
    def announce(connection: socket.socket, head: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
        server.hang()

    with serving(announce) as server:
        assert refusal(server.url()).code == "too_large"


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_small_file_that_unpacks_to_a_huge_one_is_cut_off(encoding: str) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31 if encoding == "gzip" else 15)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()

    with serving(reply(bomb, headers=f"Content-Encoding: {encoding}\r\n")) as server:
        error = refusal(server.url(), max_bytes=len(bomb) + 1)

    assert len(bomb) < 100_000 and error.code == "too_large"


@pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "zstd", "x-unknown"])
def test_packing_that_was_not_asked_for_is_refused(encoding: str) -> None:
    body = gzip.compress(gzip.compress(b"text"))

    with serving(reply(body, headers=f"Content-Encoding: {encoding}\r\n")) as server:
        assert refusal(server.url()).code == "protocol"


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"220 mail.example ESMTP\r\n",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnone",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 200_000 + b"\r\n\r\n",
    ],
    ids=["nothing", "mail", "cut head", "cut body", "cut chunk", "two lengths", "not gzip", "long header"],
)
def test_what_is_no_whole_http_answer_is_refused(said: bytes) -> None:
    with serving(lambda connection, head: connection.sendall(said)) as server:
        assert refusal(server.url()).code == "protocol"


def test_nobody_listening_is_told_as_such() -> None:
    assert refusal(f"http://127.0.0.1:{free_port()}/").code == "connect"


def test_an_unknown_name_is_told_as_such() -> None:
    assert refusal("http://no-such-host.invalid/").code == "dns"
    assert refusal("http://no-address.example/", resolve=answers()).code == "dns"


def test_the_limit_on_time_covers_redirects_together() -> None:
    turn = threading.Event()

    def answer(connection: socket.socket, head: bytes) -> None:
        turn.wait(0.1)
        redirect("/again")(connection, head)

    with serving(answer) as server:
        assert refusal(server.url(), timeout=0.35, max_redirects=1000).code == "timeout"


def test_a_configured_service_is_reached_wherever_it_is_and_nothing_beside_it() -> None:
    with serving(reply(b"model")) as service, serving(reply(b"other")) as other:
        policy = policy_for_service(service.url("/v1", host="localhost"))

        assert get(service.url("/v1/x", host="localhost"), policy=policy).body == b"model"
        assert refusal(other.url(host="localhost"), policy=policy).code == "refused_address"
        assert refusal(service.url(), policy=policy).code == "refused_address"


def test_a_configured_service_cannot_redirect_inside() -> None:
    with serving(reply(b"other")) as other, serving(redirect(other.url())) as service:
        error = refusal(service.url(), policy=policy_for_service(service.url()))

        assert (error.code, other.connections) == ("refused_address", 0)
