"""What every API endpoint shares: the JSON parser and the pages of a list."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any

from django.utils.translation import gettext as _
from rest_framework import exceptions, parsers
from rest_framework.pagination import PageNumberPagination


class JSONParser(parsers.JSONParser):
    """JSON whose errors say where, in the caller's language."""

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the parsed body; raises ``ParseError`` (400) for anything that is not UTF-8 JSON."""
        try:
            return json.loads(stream.read().decode("utf-8"), parse_constant=_refuse)
        except UnicodeDecodeError as error:
            raise exceptions.ParseError(_("The body is not valid UTF-8.")) from error
        except json.JSONDecodeError as error:
            place = {"line": error.lineno, "column": error.colno}
            raise exceptions.ParseError(
                _("The body is not valid JSON: line %(line)d, column %(column)d.") % place
            ) from error
        except (ValueError, RecursionError) as error:
            raise exceptions.ParseError(
                _("The body holds a number or a nesting that JSON does not allow.")
            ) from error


def _refuse(constant: str) -> None:
    raise ValueError(constant)


class Pagination(PageNumberPagination):
    """``count, next, previous, results``; ``page`` and ``page_size`` in the query."""

    page_size_query_param = "page_size"
    max_page_size = 200
