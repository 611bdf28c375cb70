"""Access to an OpenAI-compatible server: one leased connection per call, and why a call failed."""

from __future__ import annotations

import logging
import ssl
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from resilience.addresses import AddressPolicy
from resilience.http import OutboundError, PinnedTransport, open_client, policy_for_service
from resilience.transport import Resolver, system_resolver

if TYPE_CHECKING:
    from openai import APIStatusError, OpenAI

DEFAULT_BASE_URL = "https://api.openai.com/v1"

_OUTBOUND_CODES = {"cancelled": "cancelled", "timeout": "timeout", "protocol": "protocol"}
_STATUS_CODES = {401: "unauthorized", 403: "unauthorized", 404: "unknown_model", 413: "context"}
_CONTEXT_WORDS = ("context length", "context size", "context_length", "maximum context", "too many tokens")
_MAX_IDLE = 4


@dataclass(frozen=True, slots=True)
class Service:
    """Where the server is and how to reach it; comes from the operator's configuration only."""

    api_key: str = field(default="", repr=False)
    """May be empty: servers on the own machine ask for none."""
    base_url: str = DEFAULT_BASE_URL
    resolve: Resolver = system_resolver
    ssl_context: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call failed: a code of ``GENERATION_ERRORS``, with what the server said about its status."""

    code: str
    status: int = 0
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """A client of the OpenAI library and the transport beneath it, for one thread."""

    client: OpenAI
    transport: PinnedTransport


class Connections:
    """The connections to one server, each used by one thread at a time and kept for the next call."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._policy: AddressPolicy = policy_for_service(service.base_url or DEFAULT_BASE_URL)
        self._idle: deque[Lease] = deque()

    @property
    def host(self) -> str:
        """Return the server's name, for messages."""
        return next(iter(self._policy.trusted))[0]

    @contextmanager
    def lease(self, seconds: float) -> Iterator[Lease]:
        """Yield a connection whose calls end after ``seconds``; it is dropped if the block raises."""
        try:
            lease = self._idle.pop()
        except IndexError:
            lease = self._connect(seconds)
        lease.transport.arm(seconds)
        try:
            yield lease
        except BaseException:
            lease.client.close()
            raise
        self._keep(lease)

    def _keep(self, lease: Lease) -> None:
        if len(self._idle) < _MAX_IDLE and not lease.transport.aborted:
            self._idle.append(lease)
        else:
            lease.client.close()

    def _connect(self, seconds: float) -> Lease:
        from openai import OpenAI  # takes most of a second to import, and most installations never need it

        # At DEBUG the library logs the whole request, documents included.
        logging.getLogger("openai").setLevel(logging.WARNING)
        transport = PinnedTransport(
            self._policy,
            seconds=seconds,
            resolve=self.service.resolve,
            ssl_context=self.service.ssl_context,
        )
        client = OpenAI(
            api_key=self.service.api_key or "none",
            base_url=self.service.base_url or DEFAULT_BASE_URL,
            http_client=open_client(transport),
            timeout=None,
            max_retries=0,
        )
        return Lease(client, transport)


def explain_failure(error: Exception) -> Failure:
    """Return why a call through the OpenAI library failed. Re-raises what is no failure of the call."""
    import openai

    outbound = _outbound_cause(error)
    if outbound is not None:
        return Failure(_OUTBOUND_CODES.get(outbound.code, "unreachable"))
    if isinstance(error, openai.APIStatusError):
        return _status_failure(error)
    if isinstance(error, openai.APIError):
        # An error event in the middle of a stream has no status of its own.
        return Failure("server", 500) if type(error) is openai.APIError else Failure("protocol")
    # What the library lets through when an answer is not what it takes for granted.
    if isinstance(error, ValueError | TypeError | KeyError | AttributeError | IndexError):
        return Failure("protocol")
    raise error


def error_text(error: Exception) -> str:
    """Return what the server said, in lower case; to decide by, not to show, for it may repeat the key."""
    return str(getattr(error, "body", None) or getattr(error, "message", "")).lower()


def _status_failure(error: APIStatusError) -> Failure:
    status = error.status_code
    said = error_text(error)
    retry_after = _seconds(error.response.headers.get("retry-after", ""))
    if status in (400, 413, 422, 500) and any(word in said for word in _CONTEXT_WORDS):
        return Failure("context", status)
    if status == 429:
        return Failure("quota" if "insufficient_quota" in said else "rate_limited", status, retry_after)
    default = "server" if status >= 500 else "rejected"
    return Failure(_STATUS_CODES.get(status, default), status, retry_after)


def _outbound_cause(error: BaseException | None) -> OutboundError | None:
    while error is not None:
        if isinstance(error, OutboundError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _seconds(retry_after: str) -> int | None:
    return int(retry_after) if retry_after.isdecimal() and len(retry_after) < 7 else None
