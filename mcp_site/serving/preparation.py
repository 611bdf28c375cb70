"""What has to be there before MCP serves: tables, static files, an admin, the starter data. Safe to repeat."""

from __future__ import annotations

import hashlib
import json
import secrets

import structlog
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import IntegrityError

from mcp_site import starter
from mcp_site.accounts.models import User

log = structlog.get_logger("mcp.preparation")
ADMIN = "admin"
# Pages of libraries that MCP does not show; to compress them took most of a first start.
UNUSED_STATIC = ("redoc", "rest_framework")


def prepare_database() -> None:
    """Apply the migrations that are missing."""
    call_command("migrate", interactive=False, verbosity=0)


def prepare_static() -> bool:
    """Collect the static files if any of them changed; return whether it did."""
    stamp, current = settings.DATA_DIR / "static.stamp", _static_fingerprint()
    if stamp.is_file() and stamp.read_text(encoding="ascii") == current:
        return False
    call_command("collectstatic", interactive=False, verbosity=0, ignore_patterns=list(UNUSED_STATIC))
    stamp.write_text(current, encoding="ascii")
    return True


def _static_fingerprint() -> str:
    files = []
    for finder in get_finders():
        for name, storage in finder.list(list(UNUSED_STATIC)):
            status = (storage.path(name), storage.size(name), str(storage.get_modified_time(name)))
            files.append(status)
    return hashlib.sha256(json.dumps(sorted(files)).encode()).hexdigest()


def prepare_admin() -> str | None:
    """Create the first admin if there is none; return the password if it had to be generated."""
    if User.objects.filter(is_superuser=True).exists() or User.objects.filter(username=ADMIN).exists():
        return None
    password = settings.ADMIN_PASSWORD or secrets.token_urlsafe(12)
    try:
        User.objects.create_superuser(username=ADMIN, password=password)
    except IntegrityError:  # another process was quicker
        return None
    log.info("first_admin_created", user=ADMIN)
    return None if settings.ADMIN_PASSWORD else password


def prepare_starter() -> None:
    """Load the starter data that this database never had, unless MCP_DEMO=0."""
    if settings.DEMO:
        starter.load_all()
