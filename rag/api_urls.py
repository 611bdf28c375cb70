"""Paths beneath ``/api/v1/rag/``; a trailing slash is optional."""

from __future__ import annotations

from django.urls import re_path

from rag import api

_ID = r"(?P<pk>[0-9a-fA-F-]{32,36})"

urlpatterns = [
    re_path(r"^documents/?$", api.DocumentsView.as_view(), name="api_documents"),
    re_path(rf"^documents/{_ID}/?$", api.DocumentView.as_view(), name="api_document"),
    re_path(rf"^documents/{_ID}/text/?$", api.DocumentTextView.as_view(), name="api_document_text"),
    re_path(rf"^documents/{_ID}/retry/?$", api.DocumentRetryView.as_view(), name="api_document_retry"),
    re_path(r"^search/?$", api.SearchView.as_view(), name="api_search"),
    re_path(r"^query/?$", api.QueryView.as_view(), name="api_query"),
    re_path(rf"^queries/{_ID}/feedback/?$", api.FeedbackView.as_view(), name="api_feedback"),
    re_path(r"^collections/?$", api.CollectionsView.as_view(), name="api_collections"),
]
