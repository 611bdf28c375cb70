"""``GET /health``: alive, for anyone; which form of each part is running and why, for staff."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import structlog
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from mcp_site.worker import seconds_since_alive

WORKER_SILENT_SECONDS = 30.0
log = structlog.get_logger("mcp.health")


@dataclass(frozen=True, slots=True)
class Part:
    """State of one part: whether it works, which form runs ("SQLite"), and why that form."""

    ok: bool
    form: str
    why: str = ""


_parts: dict[str, Callable[[], Part]] = {}


def register(name: str, check: Callable[[], Part]) -> None:
    """Add a part to the details; ``check`` is quick, and an exception counts as "does not work"."""
    _parts[name] = check


def parts() -> dict[str, Part]:
    """Return the state of every part."""
    return {name: _checked(name, check) for name, check in _parts.items()}


def _checked(name: str, check: Callable[[], Part]) -> Part:
    try:
        return check()
    except Exception as error:
        log.warning("health_check_failed", part=name, exc_info=error)
        return Part(ok=False, form="", why=type(error).__name__)


def _database() -> Part:
    connection.ensure_connection()
    if settings.MONGO:
        connection.database.command("ping")  # type: ignore[attr-defined]  # the MongoDB wrapper's
        return Part(True, "MongoDB", "DATABASE_URL")
    with connection.cursor() as cursor:
        cursor.execute("SELECT sqlite_version()")
        version = cursor.fetchone()[0]
    return Part(True, f"SQLite {version}", "DATABASE_URL" if settings.DATABASE_URL else "default")


def _cache() -> Part:
    cache.set("health", "1", 10)
    form, why = ("Redis", "REDIS_URL") if settings.REDIS_URL else ("memory of this process", "default")
    return Part(cache.get("health") == "1", form, why)


def _worker() -> Part:
    age = seconds_since_alive()
    if age is None:
        return Part(False, "", "no worker has run with this data folder")
    return Part(age < WORKER_SILENT_SECONDS, "process", f"last sign of life {age:.0f} s ago")


register("database", _database)
register("cache", _cache)
register("worker", _worker)


class HealthView(APIView):
    """Liveness for anyone, details for staff."""

    permission_classes = (AllowAny,)

    @extend_schema(
        summary="Is MCP alive?",
        auth=[],
        responses=inline_serializer(
            "Health",
            {
                "status": serializers.ChoiceField(["ok", "degraded"]),
                "version": serializers.CharField(required=False),
                "parts": serializers.DictField(child=serializers.DictField(), required=False),
            },
        ),
    )
    def get(self, request: Request) -> Response:
        if not getattr(request.user, "is_staff", False):
            return Response({"status": "ok"})
        states = parts()
        status = "ok" if all(part.ok for part in states.values()) else "degraded"
        details = {name: asdict(part) for name, part in states.items()}
        return Response({"status": status, "version": settings.VERSION, "parts": details})
