// What differs between two layouts.

import assert from "node:assert/strict";
import test from "node:test";

import { differences, newTitles } from "../../rnn_explorer/ui/live_figures/layouts.js";

const LAYOUT = { margin: { t: 4 }, xaxis: { title: { text: "PC 1" }, range: [0, 1] }, yaxis2: { title: { text: "PC 2" } }, shapes: [{ x0: 1 }] };
const changed = (change) => { const copy = structuredClone(LAYOUT); change(copy); return copy; };

test("every place that differs is named, in lists and where something came or went", () => {
  assert.deepEqual(differences(LAYOUT, structuredClone(LAYOUT)), []);
  assert.deepEqual(differences(LAYOUT, changed((l) => { l.xaxis.range[1] = 2; l.shapes[0].x0 = 0; })), ["xaxis.range.1", "shapes.0.x0"]);
  assert.deepEqual(differences(LAYOUT, changed((l) => { delete l.margin; l.shapes.push({}); })), ["margin", "shapes.1"]);
  assert.deepEqual(differences({ a: null }, { a: {} }), ["a"]);
  assert.deepEqual(differences({ a: [] }, { a: {} }), ["a"]);
  assert.deepEqual(differences({ a: NaN }, { a: NaN }), []);
});

test("titles of axes are told only where all else stays", () => {
  assert.deepEqual(newTitles(LAYOUT, structuredClone(LAYOUT)), []);
  assert.deepEqual(newTitles(LAYOUT, changed((l) => { l.xaxis.title.text = "a"; l.yaxis2.title.text = "b"; })), ["xaxis", "yaxis2"]);
  assert.equal(newTitles(LAYOUT, changed((l) => { l.xaxis.title.text = "a"; l.xaxis.range[0] = -1; })), null);
  assert.equal(newTitles(LAYOUT, changed((l) => { l.xaxis.title = {}; l.xaxis.title.standoff = 3; })), null);
});
