"""The OpenAPI description at ``/api/schema/`` and the page that shows it at ``/api/docs/``."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Bearer tokens in the description."""

    target_class = "mcp_site.accounts.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """Return the security scheme."""
        return {"type": "http", "scheme": "bearer", "description": "A token from POST /api/v1/auth/token."}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The session of the pages in the description."""

    target_class = "mcp_site.accounts.authentication.ApiSessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """Return the security scheme."""
        text = "The session of the pages; a write also sends the CSRF token as X-CSRFToken."
        return {"type": "apiKey", "in": "cookie", "name": "sessionid", "description": text}


def without_optional_slash(endpoints: list[Any]) -> list[Any]:
    """Return the endpoints with paths as people call them, where the slash at the end is optional."""
    return [
        (path.rstrip("/") if regex.rstrip("$").endswith("/?") else path, regex, method, view)
        for path, regex, method, view in endpoints
    ]


class SchemaView(SpectacularAPIView):
    """The description, as JSON or YAML."""


class DocsView(SpectacularSwaggerSplitView):
    """The description as a page; its script is a file of its own and its style carries the CSP nonce."""

    template_name = "api_docs.html"
