"""Starter data: each app registers a set; each set is loaded once in the life of a database."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from django.utils import timezone

from mcp_site.models import StarterSet

log = structlog.get_logger("mcp.starter")
_sets: dict[str, Callable[[], None]] = {}


def register(name: str, load: Callable[[], None]) -> None:
    """Offer a set. ``load`` may run again after a crash in its middle, so it recognises what is there."""
    _sets[name] = load


def load_all() -> list[str]:
    """Load the sets that this database never had; return their names. What a user deleted stays deleted."""
    known = set(StarterSet.objects.values_list("name", flat=True))
    fresh = [name for name in _sets if name not in known]
    for name in fresh:
        _sets[name]()
        StarterSet.objects.get_or_create(name=name, defaults={"loaded_at": _now()})
        log.info("starter_set_loaded", name=name)
    return fresh


def _now() -> object:
    now = timezone.now()
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
