// What the mouse does on a figure: it points at a time step, and a click chooses.

import { DRAG_FROM, foundUnder, isDrawn, LOOKS_EVERY, lookUnder } from "./plotly_internals.js";

/** @typedef {import("./panel.js").Panel} Panel */

/**
 * Which time step a point of a figure belongs to; null where the figure shows no time.
 * @param {any} point as Plotly tells of it
 * @param {import("./types").Mark[]} marks of the figure
 * @returns {number | null}
 */
export function timeOf(point, marks) {
  if (!point) return null;
  for (const mark of marks) {
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
 * @param {Pick<Panel, "view" | "state">} panel
 * @param {any} point
 */
export function pick({ view, state }, point) {
  const trace = (point && point.fullData) || {};
  const meta = trace.meta || {};
  if (trace.type === "heatmap" && meta.units) view.choose("unit", Math.round(Number(point.y)));
  const time = timeOf(point, state.marks);
  if (time && view.chooses("time")) view.choose("time", time);
  if (!meta.choose || point.customdata === undefined || point.customdata === null) return;
  view.choose(meta.choose, Array.isArray(point.customdata) ? point.customdata[meta.column || 0] : point.customdata);
}

export class Pointer {
  /** @param {Panel} panel whose plot is drawn */
  constructor(panel) {
    const { view, state } = panel;
    const plot = /** @type {any} */ (panel.plot);
    this.panel = panel;
    this.reported = false; // whether Plotly told of the click that is going on
    plot.on("plotly_hover", (/** @type {any} */ event) => view.point(timeOf(event.points[0], state.marks)));
    plot.on("plotly_unhover", () => view.point(null));
    plot.on("plotly_click", (/** @type {any} */ event) => { this.reported = true; pick(panel, event.points[0]); });
    panel.plot.addEventListener("mousedown", (event) => this.press(event), true);
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
    const { panel } = this;
    const { plot, view } = panel;
    view.held = true;
    this.reported = false;
    const pause = () => new Promise((resolve) => setTimeout(resolve, LOOKS_EVERY + 10));
    const release = async (/** @type {Event} */ end) => {
      document.removeEventListener("mouseup", release, true);
      window.removeEventListener("blur", release);
      const still = end instanceof MouseEvent && Math.hypot(end.clientX - event.clientX, end.clientY - event.clientY) < DRAG_FROM;
      await pause();
      if (still && !this.reported && isDrawn(plot)) {
        lookUnder(plot, end, place);
        await pause(); // it may have looked a moment ago, and looks later then
        const under = foundUnder(plot);
        if (!this.reported && under) pick(panel, under);
      }
      view.held = false;
      view.schedule();
    };
    document.addEventListener("mouseup", release, true);
    window.addEventListener("blur", release);
  }
}
