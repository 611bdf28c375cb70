"""Limits on guessing passwords: counters in the cache (Redis or this process), one fixed window per key."""

from __future__ import annotations

import hashlib
import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.core.cache import cache, caches
from django.core.cache.backends.base import BaseCache
from django.http import HttpRequest


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``count`` attempts per ``seconds`` for one key."""

    name: str
    count: int
    seconds: int
    clock: Callable[[], float] = time.time

    def take(self, *key: str) -> float:
        """Count one attempt; return 0.0 if it is within the limit, else the seconds until the next window."""
        window, passed = divmod(self.clock(), self.seconds)
        name = self._key(int(window), key)
        used = _count(cache, name, self.seconds) or _count(caches["local"], name, self.seconds)
        return self.seconds - passed if used > self.count else 0.0

    def forget(self, *key: str) -> None:
        """Forget the attempts of a key: the right password was given."""
        name = self._key(int(self.clock() // self.seconds), key)
        for store in (cache, caches["local"]):
            store.delete(name)

    def _key(self, window: int, key: tuple[str, ...]) -> str:
        digest = hashlib.sha256("\0".join(key).encode("utf-8", "replace")).hexdigest()
        return f"limit:{self.name}:{window}:{digest[:32]}"


def _count(store: BaseCache, name: str, seconds: int) -> int:
    """Return how often this was called for a name; 0 where the store is away.

    ``add`` then ``incr`` is atomic in both caches; a counter lost to eviction merely starts again.
    """
    if store.add(name, 1, seconds):
        return 1
    try:
        return store.incr(name) or 0  # None from a Redis that does not answer
    except ValueError:
        return 0


def client_address(request: HttpRequest) -> str:
    """Return the caller's address; ``X-Forwarded-For`` counts only from a proxy of MCP_TRUSTED_PROXIES."""
    address = str(request.META.get("REMOTE_ADDR") or "")
    forwarded = [
        part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()
    ]
    while forwarded and _is_trusted(address):
        address = forwarded.pop()
    return address


def _is_trusted(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in settings.TRUSTED_PROXIES)
