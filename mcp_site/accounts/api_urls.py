from __future__ import annotations

from django.urls import path

from mcp_site.accounts import api

urlpatterns = [
    path("token", api.TokenCreateView.as_view(), name="api_token"),
    path("tokens", api.TokenListView.as_view(), name="api_tokens"),
    path("tokens/<uuid:pk>", api.TokenDetailView.as_view(), name="api_token_detail"),
]
