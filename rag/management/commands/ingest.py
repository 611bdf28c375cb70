"""``manage.py ingest PATH…``: take files and folders in and wait until they answer."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from rag.cli import acting_user, collection_for
from rag.folders import submit_folder
from rag.ingest.repair import repair
from rag.ingest.runner import finish, open_pipeline
from rag.models import Document, DocumentStatus


class Command(BaseCommand):
    help = (
        "Take documents in (md, txt, html, pdf, docx). A changed file becomes a new version of its document."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", metavar="PATH", help="file or folder")
        parser.add_argument("--collection", default="", help="name of the collection (made if need be)")
        parser.add_argument("--prune", action="store_true", help="delete documents whose files are gone")
        parser.add_argument("--user", default="", help="who adds them (default: the first administrator)")
        parser.add_argument("--queue", action="store_true", help="leave the reading to the worker")

    def handle(self, *args: Any, **options: Any) -> None:
        report = submit_folder(
            user=acting_user(options["user"]),
            paths=options["paths"],
            collection=collection_for(options["collection"]),
            prune=options["prune"],
        )
        for path, reason in report.refused:
            self.stderr.write(f"refused {path}: {reason}")
        self.stdout.write(
            f"{report.added} new, {report.unchanged_or_updated} known, {report.pruned} pruned,"
            f" {len(report.refused)} refused"
        )
        if not options["queue"]:
            self._work(report.documents)
        if report.refused:
            raise CommandError(f"{len(report.refused)} files were refused")

    def _work(self, documents: list[Document]) -> None:
        repair()
        with open_pipeline() as pipeline:
            rows = finish(pipeline, documents)
        failed = [row for row in rows if row.status == DocumentStatus.FAILED]
        for row in failed:
            self.stderr.write(f"failed {row.filename}: {row.error_message}")
        ready = [row for row in rows if row.status == DocumentStatus.READY]
        self.stdout.write(
            f"{len(ready)} ready, {sum(row.chunk_count for row in ready)} chunks, {len(failed)} failed"
        )
        if failed:
            raise CommandError(f"{len(failed)} documents failed")
