// One figure: its head with controls and downloads, Plotly's drawing, and the marks of a time step over it.

import { changed } from "./codec.js";
import { make, makeButton } from "./dom.js";
import { fold } from "./fold.js";
import { newTitles } from "./layouts.js";
import { rowOf, walkable } from "./map_keys.js";
import { axisOf, DRAG_FROM, foundUnder, fullTrace, isDrawn, isMove, legendAbove, LOOKS_EVERY, lookUnder, mapAt, move, placeOfPoint, repaint, retitle, tellAnew } from "./plotly_internals.js";
import { larger } from "./scaling.js";
import { subplotsOf, stacked } from "./stacking.js";
import { lower, raise } from "./top_layer.js";

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
    this.cursor = -1; // the trace that marks a time step in space
    this.reported = false; // whether Plotly told of the click that is going on
    /** @type {number | null | undefined} */
    this.spaceTime = undefined;
    this.resizing = 0;
    this.stacks = false; // whether its subplots stand one below the other
    this.top = 0; // pixels of the margin above the subplots, as the figure has it
    this.above = 0; // pixels that the rows of the legend take there

    /** @type {HTMLElement | undefined} */
    this.download = undefined;
    const root = (this.root = make("section", `rx-panel rx-${this.name}`));
    const head = make("header", "rx-head");
    this.title = make("h3", "rx-title");
    const tools = make("span", "rx-tools");
    this.tools = make("span", "rx-own"); // the view puts this figure's controls here
    this.grow = makeButton("rx-icon", "⤢", "Enlarge this figure, and back (Esc)",
      () => this.enlarge(!root.classList.contains("rx-large")));
    tools.append(fold(this.tools), this.menu(), this.grow);
    head.append(this.title, tools);
    this.frame = make("div", "rx-frame");
    this.plot = make("div", "rx-plot");
    this.overlay = make("div", "rx-overlay");
    this.frame.append(this.plot, this.overlay);
    this.how = make("p", "rx-how");
    root.append(head, this.frame, this.how);
    this.title.id = `rx-title-${view.key}-${name}`;
    this.how.id = `rx-how-${view.key}-${name}`;
    for (const node of [root, this.frame]) {
      node.setAttribute("role", node === root ? "region" : "figure");
      node.setAttribute("aria-labelledby", this.title.id);
      node.setAttribute("aria-describedby", this.how.id);
    }
    walkable(this, (words) => view.say("aloud", words));
    root.dataset.figure = this.name;
    root.dataset.updates = "0";
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(this.frame);
  }

  menu() {
    const box = make("details", "rx-menu");
    const summary = (this.download = make("summary", "rx-icon", "⤓"));
    summary.title = "Download this figure";
    summary.setAttribute("aria-label", summary.title);
    const list = make("div", "rx-list");
    if (this.hasPicture()) {
      list.appendChild(makeButton("", "PNG picture", "", () => {
        box.open = false;
        this.savePicture();
      }));
    }
    for (const [form, text] of this.forms()) {
      const link = make("a", "", text);
      link.onclick = () => {
        link.href = `${this.view.base}/explorer/figure/${this.view.run}/${this.name}.${form}?${this.view.query()}`;
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
    return box;
  }

  hasPicture() {
    return true;
  }

  /** @returns {[string, string][]} the forms that the server can make, with their names */
  forms() {
    return [["html", "HTML, interactive"], ["csv", "CSV, the numbers"]];
  }

  savePicture() {
    const look = this.view.look;
    /** @type {Record<string, any>} */
    const layout = { ...this.layout(), title: { text: this.state.title, x: 0.01, xanchor: "left", font: { size: 15 } },
      paper_bgcolor: look.background, plot_bgcolor: look.background };
    layout.margin = { ...(layout.margin || {}), t: Math.max(48, (layout.margin || {}).t || 0) };
    const size = this.plot.getBoundingClientRect();
    window.Plotly.downloadImage({ data: this.data(), layout, config: {} },
      { format: "png", width: Math.round(size.width), height: Math.round(size.height) + 40, scale: 2,
        filename: `${this.name}-step${this.view.status.step || 0}` });
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
      this.download?.setAttribute("aria-label", `Download: ${news.title}`);
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
    for (const [key, value] of Object.entries(this.ranges)) {
      const [axis, part] = key.split(".");
      layout[axis] = { ...(layout[axis] || {}), [part]: value };
      if (part === "range") layout[axis].autorange = false;
    }
    const sized = larger(this.stacks ? stacked(layout) : layout, this.scale());
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
    const data = this.data();
    this.cursor = this.state.marks.some((mark) => mark.kind === "point" && (data[mark.trace] || {}).type === "scatter3d")
      ? data.push({ type: "scatter3d", mode: "markers", x: [], y: [], z: [], showlegend: false, hoverinfo: "skip",
        marker: { size: 9, color: this.view.look.text, symbol: "circle-open" } }) - 1
      : -1;
    return window.Plotly.react(this.plot, data, this.layout(), { responsive: false, displaylogo: false,
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
    plot.on("plotly_relayout", (/** @type {any} */ event) => this.zoomed(event));
    plot.on("plotly_doubleclick", () => this.goBack());
    plot.on("plotly_hover", (/** @type {any} */ event) => this.view.point(this.timeOf(event.points[0])));
    plot.on("plotly_unhover", () => this.view.point(null));
    plot.on("plotly_click", (/** @type {any} */ event) => { this.reported = true; this.picked(event.points[0]); });
    this.plot.addEventListener("mousedown", (event) => this.press(event), true);
  }

  /**
   * Plotly looks for what is under the pointer now and then, also after a drawing, and sees nothing while a button is
   * down; a click that comes too soon after such a look is not reported. So nothing is drawn while a button is down,
   * and what Plotly did not report is looked for once more.
   * @param {MouseEvent} event
   */
  press(event) {
    const found = event.button === 0 && /** @type {Element} */ (event.target).closest(".nsewdrag");
    if (!found) return;
    const place = /** @type {HTMLElement} */ (found);
    this.view.held = true;
    this.reported = false;
    const pause = () => new Promise((resolve) => setTimeout(resolve, LOOKS_EVERY + 10));
    const release = async (/** @type {Event} */ end) => {
      document.removeEventListener("mouseup", release, true);
      window.removeEventListener("blur", release);
      const still = end instanceof MouseEvent && Math.hypot(end.clientX - event.clientX, end.clientY - event.clientY) < DRAG_FROM;
      await pause();
      if (still && !this.reported && isDrawn(this.plot)) {
        lookUnder(this.plot, end, place);
        await pause(); // it may have looked a moment ago, and looks later then
        const under = foundUnder(this.plot);
        if (!this.reported && under) this.picked(under);
      }
      this.view.held = false;
      this.view.schedule();
    };
    document.addEventListener("mouseup", release, true);
    window.addEventListener("blur", release);
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
  zoomed(event) {
    for (const [key, value] of Object.entries(this.returning ? {} : event)) {
      const match = /^([xy]axis\d*)\.(range\[(\d)\]|range|autorange)$/.exec(key);
      if (match) {
        const [, axis, part, index] = match;
        if (part === "autorange") delete this.ranges[`${axis}.range`];
        else if (part === "range") this.ranges[`${axis}.range`] = value;
        else {
          const range = (this.ranges[`${axis}.range`] || []).slice();
          range[Number(index)] = value;
          this.ranges[`${axis}.range`] = range;
        }
      }
      const scene = /^(scene\d*)\.camera$/.exec(key);
      if (scene) this.ranges[`${scene[1]}.camera`] = value;
    }
    this.mark(this.view.time);
  }

  /**
   * Which time step a hovered point belongs to; null where the figure shows no time.
   * @param {any} point
   * @returns {number | null}
   */
  timeOf(point) {
    if (!point) return null;
    for (const mark of this.state.marks) {
      if (mark.kind === "point" && mark.trace === point.curveNumber) {
        const index = Array.isArray(point.pointNumber) ? point.pointNumber[0] : point.pointNumber;
        return index + 1;
      }
      if (point.xaxis && point.xaxis._id === mark.axes[0] && point.yaxis._id === mark.axes[1]) {
        if (mark.kind === "line") return Math.round(Number(point.x));
        if (mark.kind === "cells" && Array.isArray(point.pointNumber)) {
          const [row, column] = point.pointNumber;
          return (mark.steps[row] || [])[column] || null;
        }
      }
    }
    return null;
  }

  /**
   * A click on a row of a unit x time map chooses that unit; a trace may name another part of the selection in its
   * `meta.choose`, whose value is then the point's `customdata` (or the entry number `meta.column` of it).
   * @param {any} point
   */
  picked(point) {
    const trace = (point && point.fullData) || {};
    const meta = trace.meta || {};
    if (trace.type === "heatmap" && meta.units) this.view.choose("unit", Math.round(Number(point.y)));
    const time = this.timeOf(point);
    if (time && this.view.chooses("time")) this.view.choose("time", time);
    if (!meta.choose || point.customdata === undefined || point.customdata === null) return;
    this.view.choose(meta.choose, Array.isArray(point.customdata) ? point.customdata[meta.column || 0] : point.customdata);
  }

  /** @param {number | null} time */
  mark(time) {
    this.overlay.replaceChildren();
    if (!isDrawn(this.plot)) return;
    this.markUnit();
    if (this.cursor >= 0) this.markSpace(time);
    if (time === null) return;
    for (const mark of this.state.marks) {
      const x = axisOf(this.plot, mark.axes[0]);
      const y = axisOf(this.plot, mark.axes[1]);
      if (mark.kind === "point") {
        const place = placeOfPoint(this.plot, mark.trace, time - 1);
        if (place) this.put("rx-dot", place[0], place[1], 0, 0);
      } else if (!x || !y) continue;
      else if (mark.kind === "line") {
        const at = x._offset + x.l2p(time);
        if (at >= x._offset - 1 && at <= x._offset + x._length + 1) this.put("rx-line", at, y._offset, 0, y._length);
      } else this.markCells(mark, time, x, y);
    }
  }

  /** Frame the chosen unit in each map that has one. */
  markUnit() {
    const unit = this.view.chooses("unit") ? Number(this.view.chosen.unit) : NaN;
    if (!(unit >= 0)) return;
    this.state.data.forEach((trace, number) => {
      if (trace.type !== "heatmap" || !trace.meta?.units || !trace.z?.length) return;
      const full = fullTrace(this.plot, number);
      const x = full && axisOf(this.plot, full.xaxis);
      const y = full && axisOf(this.plot, full.yaxis);
      if (!x || !y) return;
      const row = rowOf(trace, unit);
      if (Math.abs(row.unit - unit) > row.height) return;
      const ends = [y.l2p(row.unit - row.height / 2), y.l2p(row.unit + row.height / 2)].sort((a, b) => a - b);
      const tick = this.root.hasAttribute("data-wide"); // a frame would cross what stands between its strips
      this.put(tick ? "rx-unit rx-tick" : "rx-unit", x._offset - (tick ? 7 : 0), y._offset + ends[0], tick ? 6 : x._length, Math.max(ends[1] - ends[0], 2));
    });
  }

  /**
   * @param {string} cls
   * @param {number} left
   * @param {number} top
   * @param {number} width
   * @param {number} height
   */
  put(cls, left, top, width, height) {
    const node = make("i", cls);
    Object.assign(node.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
    this.overlay.appendChild(node);
  }

  /**
   * @param {Mark} mark
   * @param {number} time
   * @param {any} x
   * @param {any} y
   */
  markCells(mark, time, x, y) {
    const box = boxOf(mark.steps, time);
    if (!box) return;
    const map = mapAt(this.plot, mark.axes);
    const at = (/** @type {string} */ letter, /** @type {number} */ index) => (map[letter] ? Number(map[letter][index])
      : (map[`${letter}0`] ?? 0) + index * (map[`d${letter}`] ?? 1));
    const xs = [x.l2p(at("x", box[2]) - 0.5), x.l2p(at("x", box[3]) + 0.5)].sort((a, b) => a - b);
    const ys = [y.l2p(at("y", box[0]) - 0.5), y.l2p(at("y", box[1]) + 0.5)].sort((a, b) => a - b);
    this.put("rx-cells", x._offset + xs[0], y._offset + ys[0], xs[1] - xs[0], ys[1] - ys[0]);
  }

  /** @param {number | null} time */
  markSpace(time) {
    const mark = this.state.marks.find((entry) => entry.kind === "point");
    const full = mark && fullTrace(this.plot, mark.trace);
    if (!full || !full.x) return;
    const at = time === null || time > full.x.length ? [[], [], []] : [[full.x[time - 1]], [full.y[time - 1]], [full.z[time - 1]]];
    if (this.spaceTime === time) return;
    this.spaceTime = time;
    window.Plotly.restyle(this.plot, { x: [at[0]], y: [at[1]], z: [at[2]] }, [this.cursor]);
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

/**
 * First row, last row, first column and last column of the cells of a step; null where there are none.
 * @param {ArrayLike<number>[]} steps
 * @param {number} time
 * @returns {[number, number, number, number] | null}
 */
export function boxOf(steps, time) {
  /** @type {[number, number, number, number] | null} */
  let box = null;
  steps.forEach((row, r) => Array.from(row).forEach((step, c) => {
    if (step === time) box = box ? [Math.min(box[0], r), Math.max(box[1], r), Math.min(box[2], c), Math.max(box[3], c)] : [r, r, c, c];
  }));
  return box;
}
