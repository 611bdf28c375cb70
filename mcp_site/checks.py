"""System checks: insecure or contradictory configuration is said at start; what must not run stops it."""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register


def is_loopback(host: str) -> bool:
    """Return whether an address or name can only be reached from this machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def is_private(host: str) -> bool:
    """Return whether a host is this machine, a private address, or a name without a public suffix."""
    try:
        return not ipaddress.ip_address(host.strip("[]")).is_global
    except ValueError:
        return "." not in host or host.rsplit(".", 1)[-1] in ("local", "lan", "internal", "home", "localhost")


@register(Tags.security)
def check_exposure(**_kwargs: Any) -> list[CheckMessage]:
    """Warn of passwords over plain HTTP; refuse error pages with source code on a network."""
    if is_loopback(settings.HOST):
        return []
    messages: list[CheckMessage] = []
    if not settings.HTTPS:
        text = (
            "HOST is no loopback address and MCP_URL is not https: passwords cross the network in the clear."
        )
        hint = "Put a TLS proxy in front and set MCP_URL=https://…, or keep HOST=127.0.0.1."
        messages.append(Warning(text, hint=hint, id="mcp.W001"))
    if settings.DEBUG:
        messages.append(
            Error("DEBUG shows source code and settings; it needs HOST=127.0.0.1.", id="mcp.E001")
        )
    return messages


@register(Tags.security)
def check_public_url(**_kwargs: Any) -> list[CheckMessage]:
    """Warn where the address that users type is plain HTTP on another machine."""
    url = settings.PUBLIC_URL
    if not url or settings.HTTPS or is_loopback(urlsplit(url).hostname or ""):
        return []
    return [Warning("MCP_URL is plain http: cookies and passwords are not protected.", id="mcp.W002")]


@register(Tags.security)
def check_openai(**_kwargs: Any) -> list[CheckMessage]:
    """Warn where questions and a key would cross the internet unencrypted."""
    url = urlsplit(settings.OPENAI_BASE_URL)
    if url.scheme != "http" or is_private(url.hostname or ""):
        return []
    text = (
        "OPENAI_BASE_URL is plain http to a public host: the key and every question can be read on the way."
    )
    return [Warning(text, hint="Use https.", id="mcp.W003")]


@register(Tags.security)
def check_admin_password(**_kwargs: Any) -> list[CheckMessage]:
    """Warn of a first admin's password that is short enough to guess."""
    if not settings.ADMIN_PASSWORD or len(settings.ADMIN_PASSWORD) >= 10:
        return []
    return [Warning("MCP_ADMIN_PASSWORD has fewer than 10 characters.", id="mcp.W004")]
