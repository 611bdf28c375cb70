"""API tokens: getting, using, scoping, expiring, revoking."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.test import Client

from mcp_site.accounts import services, tokens
from mcp_site.accounts.errors import ScopeNotAllowed
from mcp_site.accounts.models import ApiToken, User

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIST = "/api/v1/auth/tokens"


@pytest.fixture
def user() -> User:
    return User.objects.create_user("alice", password=PASSWORD)


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def get_token(client: Client, **values: Any) -> Any:
    body = {"username": "alice", "password": PASSWORD, **values}
    return client.post("/api/v1/auth/token", body, content_type="application/json")


def test_a_password_gives_a_token_that_opens_the_api(client: Client, user: User) -> None:
    response = get_token(client)

    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    assert client.get(LIST, headers=bearer(response.json()["token"])).status_code == 200


def test_only_a_digest_of_the_secret_is_stored(client: Client, user: User) -> None:
    secret = get_token(client).json()["token"]

    stored = ApiToken.objects.values().get()

    assert secret not in str(stored)
    assert stored["digest"] == tokens.digest(secret)


def test_a_list_shows_no_secret(client: Client, user: User) -> None:
    secret = get_token(client, name="backup").json()["token"]

    body = client.get(LIST, headers=bearer(secret)).json()

    assert {"count", "next", "previous", "results"} == set(body)
    assert body["results"][0]["name"] == "backup"
    assert secret not in str(body)


@pytest.mark.parametrize(("staff", "scope"), [(False, "write"), (True, "operate")])
def test_the_default_scope_is_the_widest_that_the_user_may_have(
    client: Client, user: User, staff: bool, scope: str
) -> None:
    user.is_staff = staff
    user.save()

    assert get_token(client).json()["scope"] == scope


def test_who_is_not_staff_gets_no_operating_token(client: Client, user: User) -> None:
    response = get_token(client, scope="operate")

    assert response.status_code == 400
    assert list(response.json()["errors"]) == ["scope"]
    with pytest.raises(ScopeNotAllowed):
        tokens.create_token(user=user, scope="operate")


def test_a_wrong_password_is_a_401_with_a_challenge(client: Client, user: User) -> None:
    response = get_token(client, password="wrong")

    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert ApiToken.objects.count() == 0


def test_a_reading_token_reads_and_does_not_write(client: Client, user: User) -> None:
    secret = get_token(client, scope="read").json()["token"]
    pk = ApiToken.objects.get().pk

    assert client.get(LIST, headers=bearer(secret)).status_code == 200
    refused = client.delete(f"{LIST}/{pk}", headers=bearer(secret))

    assert refused.status_code == 403
    assert "scope" in refused.json()["detail"]
    assert ApiToken.objects.get().revoked_at is None


def test_a_revoked_token_opens_nothing_and_stays_on_record(client: Client, user: User) -> None:
    secret = get_token(client).json()["token"]
    pk = ApiToken.objects.get().pk

    assert client.delete(f"{LIST}/{pk}", headers=bearer(secret)).status_code == 204
    assert client.get(LIST, headers=bearer(secret)).status_code == 401
    assert ApiToken.objects.get().revoked_at is not None


def test_an_expired_token_opens_nothing(client: Client, user: User) -> None:
    with time_machine.travel(START, tick=False) as clock:
        secret = get_token(client, days=1).json()["token"]
        clock.shift(timedelta(hours=23, minutes=59))
        before = client.get(LIST, headers=bearer(secret)).status_code
        clock.shift(timedelta(minutes=1))
        after = client.get(LIST, headers=bearer(secret)).status_code

    assert (before, after) == (200, 401)


@pytest.mark.parametrize("secret", ["", "mcp_unknown", "x" * 5000, "é"])
def test_an_unknown_token_is_a_401_even_beside_a_session(client: Client, user: User, secret: str) -> None:
    client.force_login(user)

    response = client.get(LIST, headers=bearer(secret))

    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_a_token_of_an_inactive_user_opens_nothing(client: Client, user: User) -> None:
    secret = get_token(client).json()["token"]
    user.is_active = False
    user.save()

    assert client.get(LIST, headers=bearer(secret)).status_code == 401


def test_a_user_neither_sees_nor_revokes_tokens_of_others(client: Client, user: User) -> None:
    other = tokens.create_token(user=User.objects.create_user("bob", password=PASSWORD)).token
    secret = get_token(client).json()["token"]

    listed = client.get(LIST, headers=bearer(secret)).json()
    refused = client.delete(f"{LIST}/{other.pk}", headers=bearer(secret))

    assert listed["count"] == 1
    assert refused.status_code == 404
    assert ApiToken.objects.get(pk=other.pk).revoked_at is None


def test_the_last_use_is_noted_at_most_once_a_minute(user: User) -> None:
    with time_machine.travel(START, tick=False) as clock:
        new = tokens.create_token(user=user)
        seen = []
        for seconds in (0, 59, 1):
            clock.shift(seconds)
            tokens.find_token(new.secret)
            seen.append(ApiToken.objects.get().last_used_at)

    assert seen == [START, START, START + timedelta(seconds=60)]


def test_a_session_writes_only_with_its_csrf_token(user: User) -> None:
    pk = tokens.create_token(user=user).token.pk
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)

    without = client.delete(f"{LIST}/{pk}")
    client.get("/account")
    token = client.cookies["csrftoken"].value
    with_token = client.delete(f"{LIST}/{pk}", headers={"X-CSRFToken": token})

    assert (without.status_code, with_token.status_code) == (403, 204)
    assert without.json()["type"] == "urn:mcp:problem:csrf-failed"


def test_old_tokens_are_deleted_and_others_kept(user: User) -> None:
    with time_machine.travel(START, tick=False) as clock:
        tokens.create_token(user=user, name="expired", days=1)
        tokens.revoke_token(token=tokens.create_token(user=user, name="revoked").token)
        tokens.create_token(user=user, name="valid", days=365)
        clock.shift(timedelta(days=32))

        assert tokens.delete_old_tokens() == 2

    assert [token.name for token in ApiToken.objects.all()] == ["valid"]


def test_the_account_page_makes_a_token_shows_it_once_and_revokes_it(client: Client, user: User) -> None:
    client.force_login(user)

    created = client.post("/account/tokens", {"name": "script", "scope": "read", "days": 7})
    secret = created.context["new_token"]
    later = client.get("/account")
    token = ApiToken.objects.get()
    client.post(f"/account/tokens/{token.pk}/revoke")

    assert secret in created.content.decode()
    assert created["Cache-Control"].find("no-store") >= 0
    assert secret not in later.content.decode()
    assert tokens.find_token(secret) is None


def test_the_account_page_refuses_a_scope_beyond_the_user(client: Client, user: User) -> None:
    client.force_login(user)

    response = client.post("/account/tokens", {"name": "script", "scope": "operate", "days": 7})

    assert response.status_code == 400
    assert ApiToken.objects.count() == 0


def test_the_sweep_deletes_what_ended_and_keeps_sessions_that_last(client: Client, user: User) -> None:
    with time_machine.travel(START, tick=False) as clock:
        Client().force_login(user)
        tokens.create_token(user=user, days=1)
        clock.shift(timedelta(days=40))
        client.force_login(user)

        assert services.sweep() is False

        assert Session.objects.count() == 1
        assert client.get("/account").status_code == 200
    assert not ApiToken.objects.exists()
