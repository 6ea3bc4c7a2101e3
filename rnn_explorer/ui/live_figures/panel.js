// One figure: its head with controls and downloads, Plotly's drawing, and the marks of a time step over it.

import { changed } from "./codec.js";
import { make, makeButton } from "./dom.js";
import { downloadMenu, savePlot } from "./downloads.js";
import { fold } from "./fold.js";
import { newTitles } from "./layouts.js";
import { walkable } from "./map_keys.js";
import { Marks } from "./marks.js";
import { isDrawn, isMove, legendAbove, move, repaint, retitle, tellAnew } from "./plotly_internals.js";
import { Pointer } from "./pointer.js";
import { larger } from "./scaling.js";
import { subplotsOf, stacked } from "./stacking.js";
import { lower, raise } from "./top_layer.js";
import { zoomed, zoomedTo } from "./zoom.js";

/** @typedef {import("./types").News} News */
/** @typedef {import("./types").Owner} Owner */
/** @typedef {import("./types").Trace} Trace */
/** @typedef {import("./types").Mark} Mark */

const ENLARGED = 1.4; // of the type of a figure that fills the window, times that on the page
const SUBPLOT_LEAST = 200; // px of width that a subplot needs beside another one

const sizeOf = (/** @type {any} */ rows) => (Array.isArray(rows) ? `${rows.length} ${rows.length ? rows[0].length : 0}` : "");

/**
 * Whether a change of a trace is one of a map's values alone.
 * @param {Trace} trace as it was
 * @param {Trace} change
 */
export function isRepaint(trace, change) {
  return trace.type === "heatmap" && Object.keys(change).length === 1 && Array.isArray(change.z) && sizeOf(change.z) === sizeOf(trace.z);
}

export class Panel {
  /**
   * @param {Owner} view
   * @param {string} name
   */
  constructor(view, name) {
    this.view = view;
    this.name = name;
    /** @type {{ data: Trace[], layout: Record<string, any>, marks: Mark[], count: number, title: string }} */
    this.state = { data: [], layout: {}, marks: [], count: 0, title: "" };
    /** @type {Record<string, any>} */
    this.ranges = {}; // what the person zoomed to, by layout key
    this.returns = 0; // how often the person went back from there
    this.returning = false;
    this.dirty = false;
    this.whole = true; // whether all of it must be drawn anew, not only values
    /** @type {Set<number>} */
    this.changed = new Set(); // traces with new values that may be drawn in place
    /** @type {Set<string>} */
    this.retitled = new Set(); // axes with a new title
    /** @type {Trace[]} */
    this.traces = []; // as they came, since Plotly writes into those that it draws
    this.drawn = 0;
    this.marks = new Marks(this);
    this.resizing = 0;
    this.stacks = false; // whether its subplots stand one below the other
    this.top = 0; // pixels of the margin above the subplots, as the figure has it
    this.above = 0; // pixels that the rows of the legend take there

    const root = (this.root = make("section", `rx-panel rx-${this.name}`));
    const head = make("header", "rx-head");
    this.title = make("h3", "rx-title");
    const tools = make("span", "rx-tools");
    this.tools = make("span", "rx-own"); // the view puts this figure's controls here
    this.grow = makeButton("rx-icon", "⤢", "Enlarge this figure, and back (Esc)",
      () => this.enlarge(!root.classList.contains("rx-large")));
    const { box, summary } = downloadMenu(this);
    this.download = summary;
    tools.append(fold(this.tools), box, this.grow);
    head.append(this.title, tools);
    this.frame = make("div", "rx-frame");
    this.plot = make("div", "rx-plot");
    this.frame.append(this.plot, this.marks.root);
    this.how = make("p", "rx-how");
    root.append(head, this.frame, this.how);
    this.title.id = `rx-title-${view.key}-${name}`;
    this.how.id = `rx-how-${view.key}-${name}`;
    for (const node of [root, this.frame]) {
      node.setAttribute("role", node === root ? "region" : "figure");
      node.setAttribute("aria-labelledby", this.title.id);
      node.setAttribute("aria-describedby", this.how.id);
    }
    walkable(this, (words) => view.speak(words));
    root.dataset.figure = this.name;
    root.dataset.updates = "0";
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(this.frame);
  }

