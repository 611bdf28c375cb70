"""How pages look and speak: language, light and dark, contrast, phone width, and a clean console everywhere."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.e2e.asking import BALANCE, OFF_TOPIC, ask
from tests.e2e.conftest import PHONE
from tests.e2e.running import PASSWORD, USERNAME

PLAIN = (
    "/",
    "/history/",
    "/history/delete/",
    "/documents/",
    "/documents/text/",
    "/documents/url/",
    "/documents/upload/",
    "/account",
    "/account/password",
)
TOO_FAINT = """() => {
  const luminance = (color) => {
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const [red, green, blue] = color.map((value) => linear(value / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgba = (text) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const color = rgba(getComputedStyle(each).backgroundColor);
      if (color[3] > 250) return color;
    }
    return [255, 255, 255, 255];
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const [element, text] = [walker.currentNode.parentElement, walker.currentNode.data.trim()];
    const visible = element.checkVisibility({opacityProperty: true, visibilityProperty: true});
    if (!text || !visible) continue;
    const style = getComputedStyle(element);
    const [a, b] = [luminance(rgba(style.color)), luminance(behind(element))].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < (large ? 3 : 4.5)) faint.push(`${text.slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return faint;
}"""
OPEN_ALL = "document.querySelectorAll('main details:not(.menu)').forEach((e) => { e.open = true })"
TARGETS = "button, summary, select, input:not([type=hidden]), a.button, a.icon-button, nav a"
TOO_SMALL = """(targets) => [...document.querySelectorAll(targets)]
  .filter((e) => e.checkVisibility({opacityProperty: true}) && !e.closest(".visually-hidden"))
  .map((e) => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])
  .filter(([, box]) => box.width && (box.width < 24 || box.height < 24)).map(([name]) => name)"""


def paths(page: Any) -> list[str]:
    """Ask two questions; return the address of every page, with the answer and a quotation among them."""
    page.goto("/")
    answer = ask(page, BALANCE)
    quote = answer.locator("a.cite").first.get_attribute("href")
    ask(page, OFF_TOPIC)
    conversation = page.url
    document = quote.split("?")[0]
    plain = [
        "/",
        "/history/",
        "/history/delete/",
        "/documents/",
        "/documents/text/",
        "/documents/url/",
        "/documents/upload/",
    ]
    return [
        *plain,
        "/account",
        "/account/password",
        conversation,
        quote,
        f"{document}replace/",
        f"{document}delete/",
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast_on_every_page(make_page: Any, scheme: str) -> None:
    page = make_page(color_scheme=scheme)

    for path in paths(page):
        page.goto(path)
        page.evaluate(OPEN_ALL)
        assert page.evaluate(TOO_FAINT) == [], path


def test_a_phone_never_scrolls_sideways_and_targets_are_large_enough(make_page: Any) -> None:
    page = make_page(viewport=PHONE, has_touch=True, is_mobile=True)

    for path in paths(page):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
        assert page.evaluate(TOO_SMALL, TARGETS) == [], path


def test_the_language_is_switched_and_kept(make_page: Any, expect: Any) -> None:
    page = make_page()
    page.goto("/documents/?search=canal")

    page.get_by_role("button", name="EN", exact=True).click()

    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page).to_have_url("/documents/?search=canal")
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("What do you want to know?")
    page.get_by_role("button", name="FR", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Que voulez-vous savoir")


def test_the_display_is_chosen_and_kept_without_a_flash(make_page: Any, expect: Any) -> None:
    page = make_page(color_scheme="light")
    page.goto("/")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)

    page.locator(".top details.menu summary").click()
    page.get_by_label("Sombre").check()

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    dark = page.evaluate(background)
    assert dark != light
    assert 'data-theme="dark"' in page.request.get("/").text()
    page.reload()
    assert page.evaluate(background) == dark
    page.locator(".top details.menu summary").click()
    page.get_by_label("Auto").check()
    assert page.evaluate(background) == light


def test_the_menu_closes_by_escape_and_by_a_click_elsewhere(page: Any, expect: Any) -> None:
    page.goto("/")
    menu = page.locator(".top details.menu")

    menu.locator("summary").click()
    page.keyboard.press("Escape")
    expect(menu).not_to_have_attribute("open", "")
    expect(menu.locator("summary")).to_be_focused()
    menu.locator("summary").click()
    page.locator("h1").click()
    expect(menu).not_to_have_attribute("open", "")


def test_times_carry_the_zone_of_the_reader(make_page: Any, expect: Any) -> None:
    page = make_page(timezone_id="Europe/Paris")
    page.goto("/documents/")

    expect(page.locator("time").first).to_have_attribute("title", re.compile(r"UTC\+[12]|CES?T|heure"))


def test_the_policy_of_the_site_forbids_inline_code(page: Any) -> None:
    policy = page.goto("/").headers["content-security-policy"]

    assert "unsafe" not in policy
    assert "default-src 'self'" in policy


def test_logging_out_ends_the_session(browser: Any, server: Any, expect: Any) -> None:
    context = browser.new_context(base_url=server.address, locale="en-GB")
    page = context.new_page()
    page.goto("/login")
    page.get_by_label("Username").fill(USERNAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.locator(".top details.menu summary").click()
    page.locator(".menu-panel form button").click()

    expect(page).to_have_url(re.compile("/login"))
    page.goto("/documents/")
    expect(page).to_have_url(re.compile("/login"))
    context.close()
