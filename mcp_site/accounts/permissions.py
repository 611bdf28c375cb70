"""What a caller may do: logged in, and within the scope of the token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _
from rest_framework.permissions import SAFE_METHODS, BasePermission

from mcp_site.accounts.models import ApiToken, TokenScope
from mcp_site.accounts.tokens import includes

if TYPE_CHECKING:  # the API framework imports this module while it loads its own views
    from rest_framework.request import Request
    from rest_framework.views import APIView


def needed_scope(request: Request, view: APIView) -> str:
    """Return the scope of a call: the view's ``required_scope`` (one, or per method), else by method."""
    declared: str | Mapping[str, str] | None = getattr(view, "required_scope", None)
    if isinstance(declared, Mapping):
        declared = declared.get(request.method or "")
    if declared:
        return declared
    return TokenScope.READ.value if request.method in SAFE_METHODS else TokenScope.WRITE.value


class ScopedAccess(BasePermission):
    """Logged in; a token also needs the scope of the call. Sessions have every scope of their user."""

    message = _("The token's scope does not cover this call.")

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Return whether the call may go on."""
        if not request.user.is_authenticated:
            return False
        token = request.auth
        return not isinstance(token, ApiToken) or includes(token.scope, needed_scope(request, view))
