// What is asked for, where panels stand, and the slider of the past: logic without a page.

import assert from "node:assert/strict";
import test from "node:test";

import { chosenParts, places } from "../../rnn_explorer/ui/live_figures/arranging.js";
import { boxOf } from "../../rnn_explorer/ui/live_figures/marks.js";
import { isRepaint } from "../../rnn_explorer/ui/live_figures/panel.js";
import { pressed, within } from "../../rnn_explorer/ui/live_figures/controls.js";
import { short } from "../../rnn_explorer/ui/live_figures/dom.js";
import { numbersOf } from "../../rnn_explorer/ui/live_figures/status_line.js";
import { positionOf, Timeline, turned } from "../../rnn_explorer/ui/live_figures/timeline.js";

test("what the page's script decides stands above what was chosen, and all of it goes as texts", () => {
  const now = { at: null, film: 0 };
  assert.deepEqual(chosenParts({ unit: 3, log: true }, { unit: 5 }, now), { unit: "5", log: "true" });
  assert.deepEqual(chosenParts({}, {}, { at: 0, film: 2 }), { at: "0", film: "2" });
});

test("panels stand in the order of their names, and take half of the width where nothing is said", () => {
  const found = places(["b", "a"], { rows: "1fr", spans: { a: [6, 2] }, least: 1 });
  assert.deepEqual(found, [
    { name: "b", order: "0", gridColumn: "span 3", gridRow: "span 1" },
    { name: "a", order: "1", gridColumn: "span 6", gridRow: "span 2" },
  ]);
});

test("a button adds one, or sets its one option", () => {
  assert.equal(pressed({ options: [] }, undefined), 1);
  assert.equal(pressed({ options: [] }, "4"), 5);
  assert.equal(pressed({ options: [["none", "x"]] }, "4"), "none");
});

test("a typed number stays within its ends", () => {
  assert.equal(within({ low: 0, high: 31 }, "99"), 31);
  assert.equal(within({ low: 2, high: 31 }, "abc"), 2);
});

test("the slider stands at the nearest kept step, and after the last for now", () => {
  assert.equal(positionOf([0, 1, 5, 9], null), 4);
  assert.equal(positionOf([0, 1, 5, 9], 6), 2);
  assert.equal(positionOf([], 6), 0);
});

test("one step back from now skips the kept step that is now", () => {
  assert.equal(turned([0, 5, 10], 3, -1, 10), 1);
  assert.equal(turned([0, 5, 10], 3, -1, 12), 2);
  assert.equal(turned([0, 5, 10], 3, 1, 12), 3);
  assert.equal(turned([0, 5, 10], 0, -1, 12), 0);
});

test("the cells of a step are framed by one box", () => {
  assert.deepEqual(boxOf([Int32Array.of(1, 1, 2), Int32Array.of(1, 1, 2)], 1), [0, 1, 0, 1]);
  assert.equal(boxOf([[1, 2]], 9), null);
});

test("numbers are short, and what is unknown is a dash", () => {
  assert.deepEqual([0, 0.12345, 12345, 1e-5, null, NaN, Infinity].map(short), ["0", "0.123", "1.2e+4", "1.0e-5", "–", "–", "–"]);
});

test("the status line names what is known and nothing else", () => {
  const status = { status: "training", step: 7, target: 100, epoch: 0.5, epochs: 10, rate: 12.4, val_loss: null, val_metric: null,
    metric: "accuracy", test: null };
  assert.equal(numbersOf(status), "step 7 / 100  ·  epoch 0.5 / 10  ·  12 steps/s");
  const done = { ...status, status: "finished", val_loss: 0.5, val_metric: 0.987, test: [0.25, 1] };
  assert.ok(numbersOf(done).endsWith("validation loss 0.5, accuracy 98.7 %  ·  test loss 0.25, accuracy 100.0 %"));
  const past = { ...done, at: 3, epoch: 0.2, val_step: 0, test: null };
  assert.equal(numbersOf(past), "step 3 / 100  ·  epoch 0.2 / 10  ·  validation loss 0.5, accuracy 98.7 % (measured at step 0)");
  assert.ok(!numbersOf({ ...past, val_step: 3 }).includes("measured"));
  assert.ok(!numbersOf({ ...past, status: "training" }).includes("steps/s"));
});

test("only new values of a map of the same size are repainted", () => {
  const map = { type: "heatmap", z: [[1, 2]], zmax: 1 };
  assert.ok(isRepaint(map, { z: [[3, 4]] }));
  assert.ok(!isRepaint(map, { z: [[3, 4, 5]] }));
  assert.ok(!isRepaint(map, { z: [[3, 4]], zmax: 2 }));
  assert.ok(!isRepaint({ ...map, type: "scatter" }, { z: [[3, 4]] }));
  assert.ok(!isRepaint(map, { customdata: [[3, 4]] }));
});

test("a step that an address names is not lost before it was shown", () => {
  const owner = { deferred: () => false, moved: () => {} };
  const line = Object.assign(Object.create(Timeline.prototype), { owner, movedAt: -Infinity, frames: [], at: null, film: 0 });
  line.enter(5);
  line.follow({ at: null, film: 0 }); // the first frames come before the past is computed
  assert.equal(line.at, 5);
  line.follow({ at: 5, film: 0 });
  line.follow({ film: 0 }); // a frame of the status alone
  assert.equal(line.at, 5);
  line.follow({ at: null, film: 0 }); // the run was reset
  assert.equal(line.at, null);
  line.enter(7);
  line.follow({ at: 5, film: 0 });
  assert.equal(line.at, 5, "the nearest kept step");
});
