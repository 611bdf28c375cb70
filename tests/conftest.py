"""Everything the tests need before Django loads: a data folder of their own, no outside services, fast hashing.

The suite runs on SQLite unless ``DATABASE_URL`` and ``REDIS_URL`` are set, as ``tests/matrix.py`` does for the second
half of ``make test``.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from django.conf import settings

if settings.configured:
    raise pytest.UsageError("Django was loaded before tests/conftest.py: unset DJANGO_SETTINGS_MODULE")

# A time limit in a test would measure the machine.
hypothesis.settings.register_profile(
    "mcp", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("mcp")

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
DATA_DIR = Path(tempfile.mkdtemp(prefix="mcp-tests-"))

# Set, not set by default: neither the shell nor a .env file of the developer may change what the tests see.
os.environ |= {
    "DJANGO_SETTINGS_MODULE": "mcp_site.settings",
    "MCP_DATA_DIR": str(DATA_DIR),
    "MCP_DEMO": "0",
    "HOST": "127.0.0.1",
    "PORT": "8000",
    "LOG_LEVEL": "WARNING",
    "DATABASE_URL": os.environ.get("DATABASE_URL", ""),
    "REDIS_URL": os.environ.get("REDIS_URL", ""),
    **dict.fromkeys(
        (
            "ALLOWED_HOSTS",
            "DEBUG",
            "LOG_FORMAT",
            "MCP_ADMIN_PASSWORD",
            "MCP_TRUSTED_PROXIES",
            "MCP_URL",
            "MCP_WEBHOOK_ALLOW",
            "OPENAI_API_KEY",
            "OPENAI_BASE_URL",
            "OPENAI_EMBEDDING_MODEL",
            "OPENAI_MODEL",
            "SECRET_KEY",
        ),
        "",
    ),
}
if WORKER and os.environ["REDIS_URL"]:
    # One numbered Redis database per process, as pytest-django makes one database per process.
    os.environ["REDIS_URL"] += f"/{int(WORKER.removeprefix('gw')) + 1}"


def _speed_up() -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    if not settings.MONGO:
        # A file behaves as in production; SQLite's shared memory refuses a second thread instead of waiting.
        settings.DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "tests.sqlite3")}
    static = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": static}


def _empty_collections(_case: object) -> None:
    """Empty the MongoDB between tests; what migrations put there (permissions, content types) is kept.

    There are no transactions to roll back, and Django's own flush makes every permission anew, test after test.
    """
    from django.db import connection

    kept = {"django_migrations", "django_content_type", "auth_permission"}
    database = connection.database  # type: ignore[attr-defined]
    for name in set(database.list_collection_names()) - kept:
        database[name].delete_many({})


_speed_up()


@pytest.hookimpl(trylast=True)
def pytest_configure() -> None:
    """Choose how the database is emptied between tests, and keep this process's settings to itself."""
    from django.test import TransactionTestCase

    # Parallel test processes inherit the environment; with this name in it they would load Django before they
    # have a data folder and a cache of their own.
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)
    if settings.MONGO:
        TransactionTestCase._fixture_teardown = _empty_collections  # type: ignore[attr-defined]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: Any, log: Any) -> Any:
    """Keep a file in one process, and all browser tests in one: they share a running site that is slow to start."""
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

    class ByFile(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.split("::", 1)[0]
            return "tests/e2e" if path.startswith("tests/e2e/") else path

    return ByFile(config, log)


def pytest_report_header() -> str:
    """Say which database and cache the results are from."""
    database = "MongoDB" if settings.MONGO else "SQLite"
    return f"database: {database}, cache: {'Redis' if settings.REDIS_URL else 'memory'}"


def pytest_unconfigure() -> None:
    """Remove the data folder of this run."""
    shutil.rmtree(DATA_DIR, ignore_errors=True)


@pytest.fixture(autouse=True)
def _clean_state() -> Iterator[None]:
    """Leave no language and no cached value to the next test."""
    from django.core.cache import caches
    from django.utils import translation

    translation.deactivate()
    yield
    for alias in settings.CACHES:
        caches[alias].clear()
    translation.deactivate()
