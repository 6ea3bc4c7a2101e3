// What can be downloaded of a figure: its picture, which the browser makes, and files, which the server makes.

import { make, makeButton } from "./dom.js";

/** @typedef {import("./panel.js").Panel} Panel */

/**
 * The menu in a figure's head, and what opens it.
 * @param {Panel} panel
 */
export function downloadMenu(panel) {
  const box = make("details", "rx-menu");
  const summary = make("summary", "rx-icon", "⤓");
  summary.title = "Download this figure";
  summary.setAttribute("aria-label", summary.title);
  const list = make("div", "rx-list");
  if (panel.hasPicture()) {
    list.appendChild(makeButton("", "PNG picture", "", () => {
      box.open = false;
      panel.savePicture();
    }));
  }
  for (const [form, text] of panel.view.outside.makesFiles ? panel.forms() : []) {
    const link = make("a", "", text);
    link.onclick = () => {
      link.href = `${panel.view.base}/explorer/figure/${panel.view.run}/${panel.name}.${form}?${panel.view.query()}`;
      box.open = false;
    };
    link.href = "#";
    link.download = "";
    list.appendChild(link);
  }
  box.append(summary, list);
  box.addEventListener("focusout", (event) => {
    if (!box.contains(/** @type {Node | null} */ (event.relatedTarget))) box.open = false;
  });
  return { box, summary };
}

/**
 * Save Plotly's picture as PNG, with its title and in the page's colors.
 * @param {Panel} panel
 */
export function savePlot(panel) {
  const look = panel.view.look;
  /** @type {Record<string, any>} */
  const layout = { ...panel.layout(), title: { text: panel.state.title, x: 0.01, xanchor: "left", font: { size: 15 } },
    paper_bgcolor: look.background, plot_bgcolor: look.background };
  layout.margin = { ...(layout.margin || {}), t: Math.max(48, (layout.margin || {}).t || 0) };
  const size = panel.plot.getBoundingClientRect();
  window.Plotly.downloadImage({ data: panel.data(), layout, config: {} },
    { format: "png", width: Math.round(size.width), height: Math.round(size.height) + 40, scale: 2,
      filename: `${panel.name}-step${panel.view.status.step || 0}` });
}
