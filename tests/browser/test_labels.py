"""Every control of every page has an accessible name, and words that are seen beside it or on pointing at it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.test_controls import PAGES, SMALL, choose, opened

Visit = Callable[..., Visitor]
# What Streamlit or Plotly draws around its own controls, which names itself.
THEIRS = ", ".join(f"[data-testid={name}]" for name in ("stHeader", "stDataFrame", "stTooltipIcon", "stSidebarHeader"))
WIDGET = ".stSelectbox, .stSlider, .stSelectSlider, .stNumberInput, .stTextInput, .stButtonGroup, .stCheckbox, .rx-pick"
NAMELESS = r"""([theirs, kinds]) => {
  const seen = (node) => node.checkVisibility({ visibilityProperty: true }) && node.getBoundingClientRect().width > 1;
  const text = (node) => (node ? node.innerText || "" : "").trim();
  const byId = (node) => (node.getAttribute("aria-labelledby") || "").split(" ").filter(Boolean)
    .map((id) => text(document.getElementById(id))).join(" ");
  const label = (node) => [...(node.labels || [])].map(text).join(" ");
  const found = [];
  for (const node of document.querySelectorAll("button, select, input, textarea, summary, [role=slider], a[href]")) {
    if (!seen(node) || node.type === "file" || node.closest(`[aria-hidden=true], ${theirs}, .stPlotlyChart`)) continue;
    const name = node.getAttribute("aria-label") || byId(node) || label(node) || text(node) || node.title;
    const widget = node.closest(kinds);
    const own = text(node) || label(node) || (node.closest("[title]") || {}).title;
    const around = widget && [...widget.querySelectorAll("label, [data-testid=stWidgetLabel]")].filter(seen).map(text).join("");
    const chosen = node.closest("[class*=st-key-branch-]"); // it says "branch 2: from step 10"
    const part = widget && node.matches("button"); // of a number's field, beside its label
    if (!name) found.push(`no name: ${node.outerHTML.slice(0, 200)}`);
    else if (!own && !around && !chosen && !part) found.push(`no words for ${name}: ${node.outerHTML.slice(0, 200)}`);
  }
  return found;
}"""  # noqa: E501


def nameless(visitor: Visitor) -> list[str]:
    return visitor.page.evaluate(NAMELESS, [THEIRS, WIDGET])


@pytest.mark.parametrize("place", [*PAGES, "Data"])
def test_every_control_has_a_name_and_words(visit: Visit, place: str) -> None:
    query, way, there = PAGES.get(place, (SMALL, "", ""))
    visitor = opened(visit, place, query)
    for box in visitor.page.locator("[data-testid=stSidebar] [data-testid=stExpander] summary").all():
        box.click()
    choose(visitor, way, there)
    if place == "Cell":
        for edit in ("Clamp a gate", "Ablate units", "Edit input", "Edit weight"):
            visitor.page.get_by_role("radio", name=edit).click()
            expect(visitor.page.locator("[class*=st-key-what-if-open-]")).to_be_visible()
            assert nameless(visitor) == []
    visitor.still()
    assert nameless(visitor) == []


def test_a_control_without_words_is_found(visit: Visit) -> None:
    visitor = opened(visit, "lab", SMALL)
    assert nameless(visitor) == []
    visitor.page.locator(".st-key-run-row .stSelectbox label").first.evaluate(
        "(node) => { node.style.display = 'none'; }"
    )
    visitor.page.locator(".rx-pick-log").evaluate("(node) => { node.title = ''; node.lastChild.textContent = ''; }")
    visitor.page.locator(".rx-pick-unit input").evaluate("(node) => node.removeAttribute('aria-label')")
    visitor.page.locator(".rx-pick-unit span").evaluate("(node) => { node.textContent = ''; }")
    visitor.page.locator(".rx-pick-unit").evaluate("(node) => { node.title = ''; }")
    assert len(nameless(visitor)) == 3
