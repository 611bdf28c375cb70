"""``manage.py demo_data``: the starter data, for an installation that began empty."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from mcp_site import starter


class Command(BaseCommand):
    """Load the starter data."""

    help = "Load the starter data that this database never had."

    def handle(self, *args: Any, **options: Any) -> None:
        """Load and say what was loaded."""
        loaded = starter.load_all()
        self.stdout.write(
            f"Loaded: {', '.join(loaded)}" if loaded else "Nothing to load: it was loaded before."
        )
