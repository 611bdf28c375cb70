"""``manage.py run_web``: the web server alone, for installations that run it as a process of its own."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from mcp_site.serving import lifeline


class Command(BaseCommand):
    """Serve HTTP."""

    help = "Run the web server on HOST and PORT."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add ``--fd``."""
        parser.add_argument("--fd", type=int, help="serve on this inherited listening socket instead")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or SIGINT."""
        lifeline.watch()
        # Imported here: the Twisted reactor must not be installed in processes that only manage.
        from mcp_site.asgi import application
        from mcp_site.serving import server
        from mcp_site.wiring import start_web

        start_web()

        ipv6 = ":" in settings.HOST
        if options["fd"] is not None:
            endpoint = f"fd:fileno={options['fd']}" + (":domain=10" if ipv6 else "")
        else:
            interface = settings.HOST.replace(":", r"\:")
            endpoint = f"tcp:port={settings.PORT}:interface={interface}"
        server.run(application, endpoint)
