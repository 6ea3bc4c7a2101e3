"""A phone, a window of 900 px, and a laptop at 150 % zoom, whose page is 853 px wide."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from rnn_explorer.ui import navigation
from rnn_explorer.views import VIEWS
from tests.browser.conftest import Visitor

Visit = Callable[..., Visitor]
SMALL = "task=adding&cell=lstm&seq_len=12&hidden_size=6&steps=60"
PAGES = [navigation.address(page) for page in navigation.found() if page.name in VIEWS]
# Controls and words that leave the window, and buttons of the header that lie over each other.
CROWDED = """() => {
  const found = [];
  const isSeen = (node) => node.checkVisibility({ visibilityProperty: true });
  const seen = (selector) => [...document.querySelectorAll(selector)].filter(isSeen);
  const box = (node) => node.getBoundingClientRect();
  const named = (node) => node.outerHTML.slice(0, 70);
  const meet = (a, b) => a.right > b.left + 1 && b.right > a.left + 1 && a.bottom > b.top + 1 && b.bottom > a.top + 1;
  for (const node of seen('.rx-view :is(button, select, input, summary, .rx-title, .rx-how, .rx-numbers, .rx-when)')) {
    if (box(node).width && (box(node).right > innerWidth + 1 || box(node).left < -1)) found.push(named(node));
  }
  const header = '.rx-corner button, [data-testid=stHeader] :is(a, button)';
  const rows = [header, '.rx-past > *', '.rx-head > *', '.rx-bar > *'];
  for (const nodes of rows.map(seen)) {
    nodes.forEach((one, number) => nodes.slice(number + 1).forEach((other) => {
      const apart = one.contains(other) || other.contains(one) || !meet(box(one), box(other));
      if (!apart) found.push(`${named(one)} over ${named(other)}`);
    }));
  }
  return found;
}"""
WRAPPED = "[...document.querySelectorAll('.rx-how')].every((node) => node.scrollWidth <= node.clientWidth)"
# Where the maps of the gates begin.
TOPS = """[...document.querySelectorAll('.rx-gates .heatmaplayer image')].map((map) =>
  Math.round(map.getBoundingClientRect().top))"""


def sidebar(visitor: Visitor) -> Locator:
    return visitor.page.locator('[data-testid="stSidebar"]')


@pytest.mark.parametrize(("width", "height"), [(390, 844), (900, 844), (853, 480)])
def test_nothing_is_crowded_and_the_sidebar_starts_closed(visit: Visit, width: int, height: int) -> None:
    shown = visit(width, height, alone=True)
    main = "document.querySelector('[data-testid=stMain]')"
    wrong: list[str] = []
    for page in PAGES if width != 853 else PAGES[:2]:
        shown.open(SMALL, page, (), anew=page == "")
        expect(shown.page.locator(".rx-panel").first).to_be_visible()
        if page == "data":
            shown.wait("document.querySelector('.stPlotlyChart .main-svg')?.getBoundingClientRect().width >= 600")
        shown.still()
        found = shown.page.evaluate(CROWDED)
        found += [f"{part} leaves the window" for part in ("document.documentElement", main)
                  if shown.page.evaluate(f"{part}.scrollWidth") > width]  # fmt: skip
        if not shown.page.evaluate("document.elementFromPoint(20, 300).closest('[data-testid=stSidebar]') === null"):
            found.append("the sidebar is open")
        panels = [panel.bounding_box() for panel in shown.page.locator(".rx-panel:visible").all()]
        for above, below in itertools.pairwise(box for box in panels if box):
            if below["y"] < above["y"] + above["height"]:
                found.append(f"panels beside each other: {above} {below}")
        if not shown.page.evaluate(WRAPPED):
            found.append("a caption is cut off")
        wrong += [f"{page or 'lab'}: {what}" for what in found]
    assert not wrong, "\n".join(wrong)


def test_pages_are_reached_on_a_phone(visit: Visit) -> None:
    lab = visit(390, 844, alone=True).open(SMALL)
    lab.page.get_by_test_id("stExpandSidebarButton").click()
    link = sidebar(lab).get_by_role("link", name="Memory", exact=True)
    expect(link).to_be_visible()
    link.click()
    expect(lab.page.locator('.rx-view[data-view="memory"]')).to_be_visible()


def test_tools_fold_into_a_menu_on_a_phone_and_gates_are_stacked(visit: Visit) -> None:
    lab = visit(390, 844, alone=True).open(SMALL)
    gates = lab.page.locator(".rx-gates")
    choice = gates.locator("select[name=gates]")
    expect(choice).to_be_hidden()
    lab.wait(f"new Set({TOPS}).size === {TOPS}.length && {TOPS}.length >= 8")
    gates.get_by_text("Tools", exact=True).click()
    expect(choice).to_be_visible()
    choice.select_option("unit")
    expect(gates.locator(".rx-title")).to_contain_text("over time")
    lab.page.set_viewport_size({"width": 1440, "height": 900})
    expect(choice).to_be_visible()  # where there is room it stands in the head
    expect(gates.get_by_text("Tools", exact=True)).to_be_hidden()


def test_a_legend_has_room_for_all_its_rows(visit: Visit) -> None:
    lab = visit(390, 844, alone=True).open("task=digits&hidden_size=8&steps=60")
    lab.press("play")
    lab.status("finished")
    plot = "document.querySelector('.rx-curves .rx-plot')"
    lab.wait(f"{plot}.querySelectorAll('.legendtext').length >= 3")
    # Plotly cuts off rows for which the margin has no room
    lab.wait(f"{plot}._fullLayout.legend._height <= {plot}._fullLayout.margin.t")
    narrow = lab.page.evaluate(f"{plot}._fullLayout.margin.t")
    lab.page.set_viewport_size({"width": 1440, "height": 900})
    lab.wait(f"{plot}._fullLayout.margin.t < {narrow}")  # and gives it back


def test_a_sidebar_that_was_opened_stays_for_windows_of_that_kind(visit: Visit) -> None:
    lab = visit(880, 800, alone=True).open(SMALL)
    lab.page.evaluate("localStorage.clear()")  # what other tests have left open
    lab.page.reload()
    lab.ready()
    opener = lab.page.get_by_test_id("stExpandSidebarButton")
    opener.click()
    expect(opener).to_have_count(0)
    lab.page.reload()
    lab.ready()
    expect(opener).to_have_count(0)  # as it was left
    sidebar(lab).hover(position={"x": 100, "y": 20})
    lab.page.get_by_test_id("stSidebarCollapseButton").locator("button").click()
    expect(opener).to_be_visible()
    lab.page.set_viewport_size({"width": 1440, "height": 900})
    expect(opener).to_have_count(0)  # a wide window has it open
