"""The only place where rag, monitoring and lightning meet: registries and signals are joined here."""

from __future__ import annotations


def connect() -> None:
    """Join the apps; called once when Django is ready."""
