"""Errors of the API as problem documents (RFC 9457), whatever part of the site they come from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.signals import got_request_exception
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.request import RawPostDataException
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from mcp_site.middleware import is_api

log = structlog.get_logger("mcp.problems")

CONTENT_TYPE = "application/problem+json"
RETRY_SECONDS = 5
TITLES = {
    400: gettext_noop("Invalid request"),
    401: gettext_noop("Not logged in"),
    403: gettext_noop("Not allowed"),
    404: gettext_noop("Not found"),
    405: gettext_noop("Method not allowed"),
    406: gettext_noop("No acceptable format"),
    409: gettext_noop("Conflict"),
    410: gettext_noop("Gone"),
    413: gettext_noop("Too large"),
    415: gettext_noop("Unsupported media type"),
    422: gettext_noop("Cannot be processed"),
    429: gettext_noop("Too many requests"),
    500: gettext_noop("Internal error"),
    502: gettext_noop("A service behind MCP failed"),
    503: gettext_noop("Not available at the moment"),
    504: gettext_noop("A service behind MCP did not answer in time"),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem document before it is written; ``errors`` maps a field to its messages."""

    status: int
    code: str
    detail: str = ""
    errors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    retry_after: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def document(self, request: HttpRequest | None = None) -> dict[str, Any]:
        """Return the members of the document; texts in the active language."""
        title = TITLES.get(self.status)
        document: dict[str, Any] = {
            "type": f"urn:mcp:problem:{self.code.replace('_', '-')}",
            "title": _(title) if title else HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail or (_(title) if title else ""),
            "errors": {name: list(messages) for name, messages in self.errors.items()},
        }
        if request_id := getattr(request, "request_id", ""):
            document["request_id"] = request_id
        return document

    def all_headers(self) -> dict[str, str]:
        """Return the HTTP headers; 429 and 503 always say when to try again, in whole seconds."""
        headers = dict(self.headers)
        if self.status in (429, 503):
            seconds = RETRY_SECONDS if self.retry_after is None else self.retry_after
            headers["Retry-After"] = str(max(1, math.ceil(seconds)))
        return headers


Converter = Callable[[Any], Problem]
_converters: list[tuple[type[Exception], Converter]] = []


def register(error: type[Exception], convert: Converter) -> None:
    """Teach the handler an app's own exception class; the class registered last is asked first."""
    _converters.insert(0, (error, convert))


def problem_handler(error: Exception, context: Mapping[str, Any]) -> Response:
    """Return the answer for an exception of an API view; never a traceback."""
    request = context.get("request")
    plain = getattr(request, "_request", request)
    problem = problem_of(error)
    if problem.status >= 500 and not isinstance(error, exceptions.APIException) and not _known(error):
        log.error("unexpected_error", view=type(context.get("view")).__name__, exc_info=error)
        got_request_exception.send(sender=None, request=plain)
    set_rollback()
    return Response(
        problem.document(plain), problem.status, headers=problem.all_headers(), content_type=CONTENT_TYPE
    )


def problem_of(error: Exception) -> Problem:
    """Return the problem that an exception stands for; anything unknown is a 500 without detail."""
    for kind, convert in _converters:
        if isinstance(error, kind):
            return convert(error)
    if isinstance(error, exceptions.APIException):
        return _from_api(error)
    if isinstance(error, Http404):
        return Problem(404, "not_found", _("There is nothing here, or it is not yours to see."))
    if isinstance(error, PermissionDenied):
        return Problem(403, "permission_denied", _("You may not do this."))
    if isinstance(error, RequestDataTooBig):
        return too_large()
    if isinstance(error, SuspiciousOperation | RawPostDataException):
        return Problem(400, "bad_request", _("The request cannot be understood."))
    return internal_error()


def _known(error: Exception) -> bool:
    return any(isinstance(error, kind) for kind, _convert in _converters)


def _from_api(error: exceptions.APIException) -> Problem:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    wait = getattr(error, "wait", None) or getattr(error, "retry_after", None)
    code = error.default_code if isinstance(error, exceptions.ValidationError) else _code(error)
    if isinstance(error, exceptions.ValidationError):
        return Problem(error.status_code, code, _("Some values are not valid."), flat_errors(error.detail))
    return Problem(error.status_code, code, str(error.detail), retry_after=wait, headers=headers)


def _code(error: exceptions.APIException) -> str:
    codes = error.get_codes()
    return codes if isinstance(codes, str) else error.default_code


def flat_errors(detail: Any, path: str = "") -> dict[str, list[str]]:
    """Return nested validation errors as ``{"conditions.0.metric": [...]}``."""
    if isinstance(detail, Mapping):
        flat: dict[str, list[str]] = {}
        for name, inner in detail.items():
            flat |= flat_errors(inner, f"{path}.{name}" if path else str(name))
        return flat
    if isinstance(detail, list) and any(isinstance(item, Mapping | list) for item in detail):
        return flat_errors({index: item for index, item in enumerate(detail) if item}, path)
    messages = detail if isinstance(detail, list) else [detail]
    return {path or "non_field_errors": [str(message) for message in messages]}


def too_large(limit_mib: int | None = None) -> Problem:
    """Return the problem of a body above the limit, in MiB where it is known."""
    if limit_mib is None:
        return Problem(413, "too_large", _("The request is larger than this installation accepts."))
    return Problem(413, "too_large", _("The request is larger than %(limit)d MiB.") % {"limit": limit_mib})


def internal_error() -> Problem:
    """Return the problem of an error that is ours."""
    return Problem(
        500, "internal_error", _("Something went wrong here. The log has the details under the request id.")
    )


def problem_response(request: HttpRequest, problem: Problem) -> JsonResponse:
    """Return a problem document outside of the API framework."""
    return JsonResponse(
        problem.document(request),
        status=problem.status,
        content_type=CONTENT_TYPE,
        headers=problem.all_headers(),
        json_dumps_params={"ensure_ascii": False},
    )


def _answer(request: HttpRequest, problem: Problem) -> HttpResponse:
    if is_api(request):
        return problem_response(request, problem)
    context = {"problem": problem.document(request)}
    return render(request, "error.html", context, status=problem.status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400 (or 413 for a body above the limit) for the whole site."""
    return _answer(
        request,
        problem_of(exception if isinstance(exception, SuspiciousOperation) else SuspiciousOperation()),
    )


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403 for the whole site."""
    return _answer(request, problem_of(PermissionDenied()))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404 for the whole site."""
    return _answer(request, problem_of(Http404()))


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500 for the whole site; depends on nothing that may be the cause."""
    return _answer(request, internal_error())


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer 403 for a form whose token is missing or old."""
    detail = _("This form is too old or came from elsewhere. Reload the page and send it again.")
    return _answer(request, Problem(403, "csrf_failed", detail))
