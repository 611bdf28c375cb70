"""Counting attempts: whose, in which window, and with the cache away."""

from __future__ import annotations

import ipaddress
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.test import RequestFactory

from mcp_site import limiter
from mcp_site.limiter import Limit, client_address


def limit(count: int = 2, now: float = 0.0) -> Limit:
    return Limit("test", count, 60, clock=lambda: now)


def test_attempts_beyond_the_limit_wait_until_the_next_window() -> None:
    waits = [limit(now=10.0).take("alice") for _ in range(4)]

    assert waits == [0.0, 0.0, 50.0, 50.0]
    assert limit(now=60.0).take("alice") == 0.0


def test_each_key_has_its_own_count_and_parts_do_not_run_together() -> None:
    one = limit(count=1)

    assert [one.take("a", "bc"), one.take("ab", "c"), one.take("abc")] == [0.0, 0.0, 0.0]


def test_a_forgotten_key_starts_again() -> None:
    one = limit(count=1)
    one.take("alice")
    one.forget("alice")

    assert one.take("alice") == 0.0


def test_many_at_once_are_counted_one_by_one() -> None:
    one = limit(count=10)

    with ThreadPoolExecutor(20) as pool:
        waits = list(pool.map(lambda _number: one.take("alice"), range(60)))

    assert waits.count(0.0) == 10


class Away(BaseCache):
    """A cache as django-redis shows one that does not answer: every call returns nothing."""

    def __init__(self) -> None:
        super().__init__({})

    def add(self, *args: Any, **kwargs: Any) -> Any:
        return None

    def incr(self, *args: Any, **kwargs: Any) -> Any:
        return None

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        return None


def test_attempts_are_counted_while_redis_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiter, "cache", Away())

    waits = [limit(now=10.0).take("alice") for _ in range(3)]
    limit(now=10.0).forget("alice")

    assert waits == [0.0, 0.0, 50.0]
    assert limit(now=10.0).take("alice") == 0.0


def test_the_memory_of_the_process_is_used_only_then() -> None:
    limit().take("alice")

    assert caches["local"].get(limit()._key(0, ("alice",))) is None


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "nonsense", "nonsense"),
    ],
)
def test_only_trusted_proxies_say_who_calls(settings: Any, peer: str, forwarded: str, address: str) -> None:
    settings.TRUSTED_PROXIES = (ipaddress.ip_network("10.0.0.0/8"),)
    request = RequestFactory().get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded)

    assert client_address(request) == address
