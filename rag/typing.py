"""The user type, for annotations: ``rag`` knows the user model by its setting only."""

from __future__ import annotations

from typing import Any, TypeAlias

User: TypeAlias = Any
"""``settings.AUTH_USER_MODEL``; the API framework types a request's user as "user or anonymous"."""
