"""Takes the pictures of the README: ``python -m tests.e2e.screenshots`` writes them into ``docs/images``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from tests.e2e.asking import BALANCE, ask
from tests.e2e.running import PASSWORD, ROOT, USERNAME, browser_path, running_server
from tests.factories_documents import build_pdf, column, picture_pdf

IMAGES = ROOT / "docs" / "images"
SIZE: Any = {"width": 1280, "height": 800}
NOTES = [
    "Notes du serveur",
    "Le pair Alpha coupe souvent la connexion le dimanche soir.",
    "Je laisse 20 % de la liquidite du canal Beta du cote local.",
]


def main() -> int:
    """Take the three pictures; return the exit code."""
    path = browser_path()
    if path is None:
        print("no Chromium on this machine", file=sys.stderr)
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)
    with running_server() as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(
            base_url=server.address, locale="fr-FR", viewport=SIZE, reduced_motion="reduce"
        )
        _log_in(page)
        _answer(page)
        _reader(page)
        _documents(page)
        browser.close()
    return 0


def _log_in(page: Any) -> None:
    page.goto("/login")
    page.locator("[name=username]").fill(USERNAME)
    page.locator("[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/")


def _answer(page: Any) -> None:
    page.goto("/")
    ask(page, BALANCE)
    page.evaluate("scrollTo(0, 0)")
    _take(page, IMAGES / "answer.png")


def _reader(page: Any) -> None:
    page.locator("a.cite").last.click()
    page.locator(".doc mark").first.wait_for()
    _take(page, IMAGES / "reader.png")


def _documents(page: Any) -> None:
    page.goto("/documents/")
    notes = build_pdf([column(NOTES)], title="Notes du serveur")
    files = {"scan-contrat.pdf": picture_pdf(3), "notes-du-serveur.pdf": notes}
    for name, data in files.items():
        page.locator("#files").set_input_files({"name": name, "mimeType": "application/pdf", "buffer": data})
        page.locator("#rows > li").filter(has_text=name).wait_for()
    page.locator("#rows .row-problem").wait_for(timeout=60_000)
    page.locator("#poll:not([hx-trigger*=load])").wait_for(state="attached", timeout=60_000)
    _take(page, IMAGES / "documents.png")


def _take(page: Any, path: Path) -> None:
    page.screenshot(path=path, animations="disabled")
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1024} KB")


if __name__ == "__main__":
    sys.exit(main())
