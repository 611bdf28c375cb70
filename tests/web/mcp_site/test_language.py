"""The language: account, cookie, then what the browser accepts."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from mcp_site.accounts.models import User
from mcp_site.middleware import accepted_language


def language(client: Client, path: str = "/login", **headers: str) -> str:
    return str(client.get(path, headers=headers)["Content-Language"])


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("fr", "fr"),
        ("fr-CA,fr;q=0.9,en;q=0.8", "fr"),
        ("de, en;q=0.3, fr;q=0.7", "fr"),
        ("de", ""),
        ("fr;q=0, en", "en"),
        ("*", ""),
        ("", ""),
        ("fr;q=abc,,;;=", ""),
    ],
)
def test_the_header_names_the_language_that_is_preferred_among_ours(header: str, code: str) -> None:
    assert accepted_language(header) == code


def test_without_any_wish_it_is_english(client: Client) -> None:
    assert language(client) == "en"


def test_the_cookie_wins_over_the_browser(client: Client) -> None:
    client.post("/language", {"language": "fr"})

    assert language(client, **{"Accept-Language": "en"}) == "fr"


@pytest.mark.django_db
def test_the_account_wins_over_the_cookie(client: Client) -> None:
    client.post("/language", {"language": "en"})
    client.force_login(User.objects.create_user("alice", language="fr"))

    assert language(client, "/account") == "fr"


@pytest.mark.django_db
def test_the_api_follows_the_accepted_language_first(client: Client) -> None:
    client.force_login(User.objects.create_user("alice", language="fr"))

    assert language(client, "/api/v1/auth/tokens", **{"Accept-Language": "en"}) == "en"
    assert language(client, "/api/v1/auth/tokens") == "fr"


@pytest.mark.django_db
def test_the_switch_is_remembered_in_the_account(client: Client) -> None:
    user = User.objects.create_user("alice")
    client.force_login(user)

    client.post("/language", {"language": "fr"})

    user.refresh_from_db()
    assert user.language == "fr"


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_the_switch_never_leads_to_another_site(client: Client, target: str) -> None:
    assert client.post("/language", {"language": "fr", "next": target})["Location"] == "/"


def test_an_unknown_language_changes_nothing(client: Client) -> None:
    response: Any = client.post("/language", {"language": "xx", "next": "/login"})

    assert response["Location"] == "/login"
    assert not response.cookies


@pytest.mark.django_db
def test_the_account_page_can_go_back_to_the_browsers_language(client: Client) -> None:
    user = User.objects.create_user("alice", language="fr")
    client.force_login(user)

    client.post("/account/language", {"language": ""})

    user.refresh_from_db()
    assert user.language == ""
    assert language(client, "/account", **{"Accept-Language": "en"}) == "en"


def test_answers_say_that_they_depend_on_the_language(client: Client) -> None:
    assert "Accept-Language" in client.get("/login")["Vary"]
