"""What the views of all pages share."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from rag.errors import Forbidden, NotFound

View = Callable[..., HttpResponse]


def page(view: View) -> View:
    """Let the errors of selectors and services become the site's 404 and 403 pages."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except NotFound as error:
            raise Http404(str(error.message)) from error
        except Forbidden as error:
            raise PermissionDenied(str(error.message)) from error

    return wrapped


def user_of(request: HttpRequest) -> Any:
    """Return the signed-in user; the login middleware lets nobody else through."""
    return request.user


def is_fragment(request: HttpRequest) -> bool:
    """Return whether a script asks for a part of a page."""
    return bool(cast(Any, request).htmx)


def confirm(request: HttpRequest, *, title: str, text: str, verb: str, back: str) -> HttpResponse:
    """Ask before something is lost: as a page, or as the content of a dialogue."""
    template = "rag/_confirm.html" if is_fragment(request) else "rag/confirm.html"
    context = {"title": title, "text": text, "verb": verb, "back": back, "action": request.path}
    return render(request, template, context)
