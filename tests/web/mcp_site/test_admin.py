"""Users, groups and tokens in the admin, on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse

from mcp_site.accounts import tokens
from mcp_site.accounts.models import ApiToken, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.mark.parametrize("model", sorted(admin.site._registry, key=lambda model: str(model)))
def test_every_list_opens_and_can_be_searched(root: Client, model: Any) -> None:
    path = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")

    assert root.get(path).status_code == 200
    assert root.get(path, {"q": "x"}).status_code == 200


def test_a_user_is_added_changed_and_deleted(root: Client) -> None:
    password = "correct horse battery"
    values = {"username": "alice", "password1": password, "password2": password, "usable_password": "true"}
    assert root.post("/admin/accounts/user/add/", values).status_code == 302
    user = User.objects.get(username="alice")
    group = Group.objects.create(name="readers")

    page = f"/admin/accounts/user/{user.pk}/change/"
    changed = root.post(
        page,
        {
            "username": "alice",
            "language": "fr",
            "groups": [str(group.pk)],
            "date_joined_0": "2026-01-01",
            "date_joined_1": "00:00:00",
            "is_active": "on",
        },
    )

    user.refresh_from_db()
    assert (root.get(page).status_code, changed.status_code) == (200, 302)
    assert (user.language, list(user.groups.all())) == ("fr", [group])
    tokens.create_token(user=user)
    assert root.post(f"/admin/accounts/user/{user.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not User.objects.filter(username="alice").exists()


def test_rights_come_through_a_group(root: Client) -> None:
    group = Group.objects.create(name="editors")
    page = root.get(f"/admin/auth/group/{group.pk}/change/")
    choices = dict(page.context["adminform"].form.fields["permissions"].choices)
    pk = next(str(key) for key, label in choices.items() if "Can add user" in str(label))
    root.post(f"/admin/auth/group/{group.pk}/change/", {"name": "editors", "permissions": [pk]})

    user = User.objects.create_user("alice", is_staff=True)
    user.groups.add(group)

    assert User.objects.get(pk=user.pk).has_perm("accounts.add_user")
    assert not User.objects.get(pk=user.pk).has_perm("accounts.delete_user")


def test_a_token_is_made_for_a_user_and_its_secret_shown_once(root: Client) -> None:
    user = User.objects.create_user("alice")
    values = {
        "user": str(user.pk),
        "name": "script",
        "scope": "write",
        "expires_at_0": "2099-01-01",
        "expires_at_1": "00:00:00",
    }

    page = root.post("/admin/accounts/apitoken/add/", values, follow=True).content.decode()

    secret = page.split("<code>")[1].split("</code>")[0]
    found = tokens.find_token(secret)
    assert found is not None
    assert found.user == user
    assert secret not in root.get("/admin/accounts/apitoken/").content.decode()


def test_the_admin_gives_no_scope_beyond_the_user(root: Client) -> None:
    user = User.objects.create_user("alice")
    values = {"user": str(user.pk), "name": "script", "scope": "operate"}

    response = root.post("/admin/accounts/apitoken/add/", values)

    assert response.status_code == 200
    assert "Only staff" in response.content.decode()
    assert not ApiToken.objects.exists()


def test_a_token_is_not_edited_and_can_be_revoked(root: Client) -> None:
    new = tokens.create_token(user=User.objects.create_user("alice"), scope="read")
    page = f"/admin/accounts/apitoken/{new.token.pk}/change/"

    assert root.post(page, {"name": "x", "scope": "write"}).status_code == 403
    root.post("/admin/accounts/apitoken/", {"action": "revoke", "_selected_action": [str(new.token.pk)]})

    assert tokens.find_token(new.secret) is None
    assert ApiToken.objects.get().scope == "read"


def test_staff_make_tokens_for_themselves_only(client: Client) -> None:
    chief = User.objects.create_superuser("chief")
    clerk = User.objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="add_apitoken"))
    client.force_login(clerk)
    values = {"name": "x", "scope": "read", "expires_at_0": "2099-01-01", "expires_at_1": "00:00"}

    refused = client.post("/admin/accounts/apitoken/add/", {**values, "user": str(chief.pk)})
    made = client.post("/admin/accounts/apitoken/add/", {**values, "user": str(clerk.pk)})

    assert (refused.status_code, made.status_code) == (200, 302)
    assert [token.user for token in ApiToken.objects.all()] == [clerk]
