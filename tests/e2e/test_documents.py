"""Documents in a real browser: taken in while one watches, cited at once, never cited again once deleted."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from tests.e2e.asking import ask
from tests.factories_documents import build_pdf, column

DROP = """([name, type, data]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, {type}));
  const form = document.querySelector("form[data-upload]");
  for (const kind of ["dragenter", "dragover", "drop"]) {
    form.dispatchEvent(new DragEvent(kind, {dataTransfer: transfer, bubbles: true, cancelable: true}));
  }
}"""
LANTERN = """# Lantern node handbook

## Restarting the lantern daemon

To restart the lantern daemon, hold the amber switch for eleven seconds until the siren stops.
The lantern daemon then reads its settings from the file lantern.toml again.
"""
QUESTION = "How do I restart the lantern daemon?"


def row(page: Any, title: str) -> Any:
    return page.locator("#rows > li").filter(has_text=title)


def wait_ready(expect: Any, page: Any, title: str) -> None:
    expect(row(page, title).locator(".badge")).to_have_text("prêt", timeout=60_000)


def drop(page: Any, name: str, media_type: str, data: bytes) -> None:
    page.evaluate(DROP, [name, media_type, base64.b64encode(data).decode()])


def test_a_chosen_file_is_read_while_one_watches_then_cited_then_deleted(
    page: Any, expect: Any, tmp_path: Path
) -> None:
    file = tmp_path / "lantern.md"
    file.write_text(LANTERN, encoding="utf-8")
    page.goto("/documents/")

    with page.expect_file_chooser() as chooser:
        page.get_by_text("Choisir des fichiers").click()
    chooser.value.set_files(file)
    wait_ready(expect, page, "Lantern node handbook")

    page.goto("/")
    answer = ask(page, QUESTION)
    expect(answer.locator(".answer-text")).to_contain_text("hold the amber switch for eleven seconds")
    expect(answer.locator(".source-title").first).to_have_text("Lantern node handbook")

    page.goto("/documents/")
    row(page, "Lantern node handbook").locator("summary").click()
    row(page, "Lantern node handbook").get_by_role("link", name="Supprimer").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Supprimer ce document")
    dialog.get_by_role("link", name="Annuler").click()
    expect(dialog).to_be_hidden()
    row(page, "Lantern node handbook").locator("summary").click()
    row(page, "Lantern node handbook").get_by_role("link", name="Supprimer").click()
    dialog.get_by_role("button", name="Supprimer").click()
    expect(page.locator(".messages")).to_contain_text("a été supprimé")

    page.goto("/")
    answer = ask(page, QUESTION)
    expect(answer).not_to_contain_text("amber switch")
    expect(answer).not_to_contain_text("Lantern node handbook")


def test_a_dropped_pdf_is_read_and_cited_with_its_page(page: Any, expect: Any) -> None:
    lines = [
        "The harbour beacon",
        "",
        "The harbour beacon blinks violet when the ledger of the beacon is out of step with its mirror.",
    ]
    pdf = build_pdf(
        [column(["Handbook of the harbour beacon", "First page."]), column(lines)], title="Harbour beacon"
    )
    page.goto("/documents/")

    drop(page, "beacon.pdf", "application/pdf", pdf)

    wait_ready(expect, page, "beacon")
    page.goto("/")
    answer = ask(page, "When does the harbour beacon blink violet?")
    expect(answer.locator(".answer-text")).to_contain_text("blinks violet")
    expect(answer.locator(".source-place").first).to_contain_text("page ")
    answer.locator("a.cite").first.click()
    expect(page.locator("#page-2")).to_be_visible()
    expect(page.locator(".doc mark")).to_contain_text("blinks violet")


def test_a_file_that_cannot_be_read_says_why_and_harms_nothing_else(page: Any, expect: Any) -> None:
    page.goto("/documents/")

    drop(page, "broken.pdf", "application/pdf", b"%PDF-1.7\nthis is no PDF at all")

    broken = row(page, "broken.pdf")
    expect(broken.locator(".badge")).to_have_text("échec", timeout=60_000)
    expect(broken.locator(".row-problem > span")).not_to_be_empty()
    expect(broken.get_by_role("button", name="Réessayer").last).to_be_visible()


def test_an_empty_file_is_refused_beside_its_name(make_page: Any, expect: Any) -> None:
    page = make_page(expect_errors=True)
    page.goto("/documents/")

    drop(page, "nothing.md", "text/markdown", b"")

    expect(page.locator("[data-uploads]")).to_contain_text("nothing.md")
    expect(page.locator("[data-uploads] .errors")).to_have_text("Le fichier est vide.")


def test_files_are_taken_in_without_any_script(make_page: Any, expect: Any, tmp_path: Path) -> None:
    file = tmp_path / "plain.md"
    file.write_text("# Plain form page\n\nSent without a script.", encoding="utf-8")
    page = make_page(java_script_enabled=False)
    page.goto("/documents/")

    page.locator("#files").set_input_files(file)
    page.get_by_role("button", name="Envoyer").click()

    expect(page.locator(".messages")).to_contain_text("1 document est en cours de lecture.")
    page.get_by_role("link", name="Coller un texte").click()
    page.get_by_label("Titre").fill("Pasted page")
    page.get_by_label("Texte").fill("Pasted without a script.")
    page.get_by_role("button", name="Ajouter le texte").click()
    expect(page.locator("#rows")).to_contain_text("Pasted page")
