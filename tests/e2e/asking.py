"""Steps that several browser tests share."""

from __future__ import annotations

from typing import Any

BALANCE = "Comment équilibrer un canal ?"
OFF_TOPIC = "Quelle est la recette du gratin dauphinois ?"


def ask(page: Any, question: str) -> Any:
    """Ask on the page that is open; return the finished answer's element."""
    before = page.locator("#thread article[id^='q-']").count()
    page.locator("#question").fill(question)
    page.locator("#question").press("Enter")
    answer = page.locator("#thread article[id^='q-']").nth(before)
    answer.locator(".answer-facts").wait_for(timeout=30_000)
    return answer


def marked_text(page: Any) -> str:
    """Return the highlighted words of the reader."""
    page.locator(".doc mark").first.wait_for()
    return " ".join("\n".join(page.locator(".doc mark").all_inner_texts()).split())
