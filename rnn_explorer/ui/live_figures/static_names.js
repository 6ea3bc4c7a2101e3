// Figures at rest, which Streamlit draws, get the name that stands above them: it has no way to give them one.

/** @param {ParentNode} [page] */
export function nameFigures(page = document) {
  for (const chart of page.querySelectorAll("[class*=st-key-figure-] .stPlotlyChart:not([aria-label])")) {
    const holder = chart.closest("[class*=st-key-figure-]");
    const title = holder?.querySelector("strong")?.textContent;
    if (!title) continue;
    chart.setAttribute("role", "figure");
    const how = [...(holder?.querySelectorAll("[data-testid=stCaptionContainer]") || [])].pop()?.textContent || "";
    chart.setAttribute("aria-label", `${title}. ${how}`);
  }
}
