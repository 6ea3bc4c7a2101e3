// A figure that has the keyboard: arrows walk along its time steps, and up and down through the units of its maps.

import { isDrawn } from "./plotly_internals.js";

/** @typedef {import("./card.js").Card} Card */

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
 * @param {Card} card
 */
function lastStep(card) {
  const map = card.state.data.find((trace) => trace.type === "heatmap" && trace.meta?.units);
  if (map) return map.z[0]?.length || 0;
  return Math.max(0, ...card.state.marks.flatMap((mark) => (mark.kind === "line" ? card.state.data.filter((t) => (t.xaxis || "x") === mark.axes[0]).map((t) => Math.max(...(t.x || [0])))
    : mark.kind === "cells" ? mark.steps.map((row) => Math.max(...Array.from(row))) : [card.state.data[mark.trace]?.x?.length || 0])).filter(Number.isFinite));
}

/**
 * What the marked cell of each map holds, in words.
 * @param {Card} card
 * @param {number} time
 * @param {number} unit
 */
function valueAt(card, time, unit) {
  const maps = card.state.data.filter((trace) => trace.type === "heatmap" && trace.meta?.units);
  const values = maps.map((map) => map.z[rowOf(map, unit).row]?.[time - 1]).filter((value) => value !== undefined);
  return `t = ${time}${maps.length ? `, unit ${unit}: ${values.map((value) => Number(value).toFixed(3)).join(", ")}` : ""}`;
}

/**
 * Let a figure be walked through with the arrows.
 * @param {Card} card
 * @param {(words: string) => void} say
 */
export function walkable(card, say) {
  const { frame, board } = card;
  frame.tabIndex = 0;
  frame.addEventListener("keydown", (event) => {
    if (event.target !== frame || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const map = card.state.data.find((trace) => trace.type === "heatmap" && trace.meta?.units);
    const along = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const through = { ArrowDown: -1, ArrowUp: 1 }[event.key];
    const last = lastStep(card);
    if (!isDrawn(card.plot) || !((along && last) || (through && map && board.chooses("unit")))) return;
    event.preventDefault();
    event.stopPropagation();
    let unit = Number(board.chosen.unit ?? 0);
    const time = Math.min(Math.max((board.time ?? (along === 1 ? 0 : last + 1)) + (along || 0), 1), last || 1);
    if (along) {
      if (board.chooses("time")) board.choose("time", time);
      board.point(time);
    }
    if (through && map) {
      unit = unitBeside(map, unit, through);
      board.choose("unit", unit);
    }
    say(valueAt(card, time, unit));
  });
  frame.addEventListener("blur", () => board.point(null));
}
