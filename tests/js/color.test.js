// Scales as tables, and maps as pixels.

import assert from "node:assert/strict";
import test from "node:test";

import { colorTable, paint, parseColor } from "../../rnn_explorer/ui/live_figures/color.js";

const GRAY = [[0, "#000000"], [1, "#ffffff"]];

test("colors are read in all the ways that scales write them", () => {
  assert.deepEqual(parseColor("#0072B2"), [0, 114, 178, 255]);
  assert.deepEqual(parseColor("rgb(1, 2, 3)"), [1, 2, 3, 255]);
  assert.deepEqual(parseColor("rgba(1, 2, 3, 0)"), [1, 2, 3, 0]);
});

test("a scale runs from its first color to its last, through those between", () => {
  const table = colorTable([[0, "#ff0000"], [0.5, "#00ff00"], [1, "#0000ff"]]);
  assert.deepEqual([...table.slice(0, 4)], [255, 0, 0, 255]);
  assert.deepEqual([...table.slice(-4)], [0, 0, 255, 255]);
  assert.ok(table[4 * 128 + 1] > 250, "green in the middle");
  assert.equal(colorTable([[0, "#ff0000"], [0.5, "#00ff00"], [1, "#0000ff"]]), table, "made once");
});

test("a scale with a sharp edge has no color between", () => {
  const table = colorTable([[0, "#000000"], [0.5, "#000000"], [0.5, "#ffffff"], [1, "#ffffff"]]);
  assert.ok([...table].every((value) => value === 0 || value === 255));
});

test("values are painted, clipped to the ends, and holes stay transparent", () => {
  const pixels = new Uint8ClampedArray(4 * 4);
  paint(pixels, [Float32Array.of(-9, 9), Float32Array.of(NaN, 0)], colorTable(GRAY), -1, 1, false);
  assert.deepEqual([...pixels], [0, 0, 0, 255, 255, 255, 255, 255, 0, 0, 0, 0, 128, 128, 128, 255]);
});

test("where the axis runs upwards, row 0 is the lowest line", () => {
  const pixels = new Uint8ClampedArray(8);
  paint(pixels, [[0], [1]], colorTable(GRAY), 0, 1, true);
  assert.deepEqual([...pixels], [255, 255, 255, 255, 0, 0, 0, 255]);
});
