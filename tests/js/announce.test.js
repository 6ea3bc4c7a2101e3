// What is spoken, and which row of a map shows a unit.

import assert from "node:assert/strict";
import test from "node:test";

import { worthSaying } from "../../rnn_explorer/ui/live_figures/announce.js";
import { rowOf, stepped, unitBeside } from "../../rnn_explorer/ui/live_figures/map_keys.js";

const status = (more) => ({ status: "training", step: 10, epoch: 1.2, epochs: 10, metric: "accuracy", val_loss: 0.5, val_metric: 0.87, at: null, film: 0, ...more });

test("an update within an epoch says nothing, its end does", () => {
  assert.equal(worthSaying(status(), status({ step: 20, epoch: 1.9 })), "");
  assert.equal(worthSaying(status(), status({ epoch: 2.0 })), "Epoch 2 of 10: validation loss 0.5, accuracy 87 %.");
  assert.equal(worthSaying(status(), status({ epoch: 2.0, val_metric: null })), "Epoch 2 of 10.");
});

test("how a run ends is said, and where one looks back", () => {
  assert.equal(worthSaying(status(), status({ status: "finished", step: 300, metric: "MSE", val_metric: 0.0123 })), "Finished at step 300: validation loss 0.5, MSE 0.0123.");
  assert.equal(worthSaying(status({ status: "paused" }), status({ status: "paused", at: 7 })), "Looking back at step 7: validation loss 0.5, accuracy 87 %.");
  assert.equal(worthSaying(status({ at: 7 }), status({ at: 8, film: 5 })), "", "a film is not read out");
});

test("a unit is found in a map that leaves some out", () => {
  const z = Array.from({ length: 64 }, () => [0, 0]);
  assert.deepEqual(rowOf({ z, y0: 0, dy: 2 }, 41), { row: 20, unit: 40, height: 2 });
  assert.deepEqual(rowOf({ z, y: Array.from({ length: 64 }, (_, n) => 3 * n) }, 190), { row: 63, unit: 189, height: 3 });
  assert.deepEqual([unitBeside({ z, y0: 0, dy: 2 }, 40, 1), unitBeside({ z, y0: 0, dy: 2 }, 0, -1), unitBeside({ z }, 63, 1)], [42, 0, 63]);
});

test("arrows walk along a line, through the rows of a map, and from line to line", () => {
  const lines = [{ rows: 1, columns: 5 }, { rows: 1, columns: 3 }];
  const first = stepped(lines, null, "ArrowRight");
  assert.deepEqual([first, stepped(lines, null, "ArrowLeft")], [{ trace: 0, row: 0, column: 0 }, { trace: 0, row: 0, column: 4 }]);
  assert.deepEqual(stepped(lines, { trace: 0, row: 0, column: 4 }, "ArrowRight"), { trace: 0, row: 0, column: 4 }, "it ends there");
  assert.deepEqual(stepped(lines, { trace: 0, row: 0, column: 4 }, "ArrowUp"), { trace: 1, row: 0, column: 2 });
  const map = [{ rows: 4, columns: 6 }];
  assert.deepEqual(stepped(map, { trace: 0, row: 3, column: 2 }, "ArrowDown"), { trace: 0, row: 2, column: 2 });
  assert.deepEqual(stepped(map, { trace: 0, row: 3, column: 2 }, "ArrowUp"), { trace: 0, row: 3, column: 2 });
  assert.equal(stepped([{ rows: 1, columns: 1000 }], { trace: 0, row: 0, column: 0 }, "ArrowRight").column, 10, "a long line in a hundred steps");
});
