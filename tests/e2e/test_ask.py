"""Asking in a real browser: streamed, cited, in place, honest, and usable without mouse or script."""

from __future__ import annotations

import re
from typing import Any

from tests.e2e.asking import BALANCE, OFF_TOPIC, ask, marked_text

WATCH_THE_STREAM = """
window.streamed = {sources: false, text: "", live: ""};
new MutationObserver(() => {
  const live = document.querySelector("[data-live]");
  if (!live) return;
  window.streamed.live = live.getAttribute("aria-live");
  window.streamed.text = live.textContent || window.streamed.text;
  if (document.querySelector("[data-found]:not([hidden]) li")) window.streamed.sources = true;
}).observe(document, {childList: true, subtree: true});
"""

IN_VIEW = "e => e.getBoundingClientRect().top >= 0 && e.getBoundingClientRect().bottom <= innerHeight"


def test_a_question_is_answered_as_it_comes_and_each_citation_opens_its_words(page: Any, expect: Any) -> None:
    page.add_init_script(WATCH_THE_STREAM)
    page.goto("/")

    answer = ask(page, BALANCE)

    streamed = page.evaluate("window.streamed")
    assert streamed["sources"]
    assert streamed["live"] == "polite"
    assert "canal" in streamed["text"]
    expect(page).to_have_url(re.compile("/conversations/"))
    expect(page.get_by_role("status").filter(has_text="La réponse est prête.")).to_have_count(1)
    for number in range(answer.locator("a.cite").count()):
        link = answer.locator("a.cite").nth(number)
        source = answer.locator(f"#{link.get_attribute('data-source')} .source-quote mark")
        quote = " ".join(source.inner_text().split())
        link.click()
        assert marked_text(page) == quote
        assert page.locator("#quote").evaluate(IN_VIEW)
        page.get_by_role("link", name="Retour à la réponse").click()
        expect(answer.locator(".answer-facts")).to_be_visible()


def test_an_answer_says_that_it_quotes_and_why_each_passage_was_found(page: Any, expect: Any) -> None:
    page.goto("/")

    answer = ask(page, BALANCE)

    expect(answer).to_contain_text("cite, ne rédige pas")
    why = answer.locator(".source-list .why").first
    expect(why.locator("dl")).to_be_hidden()
    why.locator("summary").click()
    expect(why.locator("dl")).to_contain_text("Rang par les mots")


def test_a_question_that_the_documents_do_not_answer_gets_an_honest_no(page: Any, expect: Any) -> None:
    page.goto("/")

    answer = ask(page, OFF_TOPIC)

    expect(answer).to_contain_text("Je ne sais pas")
    expect(answer.get_by_role("heading", name="Passages les plus proches")).to_be_visible()
    expect(answer.locator("a.cite")).to_have_count(0)
    answer.locator(".source-title").first.click()
    expect(page.locator(".doc mark").first).to_be_visible()


def test_a_follow_up_joins_the_conversation_and_stays_after_a_reload(page: Any, expect: Any) -> None:
    page.goto("/")
    ask(page, BALANCE)
    conversation = page.url

    ask(page, "Et combien cela coûte-t-il ?")

    assert page.url == conversation
    page.reload()
    expect(page.locator("#thread .question-text")).to_have_text([BALANCE, "Et combien cela coûte-t-il ?"])


def test_a_suggestion_is_a_question_that_the_guide_answers(page: Any, expect: Any) -> None:
    page.goto("/")
    suggestions = page.locator("[data-suggestions] button").all_inner_texts()
    assert len(suggestions) >= 5

    for suggestion in suggestions:
        page.goto("/")
        page.get_by_role("button", name=suggestion).click()
        expect(page.locator("#thread .answer-facts")).to_be_visible()
        expect(page.locator("#thread a.cite").first).to_be_visible()


