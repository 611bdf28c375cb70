"""State of the installation itself."""

from __future__ import annotations

from django.db import models


class StarterSet(models.Model):
    """Starter data that was loaded into this database; what a user deletes afterwards does not come back."""

    name = models.CharField(max_length=100, primary_key=True)
    loaded_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
