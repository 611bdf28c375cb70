"""One server and one browser for all end-to-end tests; each test has a page of its own, logged in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.running import PASSWORD, USERNAME, Server, browser_path, running_server

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

DESK = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}

MakePage = Callable[..., Any]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests do not depend on the database."""
    for item in items:
        if "tests/e2e" in item.path.as_posix():
            item.add_marker(pytest.mark.once)


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """Return a Chromium of this machine."""
    path = browser_path()
    if path is None:
        pytest.skip("no Chromium on this machine (Debian: apt install chromium)")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="package")
def server(browser: Any) -> Iterator[Server]:
    """Return the running server; not started where there is no browser."""
    with running_server() as running:
        yield running


@pytest.fixture(scope="package")
def session(browser: Any, server: Server) -> Any:
    """Return the cookies of a session that went through the login page."""
    context = browser.new_context(base_url=server.address, locale="fr-FR")
    page = context.new_page()
    page.goto("/documents/")
    page.get_by_label("Nom d’utilisateur").fill(USERNAME)
    page.get_by_label("Mot de passe").fill(PASSWORD)
    page.get_by_role("button", name="Se connecter").click()
    page.wait_for_url("**/documents/")
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def make_page(browser: Any, server: Server, session: Any) -> Iterator[MakePage]:
    """Return a function that opens a logged-in page; errors in the console of any of them fail the test."""
    contexts: list[Any] = []
    troubles: list[str] = []

    def make(*, expect_errors: bool = False, **options: Any) -> Any:
        values = {"viewport": DESK, "locale": "fr-FR", "storage_state": session, **options}
        context = browser.new_context(base_url=server.address, **values)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(f"{page.url}: {error}"))
        if not expect_errors:
            page.on("console", lambda entry: _note(entry, page, troubles))
        return page

    yield make
    for context in contexts:
        context.close()
    assert troubles == []


def _note(entry: Any, page: Any, troubles: list[str]) -> None:
    # Chromium reports what the content security policy blocks as an error, too.
    if entry.type in ("error", "warning"):
        troubles.append(f"{page.url}: {entry.text}")


@pytest.fixture
def page(make_page: MakePage) -> Any:
    """Return a logged-in page of a French desktop browser."""
    return make_page()


@pytest.fixture
def expect() -> Any:
    """Return Playwright's waiting assertions."""
    sync_api.expect.set_options(timeout=20_000)
    return sync_api.expect
