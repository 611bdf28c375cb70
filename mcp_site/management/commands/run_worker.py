"""``manage.py run_worker``: takes documents in and does what else is due in the background."""

from __future__ import annotations

import os
import signal
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from mcp_site import worker
from mcp_site.serving import lifeline

GRACE_SECONDS = 3.0
NICENESS = 10
"""Taking documents in can fill every core; whoever asks a question meanwhile goes first."""


class Command(BaseCommand):
    """Run the background tasks."""

    help = "Run the background tasks until Ctrl-C or SIGTERM; with --once, do what is due and end."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add ``--once``."""
        parser.add_argument("--once", action="store_true", help="do everything that is due, then end")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run; with ``--once`` the exit code is 1 if a task failed."""
        lifeline.watch()
        background = worker.Worker(worker.registered())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: background.stop())
        os.nice(NICENESS)
        if options["once"]:
            sys.exit(0 if background.run_once() else 1)
        worker.note_alive()
        if not background.run(grace_seconds=GRACE_SECONDS):
            # A step is still running; rows say how far it came, so it is abandoned rather than waited for.
            os._exit(0)
