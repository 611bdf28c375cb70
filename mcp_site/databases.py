"""SQLite or MongoDB from ``DATABASE_URL``: engine, key field, migration modules."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from mcp_site.env import EnvError

MONGO_SCHEMES = ("mongodb", "mongodb+srv")
SQLITE_INIT = "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA cache_size=-32000;"


def is_mongo(url: str) -> bool:
    """Return whether the URL names a MongoDB."""
    return url.split(":", 1)[0] in MONGO_SCHEMES


def database(url: str, data_dir: Path) -> dict[str, Any]:
    """Return the entry of ``DATABASES`` for a URL; "" means SQLite in the data folder."""
    if is_mongo(url):
        name = urlsplit(url).path.strip("/") or "mcp"
        return {"ENGINE": "django_mongodb_backend", "HOST": url, "NAME": name}
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": _sqlite_path(url) if url else data_dir / "mcp.sqlite3",
        # Immediate transactions: a writer waits for its turn at BEGIN instead of failing in the middle.
        "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE", "init_command": SQLITE_INIT},
    }


def _sqlite_path(url: str) -> Path:
    parts = urlsplit(url)
    path = unquote(parts.path)[1:]
    if parts.netloc or not path:
        raise EnvError("DATABASE_URL: expected sqlite:///relative/path or sqlite:////absolute/path")
    return Path(path)


def auto_field(url: str) -> str:
    """Return the automatic key of models that are not ours; ours have explicit UUID keys."""
    if is_mongo(url):
        return "django_mongodb_backend.fields.ObjectIdAutoField"
    return "django.db.models.BigAutoField"


def migration_modules(url: str) -> dict[str, str]:
    """Return where the migrations of Django's own apps with integer keys live on MongoDB."""
    if not is_mongo(url):
        return {}
    return {app: f"mcp_site.mongo_migrations.{app}" for app in ("admin", "auth", "contenttypes")}
