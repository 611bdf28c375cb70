"""Errors that a user caused and can understand; one handler renders them as problem documents or form errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _


class RagError(Exception):
    """A request that cannot be fulfilled; ``message`` is translatable, ``field`` names what is wrong."""

    status = 400

    def __init__(self, message: Any, *, field: str = "", code: str = "invalid") -> None:
        super().__init__(str(code))
        self.message = message
        self.field = field
        self.code = code


_NOT_FOUND = _("There is no such thing here.")
_FORBIDDEN = _("You may not do this.")


class NotFound(RagError):
    """It does not exist, or the user may not know that it does."""

    status = 404

    def __init__(self, message: Any = _NOT_FOUND, **kwargs: Any) -> None:
        super().__init__(message, **{"code": "not_found", **kwargs})


class Forbidden(RagError):
    """The user may see it but not do this."""

    status = 403

    def __init__(self, message: Any = _FORBIDDEN, **kwargs: Any) -> None:
        super().__init__(message, **{"code": "forbidden", **kwargs})


class Conflict(RagError):
    """It contradicts what is there already."""

    status = 409


class TooLarge(RagError):
    """More than a limit allows."""

    status = 413


class IngestFailure(Exception):
    """A document cannot be taken in; ``code`` and ``params`` are kept on it and explained by ``rag.messages``."""

    def __init__(self, code: str, params: Mapping[str, Any] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.params = dict(params or {})
