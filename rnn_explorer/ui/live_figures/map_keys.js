// A figure that has the keyboard: arrows walk along its time steps, and up and down through the units of its maps; in a
// figure without time, from point to point.

import { foundUnder, isDrawn, pointAt, pointAtNothing, walked } from "./plotly_internals.js";
import { pick } from "./pointer.js";

const LONG = 100; // points of a line, of which each is a step

/** @typedef {import("./panel.js").Panel} Panel */

/**
 * The number of a unit in the rows of a map, which may leave some out.
 * @param {Record<string, any>} trace a map, as Plotly takes it
 * @param {number} unit
 * @returns {{ row: number, unit: number, height: number }} the nearest row, the unit that it shows, and the units from row to row
 */
export function rowOf(trace, unit) {
  const at = (/** @type {number} */ row) => (trace.y ? Number(trace.y[row]) : (trace.y0 ?? 0) + row * (trace.dy ?? 1));
  let best = 0;
  for (let row = 1; row < trace.z.length; row += 1) if (Math.abs(at(row) - unit) < Math.abs(at(best) - unit)) best = row;
  return { row: best, unit: at(best), height: trace.z.length > 1 ? Math.abs(at(1) - at(0)) : 1 };
}

/**
 * The unit one row up or down.
 * @param {Record<string, any>} trace a map
 * @param {number} unit
 * @param {number} way 1 or -1
 */
export function unitBeside(trace, unit, way) {
  const { row, height } = rowOf(trace, unit);
  const last = trace.z.length - 1;
  const next = Math.min(Math.max(row + way, 0), last);
  const first = trace.y ? Number(trace.y[0]) : trace.y0 ?? 0;
  return first + next * height;
}

/**
 * The last time step of a figure.
 * @param {Panel} panel
 */
function lastStep(panel) {
  const map = panel.state.data.find((trace) => trace.type === "heatmap" && trace.meta?.units);
  if (map) return map.z[0]?.length || 0;
  return Math.max(0, ...panel.state.marks.flatMap((mark) => (mark.kind === "line" ? panel.state.data.filter((t) => (t.xaxis || "x") === mark.axes[0]).map((t) => Math.max(...(t.x || [0])))
    : mark.kind === "cells" ? mark.steps.map((row) => Math.max(...Array.from(row))) : [panel.state.data[mark.trace]?.x?.length || 0])).filter(Number.isFinite));
}

/**
 * What the marked cell of each map holds, in words.
 * @param {Panel} panel
 * @param {number} time
 * @param {number} unit
 */
function valueAt(panel, time, unit) {
  const maps = panel.state.data.filter((trace) => trace.type === "heatmap" && trace.meta?.units);
  const values = maps.map((map) => map.z[rowOf(map, unit).row]?.[time - 1]).filter((value) => value !== undefined);
  return `t = ${time}${maps.length ? `, unit ${unit}: ${values.map((value) => Number(value).toFixed(3)).join(", ")}` : ""}`;
}

/**
 * The point or cell that a key leads to: along a line or a row, or to the next line or row.
 * @param {{ rows: number, columns: number }[]} traces what there is; a line has one row
 * @param {{ trace: number, row: number, column: number } | null} from null: nowhere yet
 * @param {string} key
 * @returns {{ trace: number, row: number, column: number }}
 */
export function stepped(traces, from, key) {
  const within = (/** @type {number} */ value, /** @type {number} */ count) => Math.min(Math.max(value, 0), count - 1);
  if (!from) return { trace: 0, row: 0, column: key === "ArrowLeft" ? traces[0].columns - 1 : 0 };
  const trace = within(from.trace, traces.length);
  const { rows, columns } = traces[trace];
  const along = { ArrowLeft: -1, ArrowRight: 1 }[key] ?? 0;
  const through = { ArrowDown: -1, ArrowUp: 1 }[key] ?? 0;
  const stride = Math.max(1, Math.round(columns / LONG)); // a long line is walked in a hundred steps
  if (along) return { trace, row: within(from.row, rows), column: within(from.column + along * stride, columns) };
  if (rows > 1) return { trace, row: within(from.row + through, rows), column: within(from.column, columns) };
  const other = within(trace + through, traces.length);
  return { trace: other, row: 0, column: within(from.column, traces[other].columns) };
}

/**
 * Along time, and through the units of a map.
 * @param {Panel} panel
 * @param {string} key
 * @param {(words: string) => void} say
 * @returns {boolean} whether the figure has what the key walks through
 */
function walkTime(panel, key, say) {
  const { view } = panel;
  const map = panel.state.data.find((trace) => trace.type === "heatmap" && trace.meta?.units);
  const along = { ArrowLeft: -1, ArrowRight: 1 }[key] ?? 0;
  const through = { ArrowDown: -1, ArrowUp: 1 }[key] ?? 0;
  const last = isDrawn(panel.plot) ? lastStep(panel) : view.most("time"); // a drawing has the step that is chosen
  if (!last || (through && !(map && view.chooses("unit")))) return false;
  const time = Math.min(Math.max((view.time ?? (along === 1 ? 0 : last + 1)) + along, 1), last);
  if (view.chooses("time") && along) view.choose("time", time);
  view.point(time);
  let unit = Number(view.chosen.unit ?? 0);
  if (through && map) {
    unit = unitBeside(map, unit, through);
    view.choose("unit", unit);
  }
  say(valueAt(panel, time, unit));
  return true;
}

/**
 * Let a figure be walked through with the arrows; Enter is a click on what they have come to.
 * @param {Panel} panel
 * @param {(words: string) => void} say
 */
export function walkable(panel, say) {
  const { frame, view } = panel;
  /** @type {{ trace: number, row: number, column: number } | null} */
  let at = null;
  frame.tabIndex = 0;
  frame.addEventListener("keydown", (event) => {
    if (event.target !== frame || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const arrow = /^Arrow/.test(event.key);
    if (!arrow && event.key !== "Enter") return;
    const points = isDrawn(panel.plot) ? walked(panel.plot) : [];
    let taken = arrow && walkTime(panel, event.key, say);
    if (arrow && !taken && points.length) {
      at = stepped(points, at, event.key);
      say(pointAt(panel.plot, points[at.trace].number, at.row, at.column));
      taken = true;
    } else if (!arrow && at && foundUnder(panel.plot)) {
      pick(panel, foundUnder(panel.plot));
      taken = true;
    }
    if (!taken) return;
    event.preventDefault();
    event.stopPropagation();
  });
  frame.addEventListener("blur", () => {
    if (at) pointAtNothing(panel.plot);
    at = null;
    view.point(null);
  });
}
