// Everything that touches what Plotly keeps for itself, and Plotly's script. Tested with plotly.js 4.1.1; where a
// figure is not as expected here, it is drawn in Plotly's own way.

import { colorTable, paint } from "./color.js";
import { make } from "./dom.js";
import { address, png } from "./picture.js";

/** Milliseconds: Plotly looks for what is under the pointer no more often. */
export const LOOKS_EVERY = 50;
/** Pixels that a pressed pointer moves before Plotly takes it for a drag. */
export const DRAG_FROM = 8;

/** @type {Promise<void> | null} */
let loading = null;

/**
 * Load Plotly's script once.
 * @param {string} base the path of the server
 * @param {string} version
 * @returns {Promise<void>}
 */
export function loadPlotly(base, version) {
  if (window.Plotly) return Promise.resolve();
  if (!loading) {
    loading = new Promise((resolve, reject) => {
      const script = make("script");
      script.src = `${base}/explorer/plotly.min.js?v=${encodeURIComponent(version)}`;
      script.onload = () => resolve();
      script.onerror = () => {
        loading = null;
        script.remove();
        reject(new Error("Plotly could not be loaded"));
      };
      document.head.appendChild(script);
    });
  }
  return loading;
}

/**
 * Whether there is a drawing.
 * @param {any} plot
 */
export const isDrawn = (plot) => Boolean(plot._fullLayout);

/**
 * The name of an axis in the layout ("xaxis2") by its id ("x2").
 * @param {string} id
 */
const axisName = (id) => id.replace(/^([xy])(\d*)$/, "$1axis$2");

/**
 * An axis of a drawing, which knows where values stand; undefined where there is none.
 * @param {any} plot
 * @param {string} id
 */
export const axisOf = (plot, id) => plot._fullLayout[axisName(id)];

/**
 * A trace as Plotly completed it.
 * @param {any} plot
 * @param {number} number
 */
export const fullTrace = (plot, number) => (plot._fullData || [])[number];

/**
 * The map at these axes; an empty object where there is none.
 * @param {any} plot
 * @param {[string, string]} axes
 */
export function mapAt(plot, axes) {
  return (plot._fullData || []).find((/** @type {any} */ t) => t.type === "heatmap" && t.xaxis === axes[0] && t.yaxis === axes[1]) || {};
}

/**
 * Where a point of a flat trace stands, in pixels; null where it is not drawn.
 * @param {any} plot
 * @param {number} number of the trace
 * @param {number} index of the point
 * @returns {[number, number] | null}
 */
export function placeOfPoint(plot, number, index) {
  const points = (plot.calcdata || [])[number];
  const full = fullTrace(plot, number);
  if (!points || !full || full.type === "scatter3d" || !points[index]) return null;
  const x = axisOf(plot, full.xaxis);
  const y = axisOf(plot, full.yaxis);
  return [x._offset + x.l2p(points[index].x), y._offset + y.l2p(points[index].y)];
}

/**
 * Have Plotly look at what is under the pointer, though it looked a moment ago.
 * @param {any} plot
 * @param {MouseEvent} event
 * @param {HTMLElement} place
 */
export function lookUnder(plot, event, place) {
  window.Plotly.Fx.hover(plot, { clientX: event.clientX, clientY: event.clientY, target: place }, place.dataset.subplot);
}

/**
 * What was found under the pointer.
 * @param {any} plot
 */
export const foundUnder = (plot) => (plot._hoverdata && plot._hoverdata.length ? plot._hoverdata[0] : null);

const ONE_ROW = 30; // pixels that a legend above the subplots has at any rate

/**
 * The room above the subplots that the rows of a legend take; Plotly cuts off what the margin does not hold.
 * @param {any} plot
 * @returns {number} pixels; 0 for one row, and for a legend that stands elsewhere
 */
export function legendAbove(plot) {
  const legend = plot._fullLayout?.legend;
  const above = legend && legend.yanchor === "bottom" && legend.yref !== "container" && legend.y >= 1;
  if (!above || !(legend._height > ONE_ROW)) return 0;
  return Math.ceil(legend._height + (legend.y - 1) * plot._fullLayout._size.h);
}

