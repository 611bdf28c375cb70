"""Who calls the API: a bearer token, or the session of the pages with its CSRF token."""

from __future__ import annotations

import structlog
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request

from mcp_site.accounts.models import ApiToken, User
from mcp_site.accounts.tokens import find_token


class BearerAuthentication(BaseAuthentication):
    """``Authorization: Bearer TOKEN``; ``request.auth`` is then the token."""

    challenge = 'Bearer realm="mcp"'

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """Return user and token, None without a bearer header; raises 401 for a token that opens nothing."""
        scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = find_token(secret.strip())
        if token is None:
            raise exceptions.AuthenticationFailed(
                _("The token is unknown, expired or revoked."), "invalid_token"
            )
        structlog.contextvars.bind_contextvars(user=str(token.user_id))
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401 answer."""
        return self.challenge


class ApiSessionAuthentication(SessionAuthentication):
    """The session of the pages; a write needs the CSRF token."""

    def enforce_csrf(self, request: Request) -> None:
        """Raise 403 in the caller's language where the CSRF token is missing or wrong."""
        try:
            super().enforce_csrf(request)
        except exceptions.PermissionDenied as error:
            raise exceptions.PermissionDenied(
                _("The CSRF token is missing or wrong."), "csrf_failed"
            ) from error
