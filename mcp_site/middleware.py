"""Request id, language and the rule that everything needs a login.

All but the first are synchronous on purpose: Django then runs the whole chain in one thread per request
instead of one hop per middleware. Streamed answers are asynchronous iterators, read outside of the chain.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import structlog
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import reverse
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.translation.trans_real import parse_accept_lang_header

log = structlog.get_logger("mcp.access")

GetResponse = Callable[[HttpRequest], HttpResponseBase]
REQUEST_ID = "X-Request-ID"
_VALID_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def is_api(request: HttpRequest) -> bool:
    """Return whether the caller expects JSON: errors are then problem documents, and nobody is redirected."""
    return request.path_info.startswith("/api/")


class RequestIdMiddleware:
    """Gives each request an id (the caller's, if well formed) that every log line and the answer carry."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        started = time.perf_counter()
        _begin(request)
        if self.is_async:
            return self._answer(request, started)
        return _finish(request, cast(HttpResponseBase, self.get_response(request)), started)

    async def _answer(self, request: HttpRequest, started: float) -> HttpResponseBase:
        return _finish(request, await self.get_response(request), started)


def _begin(request: HttpRequest) -> None:
    given = request.headers.get(REQUEST_ID, "")
    request_id = given if _VALID_ID.fullmatch(given) else uuid.uuid4().hex
    request.request_id = request_id  # type: ignore[attr-defined]
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id)


def _finish(request: HttpRequest, response: HttpResponseBase, started: float) -> HttpResponseBase:
    response[REQUEST_ID] = request.request_id  # type: ignore[attr-defined]
    if isinstance(response, StreamingHttpResponse) and response.is_async and not _is_static(request):
        parts = cast(AsyncIterator[bytes], response.streaming_content)
        response.streaming_content = _logged_stream(parts, request, response, started)
    else:
        _log_answer(request, response, started)
    return response


async def _logged_stream(
    parts: AsyncIterator[bytes], request: HttpRequest, response: HttpResponseBase, started: float
) -> AsyncIterator[bytes]:
    """Yield the parts unchanged; log once the last is sent or the client has gone."""
    try:
        async for part in parts:
            yield part
    finally:
        if close := getattr(parts, "aclose", None):
            await close()
        _log_answer(request, response, started)


def _is_static(request: HttpRequest) -> bool:
    return request.path_info.startswith(settings.STATIC_URL)


def _log_answer(request: HttpRequest, response: HttpResponseBase, started: float) -> None:
    """Log the path without its query: questions and search terms stay out of the log."""
    quiet = _is_static(request) or request.path_info == "/health"
    write = log.debug if quiet and response.status_code < 400 else log.info
    elapsed = round((time.perf_counter() - started) * 1000, 1)
    write("request", method=request.method, path=request.path_info, status=response.status_code, ms=elapsed)


class LanguageMiddleware:
    """Chooses the language: account, cookie, then Accept-Language; for the API, Accept-Language first."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        language = language_of(request)
        # Not undone afterwards: a streamed answer is written after this call, in the same context.
        translation.activate(language)
        request.LANGUAGE_CODE = language
        response = self.get_response(request)
        patch_vary_headers(cast(HttpResponse, response), ("Accept-Language", "Cookie"))
        response.headers.setdefault("Content-Language", language)
        return response


def language_of(request: HttpRequest) -> str:
    """Return the code of the language in which the request is answered."""
    accepted = accepted_language(request.headers.get("Accept-Language", ""))
    chosen = getattr(request.user, "language", "") or request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
    order = (accepted, chosen) if is_api(request) else (chosen, accepted)
    return next((code for code in order if code in dict(settings.LANGUAGES)), settings.LANGUAGE_CODE)


def accepted_language(header: str) -> str:
    """Return our language that an Accept-Language header prefers, "" if it names none of ours."""
    for code, weight in parse_accept_lang_header(header.lower()):
        base = code.split("-", 1)[0]
        if weight > 0 and base in dict(settings.LANGUAGES):
            return str(base)
    return ""


class LoginRequiredMiddleware:
    """Everything needs a login but what is listed here; the API answers for itself (401, a problem document).

    A rule over paths, not over views: a new or unknown page is closed until someone opens it on purpose.
    """

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.open_paths = {"/health", reverse("login"), reverse("set_language"), reverse("favicon")}

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if self._is_open(request) or request.user.is_authenticated:
            return self.get_response(request)
        login = redirect_to_login(request.get_full_path(), settings.LOGIN_URL)
        if request.headers.get("HX-Request"):
            # A redirect would be followed by the script and put the login page inside of a fragment.
            return HttpResponse(headers={"HX-Redirect": login.url})
        return login

    def _is_open(self, request: HttpRequest) -> bool:
        path = request.path_info
        return path in self.open_paths or is_api(request) or _is_static(request)
