"""``manage.py ask "…"``: the answering pipeline in a terminal."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from rag.ask import AskRequest, Done, Token, ask
from rag.cli import UsageError, acting_user
from rag.errors import RagError
from rag.permissions import collection_named


class Command(BaseCommand):
    help = "Ask a question; the answer comes with its citations."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("question")
        parser.add_argument("--collection", default="")
        parser.add_argument("--top-k", type=int, default=None)
        parser.add_argument("--user", default="", help="who asks (default: the first administrator)")
        parser.add_argument("--json", action="store_true", help="print the whole answer as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        user = acting_user(options["user"])
        try:
            collection = collection_named(user, options["collection"]) if options["collection"] else None
            request = AskRequest(user, options["question"], collection=collection, top_k=options["top_k"])
            for event in ask(request):
                if isinstance(event, Token) and not options["json"]:
                    self.stdout.write(event.text, ending="")
                elif isinstance(event, Done):
                    self._finish(event.question.result, as_json=options["json"])
        except RagError as error:
            raise UsageError(
                f"{error.field}: {error.message}" if error.field else str(error.message)
            ) from error

    def _finish(self, result: dict[str, Any], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(result, ensure_ascii=False, indent=2))
            return
        self.stdout.write("\n")
        for each in result["citations"]:
            page = f", p. {each['page']}" if each["page"] else ""
            self.stdout.write(f"[{each['n']}] {each['title']}{page} ({each['start']}-{each['end']})")
        for each in result["nearest"]:
            self.stdout.write(f" -  {each['title']} › {each['heading']}")
