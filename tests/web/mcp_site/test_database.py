"""One set of models on both databases."""

from __future__ import annotations

import uuid

import pytest
from django.core.management import call_command
from django.test import Client

from mcp_site import starter
from mcp_site.accounts.models import User
from mcp_site.models import StarterSet
from mcp_site.serving import preparation

pytestmark = pytest.mark.django_db


def test_no_migration_is_missing() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_a_user_has_a_uuid_key() -> None:
    assert isinstance(User.objects.create_user("alice").pk, uuid.UUID)


def test_the_first_admin_is_made_once(client: Client) -> None:
    password = preparation.prepare_admin()

    assert password is not None
    assert preparation.prepare_admin() is None
    assert client.login(username="admin", password=password)
    assert User.objects.get().is_superuser


def test_a_given_password_is_used_and_not_shown(client: Client, settings: pytest.FixtureRequest) -> None:
    settings.ADMIN_PASSWORD = "given by the operator"  # type: ignore[attr-defined]

    assert preparation.prepare_admin() is None
    assert client.login(username="admin", password="given by the operator")


def test_no_admin_is_made_where_there_is_a_superuser_already() -> None:
    User.objects.create_superuser("root")

    assert preparation.prepare_admin() is None
    assert User.objects.count() == 1


def test_starter_data_is_loaded_once_in_the_life_of_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[str] = []
    monkeypatch.setattr(starter, "_sets", {"guide": lambda: loads.append("guide")})

    assert starter.load_all() == ["guide"]
    assert starter.load_all() == []
    assert loads == ["guide"]


def test_starter_data_that_failed_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OSError("disk full")

    monkeypatch.setattr(starter, "_sets", {"guide": fail})
    with pytest.raises(OSError, match="disk full"):
        starter.load_all()

    assert not StarterSet.objects.exists()
