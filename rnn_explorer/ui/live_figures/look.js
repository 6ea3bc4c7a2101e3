// The page's colors and font, as Streamlit's theme gives them, and Plotly's template made of them.

/** @typedef {import("./types").Look} Look */

/**
 * @param {Element} node that stands in the page
 * @param {Look} last
 * @returns {Look} `last` itself where nothing changed
 */
export function readLook(node, last) {
  const style = getComputedStyle(node);
  const get = (/** @type {string} */ name, /** @type {string} */ other) => style.getPropertyValue(name).trim() || other;
  const text = get("--st-text-color", style.color);
  const background = get("--st-background-color", "#ffffff");
  const border = get("--st-border-color", "#cccccc");
  const font = get("--st-font", "sans-serif");
  const signature = [text, background, border, font].join();
  if (signature === last.signature) return last;
  const axis = { gridcolor: border, zerolinecolor: border, linecolor: border, tickcolor: border, ticks: "outside",
    ticklen: 3, title: { font: { size: 11 }, standoff: 4 }, automargin: false };
  const space = { ...axis, backgroundcolor: "rgba(0,0,0,0)", showbackground: false };
  return { signature, text, background, template: { layout: {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: text, family: font, size: 11 },
    colorway: ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"],
    xaxis: axis, yaxis: axis, scene: { xaxis: space, yaxis: space, zaxis: space },
    hoverlabel: { bgcolor: background, bordercolor: border, font: { color: text, size: 12 } },
    legend: { bgcolor: "rgba(0,0,0,0)" },
  } } };
}
