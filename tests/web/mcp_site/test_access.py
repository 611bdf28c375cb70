"""Without a login there is the login page, static files and "alive"; nothing else.

Most tests here have no database: a stranger's request does not reach it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

SOME_ID = "00000000-0000-4000-8000-000000000000"
OPEN = {"favicon", "login", "health", "api_token", "set_language"}


def every_path(patterns: list[Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield (name, path) of every pattern that needs no more than an id."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            if pattern.app_name != "admin":
                yield from every_path(pattern.url_patterns, prefix + str(pattern.pattern))
        elif isinstance(pattern, URLPattern):
            yield pattern.name or "", prefix + concrete(str(pattern.pattern))


def concrete(route: str) -> str:
    """Return a path that the route matches."""
    text = route.replace("<uuid:pk>", SOME_ID).replace("(?P<pk>[0-9a-fA-F-]{32,36})", SOME_ID)
    return text.replace("/?$", "").replace("^", "")


PATHS = sorted(every_path(get_resolver().url_patterns))


def test_the_paths_of_this_test_are_real() -> None:
    names = {name for name, _path in PATHS}

    assert names >= OPEN
    assert {"account", "api_query", "ask", "schema", "api_docs"} <= names


@pytest.mark.parametrize(("name", "path"), [item for item in PATHS if item[0] not in OPEN])
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_stranger_is_asked_to_log_in(client: Client, name: str, path: str, method: str) -> None:
    response = getattr(client, method)(f"/{path}")

    if path.startswith("api/"):
        assert response.status_code in (401, 405)
        assert response["Content-Type"] == "application/problem+json"
    else:
        assert response.status_code == 302
        assert response["Location"].startswith("/login?next=")


@pytest.mark.parametrize(
    "path", ["/admin/", "/admin/login/", "/admin/accounts/user/", "/nothing", "/static.txt"]
)
def test_the_admin_and_unknown_pages_are_closed_too(client: Client, path: str) -> None:
    response = client.get(path)

    assert response.status_code == 302
    assert response["Location"].startswith("/login?next=")


def test_a_fragment_is_not_replaced_by_the_login_page(client: Client) -> None:
    response = client.get("/account", headers={"HX-Request": "true"})

    assert (response.status_code, response.content) == (200, b"")
    assert response["HX-Redirect"].startswith("/login?next=")


def test_static_files_are_not_behind_the_login(client: Client) -> None:
    assert client.get("/static/absent.css").status_code == 404


@pytest.mark.django_db
def test_who_is_no_staff_does_not_enter_the_admin(client: Client, django_user_model: Any) -> None:
    client.force_login(django_user_model.objects.create_user("alice"))

    response = client.get("/admin/")

    assert response.status_code == 302
