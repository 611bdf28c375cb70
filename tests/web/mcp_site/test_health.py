from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import Client

from mcp_site import health, worker
from mcp_site.accounts.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_user("root", is_staff=True))
    return client


@pytest.fixture
def broken_part() -> Iterator[None]:
    def check() -> health.Part:
        raise ConnectionError("redis://user:password@host")

    health.register("broken", check)
    yield
    health._parts.pop("broken")


@pytest.mark.parametrize("path", ["/health"])
def test_anyone_learns_that_it_is_alive_and_nothing_else(client: Client, path: str) -> None:
    response = client.get(path)

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_a_user_learns_no_more_than_anyone(client: Client) -> None:
    client.force_login(User.objects.create_user("alice"))

    assert client.get("/health").json() == {"status": "ok"}


def test_staff_learn_which_form_of_each_part_runs(staff: Client) -> None:
    parts = staff.get("/health").json()["parts"]

    assert parts["database"]["ok"] is True
    assert parts["database"]["form"].split()[0] == ("MongoDB" if settings.MONGO else "SQLite")
    assert parts["cache"]["form"].split()[0] == ("Redis" if settings.REDIS_URL else "memory")
    assert {"embedder", "generator", "worker"} <= set(parts)


@pytest.mark.usefixtures("broken_part")
def test_a_broken_part_is_named_without_its_secrets(staff: Client) -> None:
    body = staff.get("/health").json()

    assert body["status"] == "degraded"
    assert body["parts"]["broken"] == {"ok": False, "form": "", "why": "ConnectionError"}


def test_a_silent_worker_is_noticed(staff: Client) -> None:
    worker.note_alive()
    alive = staff.get("/health").json()["parts"]["worker"]["ok"]
    os.utime(settings.DATA_DIR / "worker.alive", (0, 0))

    silent = staff.get("/health").json()["parts"]["worker"]["ok"]

    assert (alive, silent) == (True, False)
