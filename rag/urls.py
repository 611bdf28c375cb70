"""Paths of the pages."""

from __future__ import annotations

from django.urls import path

from rag import document_views as documents
from rag import views

urlpatterns = [
    path("", views.ask_page, name="ask"),
    path("conversations/<uuid:pk>/", views.conversation_page, name="conversation"),
    path("conversations/<uuid:pk>/delete/", views.conversation_delete, name="conversation_delete"),
    path("questions/<uuid:pk>/", views.question_page, name="question"),
    path("questions/<uuid:pk>/feedback/", views.question_feedback, name="question_feedback"),
    path("history/", views.history_page, name="history"),
    path("history/delete/", views.history_delete, name="history_delete"),
    path("documents/", documents.documents_page, name="documents"),
    path("documents/progress/", documents.documents_progress, name="documents_progress"),
    path("documents/upload/", documents.document_upload, name="document_upload"),
    path("documents/text/", documents.document_text, name="document_text"),
    path("documents/url/", documents.document_url, name="document_url"),
    path("documents/<uuid:pk>/", documents.document_page, name="document"),
    path("documents/<uuid:pk>/replace/", documents.document_replace, name="document_replace"),
    path("documents/<uuid:pk>/retry/", documents.document_retry, name="document_retry"),
    path("documents/<uuid:pk>/delete/", documents.document_delete, name="document_delete"),
]
