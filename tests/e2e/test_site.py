"""Pages of libraries under our content security policy: the API description and the admin."""

from __future__ import annotations

from typing import Any

import pytest

# The console of every page is watched: what the policy blocks fails the test (tests/e2e/conftest.py).


def test_the_api_description_is_shown(page: Any, expect: Any) -> None:
    page.goto("/api/docs/")

    expect(page.locator(".swagger-ui .info .title")).to_contain_text("MCP")
    expect(page.get_by_text("/api/v1/rag/query", exact=True).first).to_be_visible()


def test_a_call_can_be_tried_from_the_description(page: Any, expect: Any) -> None:
    page.goto("/api/docs/")
    operation = page.locator(".opblock", has_text="/health").first
    operation.click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()

    expect(operation.locator(".live-responses-table tbody .response-col_status").first).to_contain_text("200")


@pytest.mark.parametrize(
    "path",
    [
        "/admin/",
        "/admin/accounts/user/",
        "/admin/accounts/user/add/",
        "/admin/auth/group/add/",
        "/admin/accounts/apitoken/add/",
        "/admin/rag/document/",
        "/admin/rag/collection/add/",
    ],
)
def test_an_admin_page_works_under_the_policy(page: Any, expect: Any, path: str) -> None:
    page.goto(path)

    expect(page.locator("#content")).to_be_visible()


def test_a_token_is_made_in_the_admin(page: Any, expect: Any) -> None:
    page.goto("/admin/accounts/apitoken/add/")
    page.locator("#id_name").fill("script")
    page.locator("input[name=_save]").click()

    expect(page.locator(".messagelist code")).to_contain_text("mcp_")
