"""Errors of the API are problem documents, wherever they come from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest
from django.test import Client
from django.urls import path
from django.utils import translation
from rest_framework import exceptions, serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from mcp_site import problems, urls

pytestmark = pytest.mark.urls(__name__)

SECRET_DETAIL = "the table has no column x"


class OwnError(Exception):
    pass


ERRORS: dict[str, Exception] = {
    "unknown": RuntimeError(SECRET_DETAIL),
    "missing": Http404(SECRET_DETAIL),
    "denied": PermissionDenied(SECRET_DETAIL),
    "odd": SuspiciousOperation(SECRET_DETAIL),
    "throttled": exceptions.Throttled(wait=12.2),
    "own": OwnError(),
}


class FailingView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get(self, request: Request, name: str) -> Response:
        raise ERRORS[name]

    def post(self, request: Request, name: str) -> Response:
        return Response(request.data)


class NestedView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    def post(self, request: Request) -> Response:
        condition = type("Condition", (serializers.Serializer,), {"metric": serializers.CharField()})
        form = type("Form", (serializers.Serializer,), {"conditions": condition(many=True)})(
            data=request.data
        )
        form.is_valid(raise_exception=True)
        return Response()


def plain_failure(request: HttpRequest) -> Any:
    raise RuntimeError(SECRET_DETAIL)


urlpatterns: list[Any] = [
    path("api/test/nested", NestedView.as_view()),
    path("api/test/plain", plain_failure),
    path("api/test/<str:name>", FailingView.as_view()),
    *urls.urlpatterns,
]
handler400, handler403, handler404, handler500 = (
    urls.handler400,
    urls.handler403,
    urls.handler404,
    urls.handler500,
)


@pytest.fixture
def caller() -> Client:
    return Client(raise_request_exception=False)


@pytest.fixture
def own_error() -> Iterator[None]:
    problems.register(OwnError, lambda _error: problems.Problem(503, "own", "Own text.", {"field": ["Bad."]}))
    yield
    problems._converters.pop(0)


def check(response: Any, status: int) -> dict[str, Any]:
    """Return the document after checking what all of them have in common."""
    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"
    document = response.json()
    assert {"type", "title", "status", "detail", "errors"} <= set(document)
    assert document["status"] == status
    assert document["request_id"] == response["X-Request-ID"]
    assert SECRET_DETAIL not in response.content.decode()
    return document  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("name", "status"), [("unknown", 500), ("missing", 404), ("denied", 403), ("odd", 400), ("plain", 500)]
)
def test_an_error_becomes_a_document_without_its_inner_text(caller: Client, name: str, status: int) -> None:
    check(caller.get(f"/api/test/{name}"), status)


def test_an_unknown_path_under_api_is_a_document(caller: Client) -> None:
    check(caller.get("/api/v9/nothing"), 404)


def test_a_missing_login_is_a_401_with_a_challenge(caller: Client) -> None:
    response = caller.get("/api/v1/auth/tokens")

    check(response, 401)
    assert response["WWW-Authenticate"] == 'Bearer realm="mcp"'


def test_a_wrong_method_is_a_document(caller: Client) -> None:
    check(caller.put("/api/test/nested"), 405)


def test_too_many_requests_say_when_to_come_back(caller: Client) -> None:
    response = caller.get("/api/test/throttled")

    check(response, 429)
    assert response["Retry-After"] == "13"


@pytest.mark.usefixtures("own_error")
def test_an_error_of_an_app_is_a_document_in_its_own_words(caller: Client) -> None:
    response = caller.get("/api/test/own")

    document = check(response, 503)
    assert (document["type"], document["detail"]) == ("urn:mcp:problem:own", "Own text.")
    assert document["errors"] == {"field": ["Bad."]}
    assert int(response["Retry-After"]) > 0


BAD_BODIES = [
    b'{"a": ',
    b"\xff\xfe",
    b'{"a": NaN}',
    b"[" * 100_000,
    b'{"a": ' + b"9" * 5000 + b"}",
]


@pytest.mark.parametrize("body", BAD_BODIES)
def test_a_body_that_is_no_json_is_a_400_that_says_so(caller: Client, body: bytes) -> None:
    response = caller.generic("POST", "/api/test/own", body, content_type="application/json")

    document = check(response, 400)
    assert document["detail"].startswith("The body ")


def test_a_parse_error_says_where(caller: Client) -> None:
    response = caller.generic("POST", "/api/test/own", b'{"a":\n x}', content_type="application/json")

    assert "line 2, column 2" in response.json()["detail"]


def test_another_media_type_is_a_415(caller: Client) -> None:
    check(caller.generic("POST", "/api/test/own", b"<a/>", content_type="application/xml"), 415)


def test_a_body_over_the_limit_is_a_413(caller: Client, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10

    response = caller.generic(
        "POST", "/api/test/own", b'{"a": "0123456789"}', content_type="application/json"
    )

    check(response, 413)


def test_errors_in_lists_and_objects_are_named_by_their_path(caller: Client) -> None:
    body = {"conditions": [{"metric": "m"}, {}]}

    response = caller.post("/api/test/nested", body, content_type="application/json")

    assert check(response, 400)["errors"] == {"conditions.1.metric": ["This field is required."]}


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_document_is_in_the_language_that_the_caller_accepts(caller: Client, method: str) -> None:
    path = "/api/v9/nothing" if method == "get" else "/api/test/nested"
    english = problems.TITLES[404 if method == "get" else 400]

    response = getattr(caller, method)(
        path, content_type="application/json", headers={"Accept-Language": "fr-CH, en;q=0.5"}
    )

    assert response["Content-Language"] == "fr"
    with translation.override("fr"):
        assert response.json()["title"] == translation.gettext(english) != english


@pytest.mark.django_db
def test_pages_show_errors_as_pages(caller: Client, django_user_model: Any) -> None:
    caller.force_login(django_user_model.objects.create_user("alice"))

    response = caller.get("/nothing-here")

    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/html")
