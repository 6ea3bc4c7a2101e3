"""Presenting, Enlarge, and the right end of the header: what fills the screen, and in which type."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from rnn_explorer.ui import navigation
from rnn_explorer.views import VIEWS
from tests.browser.conftest import Visitor

Visit = Callable[..., Visitor]
SMALL = "task=adding&cell=lstm&seq_len=12&hidden_size=6&steps=60"
VIEW = "[...window.__rnnExplorer.values()].find((view) => view.root.isConnected)"
# Texts in sight that are smaller than 14 px on the screen, or that leave it at the right or the left.
UNREADABLE = """(root) => {
  const found = [];
  const walker = document.createTreeWalker(document.querySelector(root), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(), node = walker.currentNode.parentElement;
    if (!text || !node.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    const range = document.createRange();
    range.selectNodeContents(walker.currentNode);
    const box = range.getBoundingClientRect();
    if (!box.width || box.bottom < 0 || box.top > innerHeight) continue;
    let size = parseFloat(getComputedStyle(node).fontSize);
    const matrix = node.closest('svg') && node.getScreenCTM?.();
    if (matrix) size *= Math.hypot(matrix.b, matrix.d);
    if (size < 13.9 || box.right > innerWidth + 1 || box.left < -1) found.push(`${text.slice(0, 30)}: ${size} px`);
  }
  return found;
}"""
PRESSED = ".rx-panels [aria-pressed=true]"


def presenting(visitor: Visitor) -> None:
    expect(visitor.page.locator(".rx-presenting .rx-panel:visible").first).to_be_visible()


def settled(visitor: Visitor) -> None:
    """Until all that is seen is drawn in the size that is wanted now."""
    visitor.wait(f"[...{VIEW}.panels.values()].every((panel) => panel.root.checkVisibility() ? !panel.dirty : true)")
    visitor.still(150)


def test_no_text_is_smaller_than_14_px_while_presenting(visit: Visit) -> None:
    shown = visit(1280, 720, alone=True)
    wrong: list[str] = []
    for page in (navigation.address(page) for page in navigation.found() if page.name in VIEWS):
        shown.open(f"{SMALL}&present=1", page, ("curves",) if page == "" else ())
        presenting(shown)
        over_sidebar = "document.elementFromPoint(30, 300).closest('.rx-presenting') !== null"
        assert shown.page.evaluate(over_sidebar)
        shown.page.keyboard.press("p")
        shown.status("finished")
        expect(shown.page.locator(".rx-numbers")).to_contain_text("step 60 / 60")
        count = shown.page.locator(".rx-panels [aria-pressed]").count()
        for number in range(count):
            expect(shown.page.locator(PRESSED)).to_have_text(re.compile(f"^{number + 1} "))
            settled(shown)
            unreadable = shown.page.evaluate(UNREADABLE, ".rx-presenting")
            wrong += [f"{page or 'lab'}, figure {number + 1}: {text}" for text in unreadable]
            shown.page.keyboard.press("PageDown")
        expect(shown.page.locator(PRESSED)).to_have_text(re.compile(f"^{count} "))  # none comes after the last
        if count > 1:
            shown.page.keyboard.press("1")
            expect(shown.page.locator(PRESSED)).to_have_count(2)
            settled(shown)
            unreadable = shown.page.evaluate(UNREADABLE, ".rx-presenting")
            wrong += [f"{page or 'lab'}, two figures: {text}" for text in unreadable]
        assert "present=1" in shown.page.url
    assert not wrong, "\n".join(wrong)


def test_presenting_begins_with_a_key_walks_the_figures_and_the_past_and_ends_with_escape(visit: Visit) -> None:
    lab = visit(1280, 720).open(f"{SMALL}&speed_limit=1000")
    lab.press("play")
    lab.status("finished")
    inert = lab.page.locator("[inert]").count()  # Streamlit's own
    keys, pressed = lab.page.keyboard, lab.page.locator(PRESSED)
    keys.press("f")
    presenting(lab)
    expect(lab.page).to_have_url(re.compile("present=1"))
    expect(lab.page.locator(".rx-curves")).to_be_visible()
    expect(lab.page.locator(".rx-prediction")).to_be_hidden()
    keys.press("ArrowRight")
    expect(lab.page.locator(".rx-prediction")).to_be_visible()
    expect(lab.page.locator(".rx-curves")).to_be_hidden()
    keys.press("PageUp")
    expect(lab.page.locator(".rx-curves")).to_be_visible()
    lab.page.locator(".rx-panels button", has_text="Hidden state").first.click()
    expect(lab.page.locator(".rx-states")).to_be_visible()
    keys.press("5")
    expect(pressed).to_have_count(2)
    keys.press("5")
    expect(pressed).to_have_count(1)
    keys.press("Shift+ArrowLeft")
    expect(lab.view).not_to_have_attribute("data-at", "")
    keys.press("b")
    expect(lab.page.locator(".rx-cover")).to_be_visible()
    keys.press("x")  # any key brings it back, and does no more
    expect(lab.page.locator(".rx-cover")).to_be_hidden()
    assert lab.view.get_attribute("data-step") == "60"
    keys.press("b")
    keys.press("Escape")
    expect(lab.page.locator(".rx-cover")).to_be_hidden()
    presenting(lab)
    keys.press("Escape")
    expect(lab.page.locator(".rx-presenting")).to_have_count(0)
    expect(lab.page).not_to_have_url(re.compile("present="))
    expect(lab.view).not_to_have_attribute("data-at", "")  # the past stays until it is closed itself
    keys.press("Escape")
    expect(lab.view).to_have_attribute("data-at", "")
    expect(lab.page.locator(".rx-prediction")).to_be_visible()
    expect(lab.page.locator("[inert]")).to_have_count(inert)


def test_presenting_keeps_run_and_selection_and_trains_by_the_same_keys(visit: Visit) -> None:
    lab = visit(1280, 720).open(SMALL)
    lab.view.locator("input[name=unit]").fill("4")
    lab.view.locator("input[name=unit]").press("Enter")
    lab.wait(f"Number({VIEW}.chosen.unit) === 4")
    run = lab.run_id()
    lab.page.get_by_role("button", name="Present: one figure").click()
    presenting(lab)
    for key, step in (("n", "1"), ("x", "0"), ("n", "1")):
        lab.page.keyboard.press(key)
        expect(lab.view).to_have_attribute("data-step", step)
    lab.page.keyboard.press("e")
    lab.past(1)
    lab.status("paused")
    presenting(lab)
    assert lab.run_id() == run
    lab.page.get_by_role("button", name="End presenting").click()
    expect(lab.page.locator(".rx-presenting")).to_have_count(0)
    assert lab.page.evaluate(f"Number({VIEW}.chosen.unit)") == 4
    lab.page.reload()
    lab.ready()
    expect(lab.page.locator(".rx-presenting")).to_have_count(0)


def test_an_enlarged_figure_covers_the_sidebar_in_larger_type(visit: Visit) -> None:
    lab = visit(1280, 720).open(SMALL)
    size = "parseFloat(getComputedStyle(document.querySelector('.rx-states .xtick text')).fontSize)"
    before = lab.page.evaluate(size)
    lab.page.locator(".rx-states").get_by_role("button", name="Enlarge").click()
    panel = lab.page.locator(".rx-large")
    expect(panel).to_be_visible()
    for x, y in ((60, 100), (60, 600), (640, 30), (1240, 690)):
        inside = f"document.elementFromPoint({x}, {y})?.closest('.rx-large') !== null"
        lab.wait(inside)
    lab.wait(f"{size} >= {1.3 * before}")
    settled(lab)
    assert lab.page.evaluate(UNREADABLE, ".rx-large") == []
    lab.page.keyboard.press("f")  # what is enlarged is what is presented
    presenting(lab)
    expect(lab.page.locator(".rx-states")).to_be_visible()
    lab.page.keyboard.press("Escape")
    expect(lab.page.locator(".rx-presenting")).to_have_count(0)
    lab.page.locator(".rx-states").get_by_role("button", name="Enlarge").click()
    expect(panel).to_be_visible()
    lab.page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    lab.wait(f"{size} === {before}")


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.long)])
def test_the_switch_turns_light_and_dark_without_a_reload_on_all_pages_and_for_good(visit: Visit, scheme: str) -> None:
    lab = visit(1280, 720, scheme, alone=True).open(SMALL)
    dark = scheme == "dark"
    colors = {False: "rgb(255, 255, 255)", True: "rgb(16, 21, 27)"}
    app = lab.page.locator(".stApp")
    switch = lab.page.locator(".rx-theme")
    text = "getComputedStyle(document.querySelector('.rx-states .xtick text')).fill"
    expect(app).to_have_css("background-color", colors[dark])
    expect(switch).to_have_accessible_name(re.compile("as the system"))
    before = lab.page.evaluate(text)
    lab.page.evaluate("window.stays = true")
    switch.click()
    expect(app).to_have_css("background-color", colors[not dark])
    expect(switch).to_have_accessible_name(re.compile("as chosen here"))
    expect(switch).to_contain_text("Light" if dark else "Dark")
    lab.wait(f"{text} !== {before!r}")
    assert lab.page.evaluate("window.stays")
    lab.page.goto(f"{lab.server.url}data?{SMALL}&pace=fast")  # another page, loaded anew
    expect(app).to_have_css("background-color", colors[not dark])
    chart = lab.page.locator('[data-testid="stPlotlyChart"] .xtick text').first
    expect(chart).to_be_visible()
    bright = chart.evaluate("(node) => getComputedStyle(node).fill")
    switch.click()
    expect(app).to_have_css("background-color", colors[dark])
    expect(switch).to_have_accessible_name(re.compile("as the system"))
    expect(chart).not_to_have_css("fill", bright)
    lab.page.emulate_media(color_scheme="light" if dark else "dark")  # and follows it again
    expect(app).to_have_css("background-color", colors[not dark])


def test_the_corner_has_names_and_shows_the_keys(visit: Visit) -> None:
    lab = visit(1280, 720).open(SMALL)
    corner = lab.page.get_by_role("navigation", name="This view")
    for name in ("Share what you see", "Present:", "Light,", "Keys"):
        button = corner.get_by_role("button", name=name)
        expect(button).to_be_visible()
        assert button.get_attribute("title")
    corner.get_by_role("button", name="Keys").click()
    expect(lab.page.get_by_role("dialog", name="Keys")).to_be_visible()
