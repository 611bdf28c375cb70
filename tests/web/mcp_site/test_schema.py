"""The API describes itself, completely and validly."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from openapi_spec_validator import validate
from rest_framework.views import APIView

from mcp_site.accounts.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def schema(client: Client) -> dict[str, Any]:
    client.force_login(User.objects.create_user("alice"))
    response = client.get("/api/schema/", headers={"Accept": "application/json"})
    assert response.status_code == 200
    return response.json()  # type: ignore[no-any-return]


def api_views(patterns: list[Any]) -> list[str]:
    """Return the names of all views of the API framework below /api/ and /health."""
    names = []
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            names += api_views(pattern.url_patterns)
        elif isinstance(pattern, URLPattern):
            view = getattr(pattern.callback, "cls", None)
            if view and issubclass(view, APIView):
                names.append(pattern.name or view.__name__)
    return names


def test_the_description_is_valid_openapi_3_1(schema: dict[str, Any]) -> None:
    assert schema["openapi"].startswith("3.1")
    validate(schema)


def test_the_description_names_every_endpoint(schema: dict[str, Any]) -> None:
    hidden = {"api_docs"}
    expected = set(api_views(get_resolver().url_patterns)) - hidden

    assert len(schema["paths"]) >= len(expected)
    assert {"/health", "/api/v1/auth/token", "/api/v1/auth/tokens", "/api/v1/rag/query"} <= set(
        schema["paths"]
    )


def test_paths_are_written_as_people_call_them(schema: dict[str, Any]) -> None:
    assert [path for path in schema["paths"] if "?" in path or "$" in path] == []


def test_both_ways_of_logging_in_are_described(schema: dict[str, Any]) -> None:
    schemes = schema["components"]["securitySchemes"]

    assert (schemes["bearer"]["scheme"], schemes["session"]["in"]) == ("bearer", "cookie")


def test_the_page_loads_its_script_from_a_file(client: Client) -> None:
    client.force_login(User.objects.create_user("alice"))

    page = client.get("/api/docs/").content.decode()
    script = client.get("/api/docs/?script=")

    assert "/api/docs/?script=" in page
    assert script["Content-Type"].startswith("application/javascript")
    assert "/api/schema/" in script.content.decode()
