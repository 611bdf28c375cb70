"""``manage.py reindex``: move the library to the embedding model that the settings ask for."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from rag.embedding import active_model, configured_embedder
from rag.reindex import move_to, unembedded


class Command(BaseCommand):
    help = "Compute the vectors of the configured model while the old index answers, then switch."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="only say what would be done")

    def handle(self, *args: Any, **options: Any) -> None:
        embedder, old = configured_embedder(), active_model()
        missing = len(unembedded(embedder))
        self.stdout.write(f"model {old or '(none)'} -> {embedder.model_id}: {missing} texts to embed")
        if options["check"]:
            return
        done = move_to(embedder, progress=lambda left: self.stdout.write(f"{left} left"))
        self.stdout.write(f"{done} texts embedded; {embedder.model_id} answers now")
