// What a page says and shows before anything is known of its run.

import assert from "node:assert/strict";
import test from "node:test";

import { Skeleton, waitedFor } from "../../rnn_explorer/ui/live_figures/skeleton.js";
import { numbersOf } from "../../rnn_explorer/ui/live_figures/status_line.js";

const FIRST = "Starting PyTorch; a first start takes some ten seconds.";
const LATER = "Training begins as soon as that is done.";

test("what is waited for is one honest sentence, and a press meanwhile is confirmed", () => {
  assert.equal(waitedFor({ status: "starting", message: FIRST, target: 0 }), FIRST);
  assert.equal(waitedFor({ status: "training", message: FIRST, target: 0 }), `${FIRST} ${LATER}`);
  assert.equal(waitedFor({ status: "starting", message: "", target: 0 }), "Building the model.");
  assert.equal(waitedFor({ status: "training", message: "", target: 0 }), `Building the model. ${LATER}`);
});

test("nothing is waited for once something is known, or where nothing will come", () => {
  assert.equal(waitedFor({ status: "training", message: "", target: 100 }), "");
  assert.equal(waitedFor({ status: "ready", message: "", target: 100 }), "");
  assert.equal(waitedFor({ status: "failed", message: "No worker process could be started.", target: 0 }), "");
  assert.equal(waitedFor({ status: "interrupted", message: "Press Play.", target: 0 }), "");
  assert.equal(waitedFor({}), "");
});

test("no number is shown that is not known", () => {
  const unknown = { status: "starting", message: "", errors: [], step: 0, target: 0, epoch: 0, epochs: 0, rate: 0, val_loss: null,
    val_metric: null, metric: "", test: null, at: null, film: 0, busy: null };
  assert.equal(numbersOf(unknown), "");
});

/** As much of a node as a skeleton needs. */
class Node {
  constructor() {
    this.dataset = {};
    this.style = {};
    this.attributes = {};
    this.children = [];
  }

  setAttribute(name, value) { this.attributes[name] = value; }

  removeAttribute(name) { delete this.attributes[name]; }

  append(...nodes) {
    for (const node of nodes) node.parent = this;
    this.children.push(...nodes);
  }

  remove() { this.parent.children = this.parent.children.filter((node) => node !== this); }
}

test("blocks stand once, where the panels will, and are no more once these have come", () => {
  globalThis.document = /** @type {any} */ ({ createElement: () => new Node() });
  const root = new Node(), grid = new Node();
  const skeleton = new Skeleton(/** @type {any} */ (root), /** @type {any} */ (grid));
  for (let time = 0; time < 2; time += 1) skeleton.show([[3, 1], [6, 2]]);
  assert.deepEqual(grid.children.map(({ style }) => style), [
    { gridColumn: "span 3", gridRow: "span 1" }, { gridColumn: "span 6", gridRow: "span 2" }]);
  assert.ok(grid.children.every((block) => block.attributes["aria-hidden"] === "true"));
  assert.deepEqual([root.dataset, grid.attributes], [{ waiting: "" }, { "aria-busy": "true" }]);
  grid.append(new Node());
  skeleton.end();
  skeleton.show([[3, 1]]);
  assert.equal(grid.children.length, 1);
  assert.deepEqual([root.dataset, grid.attributes], [{}, {}]);
});
