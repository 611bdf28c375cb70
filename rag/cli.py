"""What the commands and the Python interface share: who acts, which files a path names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError

from rag.ingest.parsers import SUFFIXES
from rag.models import Collection


class UsageError(CommandError):
    """A call that cannot work as it stands: exit code 2."""

    def __init__(self, message: str) -> None:
        super().__init__(message, returncode=2)


def acting_user(username: str = "") -> Any:
    """Return the named user, else the first administrator, else a user without a password made for scripts."""
    model: Any = get_user_model()
    users = model.objects
    if username:
        user = users.filter(username=username).first()
        if user is None:
            raise UsageError(f"--user: there is no user {username!r}")
        return user
    admin = users.filter(is_superuser=True, is_active=True).order_by("date_joined").first()
    if admin is not None:
        return admin
    script, created = users.get_or_create(
        username="script", defaults={"is_staff": True, "is_superuser": True}
    )
    if created:
        script.set_unusable_password()
        script.save(update_fields=["password"])
    return script


def collection_for(name: str) -> Collection | None:
    """Return the collection of this name, made readable by administrators only if it is new; None for ""."""
    return Collection.objects.get_or_create(name=name)[0] if name else None


def files_beneath(paths: Iterable[str]) -> Iterator[Path]:
    """Yield the readable documents of files and folders, in order; raises ``UsageError`` for a missing path."""
    for name in paths:
        path = Path(name).resolve()
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.is_file() and p.suffix.lower() in SUFFIXES)
        elif path.is_file():
            yield path
        else:
            raise UsageError(f"{name}: no such file or folder")
