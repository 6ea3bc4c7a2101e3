// Scales as tables, and maps as numbers of colors.

import assert from "node:assert/strict";
import test from "node:test";

import { colorTable, COLORS, paint, parseColor } from "../../rnn_explorer/ui/live_figures/color.js";

test("colors are read in all the ways that scales write them", () => {
  assert.deepEqual(parseColor("#0072B2"), [0, 114, 178, 255]);
  assert.deepEqual(parseColor("rgb(1, 2, 3)"), [1, 2, 3, 255]);
  assert.deepEqual(parseColor("rgba(1, 2, 3, 0)"), [1, 2, 3, 0]);
});

test("a scale runs from its first color to its last, through those between", () => {
  const table = colorTable([[0, "#ff0000"], [0.5, "#00ff00"], [1, "#0000ff"]]);
  assert.deepEqual([...table.slice(0, 4)], [255, 0, 0, 255]);
  assert.deepEqual([...table.slice(-4)], [0, 0, 255, 255]);
  assert.ok(table[4 * 127 + 1] > 250, "green in the middle");
  assert.equal(colorTable([[0, "#ff0000"], [0.5, "#00ff00"], [1, "#0000ff"]]), table, "made once");
});

test("a scale with a sharp edge has no color between", () => {
  const table = colorTable([[0, "#000000"], [0.5, "#000000"], [0.5, "#ffffff"], [1, "#ffffff"]]);
  assert.ok([...table].every((value) => value === 0 || value === 255));
});

test("values become numbers of colors, clipped to the ends, and holes none", () => {
  const pixels = paint([Float32Array.of(-9, 9), Float32Array.of(NaN, 0)], -1, 1, false);
  assert.deepEqual([...pixels], [1, COLORS, 0, (COLORS + 1) / 2]);
});

test("where the axis runs upwards, row 0 is the lowest line", () => {
  assert.deepEqual([...paint([[0, 0.5], [1, 0]], 0, 1, true)], [COLORS, 1, 1, (COLORS + 1) / 2]);
});
