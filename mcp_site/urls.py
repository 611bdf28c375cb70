"""Every path of the site; errors under /api/ are problem documents."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.templatetags.static import static
from django.urls import include, path

from mcp_site.health import HealthView
from mcp_site.schema import DocsView, SchemaView


def favicon(request: HttpRequest) -> HttpResponse:
    """Lead browsers to our mark on pages that name none, such as the admin's."""
    return redirect(static("img/mark.svg"))


urlpatterns = [
    path("", include("rag.urls")),
    path("", include("mcp_site.accounts.urls")),
    path("favicon.ico", favicon, name="favicon"),
    path("health", HealthView.as_view(), name="health"),
    path("admin/", admin.site.urls),
    path("api/v1/auth/", include("mcp_site.accounts.api_urls")),
    path("api/v1/rag/", include("rag.api_urls")),
    path("api/schema/", SchemaView.as_view(), name="schema"),
    path("api/docs/", DocsView.as_view(), name="api_docs"),
]
handler400 = "mcp_site.problems.bad_request"
handler403 = "mcp_site.problems.forbidden"
handler404 = "mcp_site.problems.not_found"
handler500 = "mcp_site.problems.server_error"