  hasPicture() {
    return true;
  }

  /** @returns {[string, string][]} the forms that the server can make, with their names */
  forms() {
    return [["html", "HTML, interactive"], ["csv", "CSV, the numbers"]];
  }

  savePicture() {
    savePlot(this);
  }

  /** @param {boolean} large */
  enlarge(large) {
    for (const other of this.view.panels.values()) {
      if (other.root !== this.root && other.root.classList.contains("rx-large")) other.enlarge(false);
    }
    this.root.classList.toggle("rx-large", large);
    if (large) raise(this.root);
    else lower(this.root);
    this.redraw();
    this.resize();
  }

  /** @param {News} news */
  mergeWords(news) {
    if (news.title !== undefined) {
      this.state.title = this.title.textContent = this.title.title = news.title;
      this.grow.setAttribute("aria-label", `Enlarge: ${news.title}`);
      this.download.setAttribute("aria-label", `Download: ${news.title}`);
    }
    if (news.how !== undefined) { this.how.textContent = news.how; this.how.title = news.how; }
  }

  /** @param {News} news */
  merge(news) {
    const state = this.state;
    this.mergeWords(news);
    if (news.marks !== undefined) state.marks = news.marks;
    if (news.layout !== undefined) {
      const axes = newTitles(state.layout, news.layout);
      if (axes) for (const axis of axes) this.retitled.add(axis);
      else this.whole = true;
      state.layout = news.layout;
      this.root.toggleAttribute("data-wide", Boolean(news.layout.meta?.wide));
    }
    if (news.count !== undefined) { state.count = news.count; this.whole = true; }
    for (const [number, trace] of Object.entries(news.data || {})) {
      this.whole = true;
      this.traces[Number(number)] = trace;
      state.data[Number(number)] = { ...trace };
    }
    for (const [number, came] of Object.entries(news.change || {})) {
      const before = this.traces[Number(number)];
      const change = changed(before, came);
      if (isRepaint(before, change) || isMove(before, change)) this.changed.add(Number(number));
      else this.whole = true;
      this.traces[Number(number)] = { ...before, ...change };
      state.data[Number(number)] = { ...before, ...change };
    }
    this.traces.length = state.data.length = state.count;
    this.dirty ||= this.whole || this.changed.size > 0 || this.retitled.size > 0 || news.marks !== undefined;
  }

  /**
   * A copy, since Plotly writes into it what the person zooms to.
   * @returns {Record<string, any>}
   */
  layout() {
    const look = this.view.look;
    /** @type {Record<string, any>} */
    const layout = { ...structuredClone(this.state.layout), template: look.template, autosize: true,
      uirevision: `${this.view.run} ${this.returns}`, legend: { ...this.state.layout.legend, uirevision: `${this.view.run}` } };
    delete layout.width;
    delete layout.height;
    const seen = zoomed(layout, this.ranges);
    const sized = larger(this.stacks ? stacked(seen) : seen, this.scale());
    this.top = sized.margin?.t ?? 0;
    return { ...sized, margin: { ...sized.margin, t: Math.max(this.top, this.above) } };
  }

  /** Its traces, in type of the size that is wanted now. */
  data() {
    return this.state.data.map((trace) => larger(trace, this.scale()));
  }

  /** How much larger its text is than on the page. */
  scale() {
    return this.root.classList.contains("rx-large") ? ENLARGED : this.view.scale;
  }

