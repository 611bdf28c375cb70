"""An embedding server that is away costs meaning, not words: questions go on, documents are tried again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone, translation

from rag import embedding
from rag.ask import AskRequest, answer
from rag.embedders.openai import OpenAIEmbedder
from rag.ingest import queue
from rag.ingest.pipeline import Pipeline
from rag.models import Document, DocumentStatus
from tests.factories import BALANCING, InProcessParser, make_user, queue_document
from tests.openai_server import OpenAIServer, Status

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    """Run an embedding server and configure MCP to embed with it."""
    with OpenAIServer() as running:
        embedder = OpenAIEmbedder(api_key="sk-x", model="embed-1", base_url=running.base_url, timeout=5)
        monkeypatch.setattr(embedding, "configured_embedder", lambda: embedder)
        yield running


def pipeline() -> Pipeline:
    def embedder() -> Any:
        return embedding.active_embedder()

    return Pipeline(parser=InProcessParser(), embedder=embedder, worker="test:1")


def test_a_document_waits_for_the_server_and_is_completed_later(server: OpenAIServer) -> None:
    document = queue_document(make_user(is_superuser=True), BALANCING)
    steps = pipeline()
    steps.read_next()

    server.script(Status(500))
    steps.embed_next()
    document.refresh_from_db()
    assert (document.status, document.claimed_by) == (DocumentStatus.PROCESSING, "postponed")
    assert not steps.embed_next()

    Document.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    while steps.embed_next():
        continue
    document.refresh_from_db()
    assert document.status == DocumentStatus.READY


def test_a_server_that_stays_away_is_named_and_words_still_find_the_document(server: OpenAIServer) -> None:
    user = make_user(is_superuser=True)
    document = queue_document(user, BALANCING)
    steps = pipeline()
    steps.read_next()

    for _ in range(queue.MAX_ATTEMPTS):
        server.script(Status(500))
        steps.embed_next()
        Document.objects.filter(claimed_by="postponed").update(
            claimed_until=timezone.now() - timedelta(days=1)
        )

    document.refresh_from_db()
    assert (document.status, document.error_code) == (DocumentStatus.FAILED, "embedding")
    assert "127.0.0.1" in document.error_message
    with translation.override("fr"):
        assert "Ses vecteurs" in document.error_message
    server.script(Status(500))
    result = answer(AskRequest(user, "How do I balance a channel?")).result
    assert result["notice"] == "lexical_only"
    assert result["passages"][0]["title"] == "Balancing a channel"


def test_the_first_document_of_all_waits_for_the_server(server: OpenAIServer) -> None:
    document = queue_document(make_user(is_superuser=True), BALANCING)
    steps = pipeline()

    server.script(Status(500))
    steps.read_next()
    document.refresh_from_db()
    assert (document.status, document.claimed_by) == (DocumentStatus.PROCESSING, "postponed")

    Document.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    queue.requeue_expired()
    while steps.read_next() or steps.embed_next():
        continue
    document.refresh_from_db()
    assert document.status == DocumentStatus.READY
