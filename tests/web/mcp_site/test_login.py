"""Logging in and out, and the limit on guessing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.http import HttpResponse
from django.test import Client

from mcp_site.accounts.models import User

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
ELSEWHERE = "203.0.113.9"


@pytest.fixture
def user() -> User:
    return User.objects.create_user("alice", password=PASSWORD)


def attempt(
    client: Client, password: str, *, username: str = "alice", address: str = "127.0.0.1"
) -> HttpResponse:
    return client.post(  # type: ignore[return-value]
        "/login", {"username": username, "password": password}, REMOTE_ADDR=address
    )


def is_logged_in(client: Client) -> bool:
    return client.get("/account").status_code == 200


def test_the_right_password_logs_in_and_leads_to_the_page_that_was_asked_for(
    client: Client, user: User
) -> None:
    response = client.post("/login", {"username": "alice", "password": PASSWORD, "next": "/account"})

    assert (response.status_code, response["Location"]) == (302, "/account")
    assert is_logged_in(client)


def test_a_login_never_leads_to_another_site(client: Client, user: User) -> None:
    values = {"username": "alice", "password": PASSWORD, "next": "https://evil.example/"}

    assert client.post("/login", values)["Location"] == "/"


@pytest.mark.parametrize("username", ["alice", "nobody"])
def test_a_wrong_password_and_an_unknown_user_look_the_same(
    client: Client, user: User, username: str
) -> None:
    response = attempt(client, "wrong", username=username)

    assert response.status_code == 200
    assert "The user name or the password is wrong." in response.content.decode()
    assert not is_logged_in(client)


def test_an_inactive_account_looks_like_a_wrong_password(client: Client, user: User) -> None:
    user.is_active = False
    user.save()

    assert "The user name or the password is wrong." in attempt(client, PASSWORD).content.decode()


def test_too_many_attempts_close_the_door_even_for_the_right_password(
    client: Client, user: User, settings: Any
) -> None:
    settings.LOGIN_ATTEMPTS = 3
    with time_machine.travel(START, tick=False):
        for _ in range(3):
            assert attempt(client, "wrong").status_code == 200

        response = attempt(client, PASSWORD)

    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 300
    assert "Too many attempts" in response.content.decode()
    assert not is_logged_in(client)


def test_the_door_opens_again_when_the_answer_said_it_would(
    client: Client, user: User, settings: Any
) -> None:
    settings.LOGIN_ATTEMPTS = 1
    with time_machine.travel(START, tick=False) as clock:
        attempt(client, "wrong")
        wait = int(attempt(client, "wrong")["Retry-After"])
        clock.shift(timedelta(seconds=wait))

        response = attempt(client, PASSWORD)

    assert response.status_code == 302


def test_a_stranger_elsewhere_cannot_lock_out_the_owner(client: Client, user: User, settings: Any) -> None:
    settings.LOGIN_ATTEMPTS = 2
    for _ in range(5):
        attempt(client, "wrong", address=ELSEWHERE)

    assert attempt(client, PASSWORD).status_code == 302


def test_one_address_cannot_try_many_users(client: Client, user: User, settings: Any) -> None:
    settings.LOGIN_ATTEMPTS = 1
    with time_machine.travel(START, tick=False):
        for number in range(10):
            attempt(client, "wrong", username=f"user{number}", address=ELSEWHERE)

        refused = attempt(client, PASSWORD, address=ELSEWHERE)
        allowed = attempt(client, PASSWORD)

    assert (refused.status_code, allowed.status_code) == (429, 302)


def test_the_right_password_clears_the_count(client: Client, user: User, settings: Any) -> None:
    settings.LOGIN_ATTEMPTS = 2
    with time_machine.travel(START, tick=False):
        for _ in range(3):
            attempt(client, "wrong")
            assert attempt(client, PASSWORD).status_code == 302
            client.post("/logout")


def test_page_and_api_share_one_count(client: Client, user: User, settings: Any) -> None:
    settings.LOGIN_ATTEMPTS = 1
    with time_machine.travel(START, tick=False):
        attempt(client, "wrong")
        values = {"username": "ALICE", "password": PASSWORD}

        response = client.post("/api/v1/auth/token", values, content_type="application/json")

    assert response.status_code == 429


def test_a_forwarded_address_counts_only_from_a_trusted_proxy(
    client: Client, user: User, settings: Any
) -> None:
    settings.LOGIN_ATTEMPTS = 1
    values = {"username": "alice", "password": "wrong"}
    with time_machine.travel(START, tick=False):
        client.post("/login", values, headers={"X-Forwarded-For": "198.51.100.1"})

        spoofed = client.post("/login", values, headers={"X-Forwarded-For": "198.51.100.2"})

    assert spoofed.status_code == 429


def test_logging_out_needs_a_post_and_ends_the_session(client: Client, user: User) -> None:
    client.force_login(user)

    assert client.get("/logout").status_code == 405
    assert client.post("/logout").status_code == 302
    assert not is_logged_in(client)


def test_a_changed_password_ends_the_other_sessions(client: Client, user: User) -> None:
    other = Client()
    attempt(other, PASSWORD)
    attempt(client, PASSWORD)
    new = "a completely new secret"

    response = client.post(
        "/account/password", {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    )

    assert (response.status_code, response["Location"]) == (302, "/account")
    assert is_logged_in(client)
    assert not is_logged_in(other)


def test_a_form_without_its_token_is_refused_with_a_reason(user: User) -> None:
    client = Client(enforce_csrf_checks=True)

    response = client.post("/login", {"username": "alice", "password": PASSWORD})

    assert response.status_code == 403
    assert "Reload the page" in response.content.decode()
