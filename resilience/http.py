"""The one outbound HTTP client. Everything that MCP fetches at the wish of a user goes through ``fetch``."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import httpx2

from resilience.addresses import AddressPolicy
from resilience.transport import (
    OUTBOUND_ERRORS,
    OutboundError,
    PinnedTransport,
    Resolver,
    system_resolver,
)

__all__ = [
    "OUTBOUND_ERRORS",
    "Fetched",
    "OutboundError",
    "PinnedTransport",
    "fetch",
    "open_client",
    "policy_for_service",
]

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ENCODINGS = frozenset({"", "identity", "gzip", "deflate"})
_OWN_HEADERS = {"User-Agent": "MCP", "Accept": "*/*", "Accept-Encoding": "gzip, deflate"}


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a server answered, decompressed, and the address that answered it after redirects."""

    url: str
    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class _Limits:
    max_bytes: int
    max_redirects: int


def fetch(
    url: str,
    *,
    policy: AddressPolicy,
    timeout: float,
    max_bytes: int,
    max_redirects: int = 5,
    headers: Mapping[str, str] | None = None,
    resolve: Resolver = system_resolver,
    ssl_context: ssl.SSLContext | None = None,
) -> Fetched:
    """Return what a GET of ``url`` yields. ``timeout`` (seconds) covers it all, redirects and body included.

    ``max_bytes`` limits the body before and after decompression. ``headers`` go to the first origin only,
    never to one that it redirects to. Raises OutboundError, also for any status other than 2xx.
    """
    transport = PinnedTransport(policy, seconds=timeout, resolve=resolve, ssl_context=ssl_context)
    with open_client(transport) as client:
        return _follow(client, _checked(url), dict(headers or {}), _Limits(max_bytes, max_redirects))


def open_client(transport: PinnedTransport) -> httpx2.Client:
    """Return a client on the transport that follows no redirect and reads no proxy from the environment."""
    return httpx2.Client(transport=transport, trust_env=False, follow_redirects=False, headers=_OWN_HEADERS)


def policy_for_service(base_url: str, *, policy: AddressPolicy | None = None) -> AddressPolicy:
    """Return a policy that also reaches the service at this configured address, be it on the local host.

    Only for addresses from the operator's configuration, never from a user. Raises OutboundError for one that
    is not valid.
    """
    url = _checked(base_url)
    return (policy or AddressPolicy()).trusting(url.raw_host.decode("ascii"), _port(url))


def _follow(client: httpx2.Client, url: httpx2.URL, headers: dict[str, str], limits: _Limits) -> Fetched:
    first = _origin(url)
    for _ in range(limits.max_redirects + 1):
        with client.stream("GET", url, headers=headers if _origin(url) == first else {}) as response:
            if response.status_code not in _REDIRECTS:
                return _received(response, limits.max_bytes)
            url = _redirected(response)
    raise OutboundError("redirect", {"host": url.host})


def _redirected(response: httpx2.Response) -> httpx2.URL:
    try:
        return _checked(str(response.url.join(response.headers["location"])))
    except (KeyError, httpx2.InvalidURL, UnicodeError):
        raise OutboundError("redirect", {"host": response.url.host}) from None


def _received(response: httpx2.Response, max_bytes: int) -> Fetched:
    if not 200 <= response.status_code < 300:
        raise OutboundError("status", {"host": response.url.host, "status": response.status_code})
    if response.headers.get("content-encoding", "").strip().lower() not in _ENCODINGS:
        raise OutboundError("protocol", {"host": response.url.host})
    return Fetched(
        url=str(response.url),
        status=response.status_code,
        content_type=response.headers.get("content-type", ""),
        body=_body(response, max_bytes),
    )


def _body(response: httpx2.Response, max_bytes: int) -> bytes:
    too_large = OutboundError("too_large", {"host": response.url.host, "limit": max_bytes})
    announced = response.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise too_large
    body = bytearray()
    try:
        for piece in response.iter_bytes():
            body += piece
            if max(len(body), response.num_bytes_downloaded) > max_bytes:
                raise too_large
    except httpx2.DecodingError as error:
        raise OutboundError("protocol", {"host": response.url.host}) from error
    return bytes(body)


def _checked(url: str) -> httpx2.URL:
    """Return the parsed address if it is one that may be called at all."""
    try:
        parsed = httpx2.URL(url.strip())
    except (httpx2.InvalidURL, UnicodeError):
        raise OutboundError("url", {}) from None
    port_valid = parsed.port is None or 0 < parsed.port < 65536
    if parsed.scheme not in ("http", "https") or not parsed.host or not port_valid:
        raise OutboundError("url", {})
    if parsed.userinfo:
        raise OutboundError("credentials", {})
    return parsed.copy_with(fragment=None)


def _port(url: httpx2.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _origin(url: httpx2.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, _port(url)