  /** Whether its subplots have room beside each other; in a narrow window they have more below each other. */
  arrange() {
    const subplots = subplotsOf(this.state.layout);
    const stacks = subplots > 1 && this.view.stacked && this.frame.clientWidth / subplots < SUBPLOT_LEAST;
    this.root.style.setProperty("--rx-subplots", stacks ? String(subplots) : "");
    const other = stacks !== this.stacks;
    this.stacks = stacks;
    return other;
  }

  count() {
    this.root.dataset.updates = String(Number(this.root.dataset.updates) + 1);
  }

  /** @returns {Promise<void>} */
  draw() {
    this.dirty = this.returning = false;
    this.drawn = performance.now();
    const still = !this.whole && isDrawn(this.plot);
    if (still && [...this.retitled].every((axis) => this.retitle(axis)) && [...this.changed].every((number) => this.drawInPlace(number))) {
      this.changed.clear();
      this.retitled.clear();
      this.count();
      this.mark(this.view.time);
      tellAnew(this.plot);
      this.root.dataset.repaints = String(Number(this.root.dataset.repaints || 0) + 1);
      return Promise.resolve();
    }
    this.whole = false;
    this.changed.clear();
    this.retitled.clear();
    const first = !isDrawn(this.plot);
    this.arrange();
    return window.Plotly.react(this.plot, this.marks.with(this.data()), this.layout(), { responsive: false, displaylogo: false,
      displayModeBar: false, scrollZoom: false, doubleClick: "reset" }).then(() => {
      if (first) this.listen();
      this.count();
      this.mark(this.view.time);
      return this.clearLegend();
    });
  }

  /** In a narrow panel a legend takes more rows than the margin was made for: it gets their room. */
  async clearLegend() {
    if (!isDrawn(this.plot)) return;
    const before = Math.max(this.top, this.above);
    this.above = legendAbove(this.plot);
    const room = Math.max(this.top, this.above);
    if (room === before) return;
    await window.Plotly.relayout(this.plot, { "margin.t": room });
    this.mark(this.view.time);
  }

  /**
   * @param {string} axis
   * @returns {boolean} whether that was possible
   */
  retitle(axis) {
    return retitle(this.plot, axis, this.state.layout[axis]?.title?.text ?? "");
  }

  /**
   * @param {number} number of a trace with new values
   * @returns {boolean} whether that was possible
   */
  drawInPlace(number) {
    const trace = larger(this.state.data[number], this.scale());
    if (trace.type !== "heatmap") return move(this.plot, number, trace);
    return !Object.keys(this.ranges).length && repaint(this.plot, number, trace);
  }

  listen() {
    const plot = /** @type {any} */ (this.plot);
    plot.on("plotly_relayout", (/** @type {any} */ event) => this.zoom(event));
    plot.on("plotly_doubleclick", () => this.goBack());
    return new Pointer(this);
  }

  /** Plotly would go back to the axes of the first drawing, and stay there; those of now are wanted. */
  goBack() {
    this.ranges = {};
    this.returns += 1;
    this.returning = true;
    this.redraw();
  }

  redraw() {
    this.dirty = this.whole = true;
    this.view.schedule();
  }

  /** @param {Record<string, any>} event */
  zoom(event) {
    if (!this.returning) this.ranges = zoomedTo(this.ranges, event);
    this.mark(this.view.time);
  }

  /** @param {number | null} time */
  mark(time) {
    this.marks.show(time);
  }

  resize() {
    if (!isDrawn(this.plot) || !this.plot.isConnected || !this.plot.offsetWidth) return;
    if (this.arrange()) this.redraw();
    cancelAnimationFrame(this.resizing);
    this.resizing = requestAnimationFrame(() => {
      if (!this.plot.isConnected) return; // gone with its page since
      window.Plotly.Plots.resize(this.plot).then(() => this.clearLegend());
      this.mark(this.view.time);
    });
  }

  purge() {
    this.sizes.disconnect();
    if (window.Plotly && isDrawn(this.plot)) window.Plotly.purge(this.plot);
  }
}
