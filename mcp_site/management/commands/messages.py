"""``manage.py messages``: bring the translation files up to date, or check that nothing is missing."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from babel.messages.catalog import Catalog
from django.conf import settings
from django.core.management.base import BaseCommand

from mcp_site import extraction

SOURCE_LANGUAGE = "en"


class Command(BaseCommand):
    """Extract, merge and check translations."""

    help = "Bring locale/*/LC_MESSAGES/django.po up to date; with --check, only say what is missing."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add ``--check``."""
        parser.add_argument(
            "--check", action="store_true", help="change nothing; exit 1 if anything is missing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run for every language but the source language."""
        template = extraction.extract(settings.BASE_DIR)
        complete = True
        for language, _name in settings.LANGUAGES:
            if language != SOURCE_LANGUAGE:
                complete &= self._language(template, language, only_check=options["check"])
        if options["check"] and not complete:
            sys.exit(1)

    def _language(self, template: Catalog, language: str, *, only_check: bool) -> bool:
        path = settings.LOCALE_SOURCE / language / "LC_MESSAGES" / "django.po"
        if only_check:
            catalogue = extraction.read_translation(path, language)
        else:
            catalogue = extraction.update_translation(template, path, language)
        problems = extraction.problems(template, catalogue)
        for problem in problems:
            self.stderr.write(f"{language}: {problem}")
        if not only_check:
            self.stdout.write(f"{path.relative_to(settings.BASE_DIR)}: {len(problems)} to do")
        return not problems