/**
 * What can be walked through: lines, bars and maps in two dimensions that tell what they hold.
 * @param {any} plot
 * @returns {{ number: number, rows: number, columns: number }[]} a line has one row
 */
export function walked(plot) {
  return (plot._fullData || []).flatMap((/** @type {any} */ trace, /** @type {number} */ number) => {
    if (trace.visible !== true || trace.hoverinfo === "skip" || !trace.xaxis) return [];
    const map = trace.type === "heatmap";
    const [rows, columns] = map ? [trace.z.length, trace.z[0]?.length ?? 0] : [1, (plot.calcdata[number] || []).length];
    return rows && columns ? [{ number, rows, columns }] : [];
  });
}

/**
 * Have Plotly tell of a point or cell, as if the mouse pointed at it.
 * @param {any} plot
 * @param {number} number of the trace
 * @param {number} row
 * @param {number} column
 * @returns {string} what it tells
 */
export function pointAt(plot, number, row, column) {
  const trace = fullTrace(plot, number);
  const place = (/** @type {string} */ letter, /** @type {number} */ index) => (trace[letter] ? trace[letter][index] : (trace[`${letter}0`] ?? 0) + index * (trace[`d${letter}`] ?? 1));
  const what = trace.type === "heatmap" ? { xval: place("x", column), yval: place("y", row) } : [{ curveNumber: number, pointNumber: column }];
  window.Plotly.Fx.hover(plot, what, trace.xaxis + trace.yaxis);
  const lines = [...plot.querySelectorAll(".hoverlayer .hovertext text, .hoverlayer .hovertext tspan.line")].filter((node) => !node.querySelector("tspan.line"));
  return lines.map((node) => node.textContent.trim()).filter(Boolean).join(", ") || "No value here.";
}

/** @param {any} plot */
export const pointAtNothing = (plot) => { if (isDrawn(plot)) window.Plotly.Fx.unhover(plot); };

/**
 * New values for a map whose axes, colors and shape stay: only its picture changes, which Plotly keeps as one small
 * image, a pixel a cell. Drawing that image is some thirty times cheaper than drawing the figure.
 * @param {any} plot
 * @param {number} number of the trace
 * @param {import("./types").Trace} news the trace with its new values
 * @returns {boolean} false where the figure is not as expected; it must then be drawn whole
 */
export function repaint(plot, number, news) {
  const { _fullData: traces, _fullLayout: layout, calcdata } = plot;
  const trace = traces && traces[number];
  const subplot = trace && trace.visible === true && layout._plots[trace.xaxis + trace.yaxis];
  const images = subplot ? subplot.plot.node().querySelectorAll(".heatmaplayer image") : [];
  const rows = news.z;
  if (news.texttemplate) return false; // letters are light or dark by what is behind them
  if (images.length !== 1 || images[0].style.imageRendering !== "pixelated" || !Array.isArray(rows) || !rows.length || !rows[0].length) return false;
  const [bottom, top] = axisOf(plot, trace.yaxis).range;
  const picture = png(paint(rows, trace.zmin, trace.zmax, bottom < top), rows[0].length, colorTable(news.colorscale));
  images[0].setAttributeNS("http://www.w3.org/1999/xlink", "xlink:href", address(picture));
  calcdata[number][0].z = rows; // what hovering reads
  trace.z = rows;
  plot.data[number] = news;
  return true;
}

/** What may change in lines, points and bars that are drawn in place; all else of a trace decides how it is drawn. */
const MOVES = new Set(["x", "y", "text", "customdata"]);
/** @type {Record<string, string>} */
const LAYERS = { scatter: ".scatterlayer", bar: ".barlayer" };

/**
 * Whether a change leaves all of a trace of lines, points or bars but where they are, and what is written there.
 * @param {import("./types").Trace} trace as it was
 * @param {import("./types").Trace} change
 */
export const isMove = (trace, change) => trace.type in LAYERS && Object.keys(change).every((key) => MOVES.has(key));

