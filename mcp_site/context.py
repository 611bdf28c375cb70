"""What every template knows about the site."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, Any]:
    """Return the variables of every page: product name, version, languages and whether demo data is on."""
    return {
        "site": {
            "name": "MCP",
            "version": settings.VERSION,
            "languages": settings.LANGUAGES,
            "language": getattr(request, "LANGUAGE_CODE", settings.LANGUAGE_CODE),
            "demo": settings.DEMO,
        }
    }