def test_feedback_and_its_comment_are_kept(page: Any, expect: Any) -> None:
    page.goto("/")
    answer = ask(page, BALANCE)

    answer.get_by_role("button", name="Non", exact=True).click()
    answer.get_by_label("Que manquait-il").fill("Il manque le coût.")
    answer.get_by_role("button", name="Envoyer le commentaire").click()

    expect(answer).to_contain_text("Votre commentaire est enregistré.")
    page.reload()
    expect(page.locator("#thread .feedback")).to_contain_text("Noté : pas utile.")


def test_an_answer_can_be_stopped_and_asked_again(page: Any, expect: Any) -> None:
    page.goto("/")
    page.route("**/api/v1/rag/query", lambda route: None)
    page.locator("#question").fill(BALANCE)
    page.locator("#question").press("Enter")

    page.get_by_role("button", name="Arrêter").click()

    expect(page.locator("#thread")).to_contain_text("Arrêté.")
    page.unroute("**/api/v1/rag/query")
    page.locator("#thread").get_by_role("button", name="Réessayer").click()
    expect(page.locator("#thread .answer-facts")).to_be_visible()
    expect(page.locator("#thread .question-text")).to_have_count(1)


def test_a_failure_of_the_server_is_explained_and_keeps_the_question(make_page: Any, expect: Any) -> None:
    page = make_page(expect_errors=True)
    page.goto("/")
    problem = {"title": "x", "status": 503, "detail": "Le service est en pause.", "errors": {}}
    page.route("**/api/v1/rag/query", lambda route: route.fulfill(status=503, json=problem))
    page.locator("#question").fill(BALANCE)
    page.locator("#question").press("Enter")

    expect(page.locator("#thread .notice")).to_contain_text("Le service est en pause.")
    expect(page.locator("#thread .question-text")).to_have_text(BALANCE)
    page.unroute("**/api/v1/rag/query")
    page.route("**/api/v1/rag/query", lambda route: route.abort())
    page.locator("#thread").get_by_role("button", name="Réessayer").click()
    expect(page.locator("#thread .notice")).to_contain_text("MCP est injoignable.")


def test_an_answer_is_copied_with_its_sources(make_page: Any, expect: Any) -> None:
    page = make_page(permissions=["clipboard-read", "clipboard-write"])
    page.goto("/")
    answer = ask(page, BALANCE)

    answer.get_by_role("button", name="Copier avec les sources").click()

    expect(answer.get_by_role("button", name="Copié")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "[1] Équilibrer un canal" in copied
    address = re.search(r"http://\S+#quote", copied)
    assert address is not None
    page.goto(address.group())
    expect(page.locator(".doc mark").first).to_be_visible()


def test_everything_works_from_the_keyboard(page: Any, expect: Any) -> None:
    page.goto("/history/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Aller au contenu")).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Demander", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#question")).to_be_focused()
    page.wait_for_load_state("load")
    page.keyboard.type(BALANCE)
    page.keyboard.press("Enter")
    expect(page.locator("#thread .answer-facts")).to_be_visible()

    page.locator("#main").focus()
    page.keyboard.press("Tab")

    expect(page.locator("a.cite").first).to_be_focused()
    expect(page.locator("#cite-preview")).to_be_visible()
    quote = page.locator("#cite-preview q").inner_text()
    page.keyboard.press("Escape")
    expect(page.locator("#cite-preview")).to_be_hidden()
    page.keyboard.press("Enter")
    assert marked_text(page) == " ".join(quote.split())


def test_a_question_is_answered_without_any_script(make_page: Any, expect: Any) -> None:
    page = make_page(java_script_enabled=False)
    page.goto("/")
    page.locator("#question").fill(BALANCE)

    page.get_by_role("button", name="Demander").click()

    expect(page).to_have_url(re.compile("/conversations/.*#q-"))
    expect(page.locator("a.cite").first).to_be_visible()
    expect(page.get_by_role("button", name="Copier avec les sources")).to_be_hidden()
    page.get_by_role("button", name="Oui", exact=True).click()
    expect(page.locator("#thread .feedback")).to_contain_text("Noté : utile.")
    page.locator("a.cite").first.click()
    expect(page.locator(".doc mark").first).to_be_visible()
