// The marks of a time step and of the chosen unit, which lie over a figure.

import { make } from "./dom.js";
import { rowOf } from "./map_keys.js";
import { axisOf, fullTrace, isDrawn, mapAt, placeOfPoint } from "./plotly_internals.js";

/** @typedef {import("./types").Mark} Mark */
/** @typedef {import("./types").Trace} Trace */

export class Marks {
  /** @param {import("./panel.js").Panel} panel */
  constructor(panel) {
    this.panel = panel;
    this.root = make("div", "rx-overlay");
    this.cursor = -1; // the trace that marks a time step in space
    /** @type {number | null | undefined} */
    this.spaceTime = undefined;
  }

  /**
   * The traces to be drawn, with one more that marks a step in space where there is a path in space.
   * @param {Trace[]} data
   */
  with(data) {
    const { state, view } = this.panel;
    const inSpace = state.marks.some((mark) => mark.kind === "point" && (data[mark.trace] || {}).type === "scatter3d");
    this.cursor = inSpace ? data.length : -1;
    return !inSpace ? data : [...data, { type: "scatter3d", mode: "markers", x: [], y: [], z: [], showlegend: false,
      hoverinfo: "skip", marker: { size: 9, color: view.look.text, symbol: "circle-open" } }];
  }

  /** @param {number | null} time */
  show(time) {
    this.root.replaceChildren();
    const { plot, state } = this.panel;
    if (!isDrawn(plot)) return;
    this.markUnit();
    if (this.cursor >= 0) this.markSpace(time);
    if (time === null) return;
    for (const mark of state.marks) {
      const x = axisOf(plot, mark.axes[0]);
      const y = axisOf(plot, mark.axes[1]);
      if (mark.kind === "point") {
        const place = placeOfPoint(plot, mark.trace, time - 1);
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
    const unit = this.panel.view.chooses("unit") ? Number(this.panel.view.chosen.unit) : NaN;
    if (!(unit >= 0)) return;
    this.panel.state.data.forEach((trace, number) => {
      if (trace.type !== "heatmap" || !trace.meta?.units || !trace.z?.length) return;
      const full = fullTrace(this.panel.plot, number);
      const x = full && axisOf(this.panel.plot, full.xaxis);
      const y = full && axisOf(this.panel.plot, full.yaxis);
      if (!x || !y) return;
      const row = rowOf(trace, unit);
      if (Math.abs(row.unit - unit) > row.height) return;
      const ends = [y.l2p(row.unit - row.height / 2), y.l2p(row.unit + row.height / 2)].sort((a, b) => a - b);
      const tick = this.panel.root.hasAttribute("data-wide"); // a frame would cross what stands between its strips
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
    this.root.appendChild(node);
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
    const map = mapAt(this.panel.plot, mark.axes);
    const at = (/** @type {string} */ letter, /** @type {number} */ index) => (map[letter] ? Number(map[letter][index])
      : (map[`${letter}0`] ?? 0) + index * (map[`d${letter}`] ?? 1));
    const xs = [x.l2p(at("x", box[2]) - 0.5), x.l2p(at("x", box[3]) + 0.5)].sort((a, b) => a - b);
    const ys = [y.l2p(at("y", box[0]) - 0.5), y.l2p(at("y", box[1]) + 0.5)].sort((a, b) => a - b);
    this.put("rx-cells", x._offset + xs[0], y._offset + ys[0], xs[1] - xs[0], ys[1] - ys[0]);
  }

  /** @param {number | null} time */
  markSpace(time) {
    const mark = this.panel.state.marks.find((entry) => entry.kind === "point");
    const full = mark && fullTrace(this.panel.plot, mark.trace);
    if (!full || !full.x) return;
    const at = time === null || time > full.x.length ? [[], [], []] : [[full.x[time - 1]], [full.y[time - 1]], [full.z[time - 1]]];
    if (this.spaceTime === time) return;
    this.spaceTime = time;
    window.Plotly.restyle(this.panel.plot, { x: [at[0]], y: [at[1]], z: [at[2]] }, [this.cursor]);
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
