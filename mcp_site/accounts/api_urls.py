"""Paths beneath ``/api/v1/auth/``; a trailing slash is optional."""

from __future__ import annotations

from django.urls import re_path

from mcp_site.accounts import api

urlpatterns = [
    re_path(r"^token/?$", api.TokenCreateView.as_view(), name="api_token"),
    re_path(r"^tokens/?$", api.TokenListView.as_view(), name="api_tokens"),
    re_path(
        r"^tokens/(?P<pk>[0-9a-fA-F-]{32,36})/?$", api.TokenDetailView.as_view(), name="api_token_detail"
    ),
]
