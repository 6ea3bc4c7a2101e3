// What keys mean, and what the strip says is changed.

import assert from "node:assert/strict";
import test from "node:test";

import { changeWords } from "../../rnn_explorer/ui/live_figures/chips.js";
import { meant, rowsOf } from "../../rnn_explorer/ui/live_figures/keys.js";

const press = (key, more = {}) => ({ key, altKey: false, ctrlKey: false, metaKey: false, shiftKey: false, ...more });
const entry = (name, more = {}) => ({ keys: [name], shown: name, words: `does ${name}`, act: () => {}, ...more });

test("the first entry that may act now has the key", () => {
  const keys = [entry("Escape", { words: "top", when: () => false }), entry("Escape", { words: "next" }), entry("Escape", { words: "last" })];
  assert.equal(meant(keys, press("Escape"))?.words, "next");
  keys[0].when = () => true;
  assert.equal(meant(keys, press("Escape"))?.words, "top");
  assert.equal(meant(keys, press("q")), undefined);
});

test("keys of the browser and of the system are left alone, and shift counts where a key does not tell it", () => {
  const keys = [entry("ArrowLeft"), entry("?")];
  for (const other of ["altKey", "ctrlKey", "metaKey"]) assert.equal(meant(keys, press("ArrowLeft", { [other]: true })), undefined);
  assert.equal(meant(keys, press("ArrowLeft", { shiftKey: true })), undefined);
  assert.ok(meant(keys, press("?", { shiftKey: true })));
  assert.ok(meant([entry("ArrowLeft", { shift: true })], press("ArrowLeft", { shiftKey: true })));
});

test("the table says each thing once", () => {
  const both = { shown: "← →", words: "back or forward" };
  assert.deepEqual(rowsOf([both, { shown: "f", words: "present" }, both]), [["← →", "back or forward"], ["f", "present"]]);
});

test("what is changed about the cell is said in a few words", () => {
  assert.equal(changeWords(undefined), "");
  assert.equal(changeWords(""), "");
  assert.equal(changeWords(JSON.stringify({ clamp: [["forget", -1, 0]] })), "forget = 0");
  assert.equal(changeWords(JSON.stringify({ clamp: [["input_gate", 3, 0.5, 2, 4]] })), "input gate of unit 3 = 0.5");
  assert.equal(changeWords(JSON.stringify({ ablate: [1] })), "unit 1 ablated");
  assert.equal(changeWords(JSON.stringify({ ablate: [1, 7], inputs: [[4, 0, 1]] })), "units 1, 7 ablated; input edited at t = 4");
  assert.equal(changeWords(JSON.stringify({ weights: [["weight_hh", 1, 2, 0.5], ["bias_ih", 3, 0, 1]] })), "weight_hh[1, 2] = 0.5; bias_ih[3] = 1");
});
