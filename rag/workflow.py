"""The Python interface: ``from rag import RAGWorkflow`` in a script or a notebook."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asgiref.sync import sync_to_async


@dataclass(frozen=True, slots=True)
class Response:
    """An answer; ``str(response)`` is its text, ``raw`` all that the HTTP API gives."""

    answer: str
    answerable: bool
    confidence: float
    citations: list[dict[str, Any]]
    mode: str
    conversation: str
    raw: dict[str, Any]

    def __str__(self) -> str:
        return self.answer


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What became of the documents of a path; ``failed`` maps file names to reasons."""

    ready: int
    failed: dict[str, str]


class RAGWorkflow:
    """Takes documents in and answers questions, with the same library as the web pages.

    ``username`` is who acts (default: the first administrator). Outside of ``manage.py`` it prepares Django and
    the database by itself.
    """

    def __init__(self, *, username: str = "", collection: str = "") -> None:
        _prepare()
        self._username, self._collection, self._conversation = username, collection, ""

    async def ingest_documents(self, path: str | Path) -> IngestReport:
        """Return once every document beneath ``path`` answers or has failed."""
        return await sync_to_async(self._ingest, thread_sensitive=False)(str(path))

    async def query(self, question: str, *, top_k: int | None = None, follow_up: bool = False) -> Response:
        """Return the answer; ``follow_up`` understands the question from the ones before it."""
        return await sync_to_async(self._query, thread_sensitive=False)(question, top_k, follow_up)

    def _ingest(self, path: str) -> IngestReport:
        from rag.cli import acting_user, collection_for
        from rag.folders import submit_folder
        from rag.ingest.repair import repair
        from rag.ingest.runner import finish, open_pipeline
        from rag.models import DocumentStatus

        repair()
        report = submit_folder(
            user=acting_user(self._username), paths=[path], collection=collection_for(self._collection)
        )
        with open_pipeline() as pipeline:
            rows = finish(pipeline, report.documents)
        failed = {row.filename: row.error_message for row in rows if row.status == DocumentStatus.FAILED}
        failed |= {name.name: reason for name, reason in report.refused}
        return IngestReport(sum(row.status == DocumentStatus.READY for row in rows), failed)

    def _query(self, question: str, top_k: int | None, follow_up: bool) -> Response:
        from rag.ask import AskRequest, answer
        from rag.cli import acting_user
        from rag.permissions import collection_named
        from rag.selectors import conversation_get

        user = acting_user(self._username)
        collection = collection_named(user, self._collection) if self._collection else None
        earlier = conversation_get(user, self._conversation) if follow_up and self._conversation else None
        asked = AskRequest(user, question, collection=collection, top_k=top_k, conversation=earlier)
        raw = answer(asked).result
        self._conversation = raw["conversation"]
        return Response(
            answer=raw["answer"],
            answerable=raw["answerable"],
            confidence=raw["confidence"],
            citations=raw["citations"],
            mode=raw["mode"],
            conversation=raw["conversation"],
            raw=raw,
        )


def _prepare() -> None:
    """Set Django up and the tables, where a script has not done so."""
    import django
    from django.apps import apps

    if apps.ready:
        return
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mcp_site.settings")
    os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # the constructor may run inside an event loop
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)
