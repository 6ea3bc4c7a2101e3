"""Controls without an accessible name, or without words that are seen beside them or on pointing at them."""

from __future__ import annotations

from collections.abc import Callable

from tests.browser.conftest import Visitor

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
    """The controls of this page that lack a name or words; `test_controls` looks at every page."""
    return visitor.page.evaluate(NAMELESS, [THEIRS, WIDGET])


def test_a_control_without_words_is_found(visit: Visit) -> None:
    visitor = visit(alone=True).open("task=adding&cell=gru&seq_len=12&hidden_size=8")
    assert nameless(visitor) == []
    visitor.page.locator(".st-key-run-row .stSelectbox label").first.evaluate(
        "(node) => { node.style.display = 'none'; }"
    )
    visitor.page.locator(".rx-pick-log").evaluate("(node) => { node.title = ''; node.lastChild.textContent = ''; }")
    visitor.page.locator(".rx-pick-unit input").evaluate("(node) => node.removeAttribute('aria-label')")
    visitor.page.locator(".rx-pick-unit span").evaluate("(node) => { node.textContent = ''; }")
    visitor.page.locator(".rx-pick-unit").evaluate("(node) => { node.title = ''; }")
    assert len(nameless(visitor)) == 3