/**
 * Whether a trace stands for itself: nothing else is drawn where it goes, and it has nothing that its values alone do not
 * tell.
 * @param {any} plot
 * @param {any} trace as Plotly completed it
 */
function standsAlone(plot, trace) {
  if (trace.visible !== true || trace.ids || trace.zorder || trace.selectedpoints) return false;
  if (trace.error_x?.visible || trace.error_y?.visible) return false;
  if (trace.type === "scatter") return trace.fill === "none" && !trace.stackgroup;
  const bars = plot._fullData.filter((/** @type {any} */ t) => t.type === "bar" && t.xaxis === trace.xaxis && t.yaxis === trace.yaxis);
  return bars.length === 1 && !plot._fullLayout.uniformtext?.mode;
}

/**
 * New values for lines, points or bars whose axes stay. Plotly's own code for this kind of trace draws them, without all
 * that it does around that for a figure: it completes the whole description, measures margins, and draws the axes anew.
 * @param {any} plot
 * @param {number} number of the trace
 * @param {import("./types").Trace} news the trace with its new values
 * @returns {boolean} false where the figure is not as expected; it must then be drawn whole
 */
export function move(plot, number, news) {
  const { _fullData: traces, _fullLayout: layout, calcdata } = plot;
  const trace = traces && traces[number];
  if (!trace || !(trace.type in LAYERS) || !standsAlone(plot, trace)) return false;
  const subplot = layout._plots[trace.xaxis + trace.yaxis];
  if (!subplot || ![subplot.xaxis, subplot.yaxis].every((axis) => !axis.autorange && (axis.type === "linear" || axis.type === "log"))) return false;
  const { calc, crossTraceCalc, plot: draw } = trace._module || {};
  const layer = subplot.plot.selectAll(LAYERS[trace.type]); // not `select`, which would hand the subplot's data down to it
  const length = Math.min(news.x ? news.x.length : 0, news.y ? news.y.length : 0);
  const bars = trace.type === "bar";
  if (!calc || !draw || layer.size() !== 1 || !length || (bars && length !== calcdata[number].length)) return false;
  const before = Object.fromEntries([...MOVES, "_length", "_input"].map((key) => [key, trace[key]]));
  for (const key of MOVES) if (key in news) trace[key] = news[key];
  trace._length = length;
  trace._input = news;
  try {
    const points = calc(plot, trace);
    points[0].t = calcdata[number][0].t;
    points[0].trace = trace;
    calcdata[number] = points;
    if (bars) crossTraceCalc(plot, subplot);
    draw(plot, subplot, [points], layer, bars ? undefined : { duration: 0 }); // as a part; whole, it would remove other traces
  } catch {
    Object.assign(trace, before); // so that Plotly sees that something changed
    return false;
  }
  plot.data[number] = news;
  return true;
}

/**
 * Have Plotly tell anew what is under the pointer, after figures were drawn in place.
 * @param {any} plot
 */
export const tellAnew = (plot) => plot._fullLayout._rehover?.();

/**
 * A new text for the title of an axis, which stands where it stood.
 * @param {any} plot
 * @param {string} name of the axis in the layout
 * @param {string} text
 * @returns {boolean} false where the figure is not as expected; it must then be drawn whole
 */
export function retitle(plot, name, text) {
  const axis = (plot._fullLayout || {})[name];
  const nodes = axis ? plot._fullLayout._infolayer.node().querySelectorAll(`.g-${axis._id}title text`) : [];
  // Without a standoff it makes way for the labels that it would meet; signs of markup make more of a text than itself.
  if (nodes.length !== 1 || nodes[0].childElementCount || !Number.isFinite(axis.title.standoff) || !plot.layout[name]?.title) return false;
  if (!nodes[0].textContent.trim() || !text.trim() || /[<>&$\n\r%{}]/.test(text.replace(/ %/g, ""))) return false;
  nodes[0].textContent = text.trim();
  nodes[0].setAttribute("data-unformatted", text.trim());
  axis.title.text = plot.layout[name].title.text = text;
  return true;
}
