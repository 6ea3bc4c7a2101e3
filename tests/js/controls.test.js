// Where controls stand, who has the keyboard, and what is told to the page's script.

import assert from "node:assert/strict";
import test from "node:test";

import { dropOtherRequests, noteRequest } from "../../rnn_explorer/ui/live_figures/requested.js";
import { isSet } from "../../rnn_explorer/ui/live_figures/focus.js";
import { over } from "../../rnn_explorer/ui/live_figures/panel_slot.js";
import { Pressing } from "../../rnn_explorer/ui/live_figures/pressing.js";

/** A control of a page, as far as selectors ask: what it is among the kinds that `focus.js` names. */
const control = (kind, place = true) => ({
  closest: () => place || null,
  matches: (selector) => selector.split(", ").some((part) => part === kind || (kind === "text" && part.startsWith("input:not("))),
});

test("what is set with the mouse gives the keyboard back; text fields, lists and other places keep it", () => {
  for (const kind of ["[role=slider]", "input", "button", "[role=switch]"]) assert.ok(isSet(control(kind)), kind);
  for (const kind of ["text", "textarea", "select", "[aria-expanded]"]) assert.ok(!isSet(control(kind)), kind);
  assert.ok(!isSet(control("button", false)), "elsewhere");
  assert.ok(!isSet(null));
});

test("controls are laid over their place, wherever the page stands", () => {
  const place = { left: 310, top: 150, width: 400, height: 30 };
  assert.deepEqual(over(place, { left: 300, top: -100 }), { left: "10px", top: "250px", width: "400px", height: "30px" });
});

test("a search belongs to the run for which it was asked", () => {
  const kept = new Map();
  const store = { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => kept.set(name, value) };
  const selection = { find: "1;-1;0;forward;512;", dims: 3 };
  noteRequest("dims", "run a", store);
  assert.equal(kept.size, 0);
  noteRequest("find", "run a", store);
  dropOtherRequests(selection, "run a", store);
  assert.ok(selection.find);
  dropOtherRequests(selection, "run b", store);
  assert.deepEqual(selection, { dims: 3 });
});

test("a press stops the replay at the step shown, and tells it once", () => {
  globalThis.document = globalThis.window = { addEventListener: () => {}, removeEventListener: () => {} };
  const told = [];
  const timeline = { film: 5, at: 40, stop() { this.film = 0; } };
  const view = { root: { isConnected: true }, run: "r", timeline, reports: { report: (...words) => told.push(words) } };
  const pressing = new Pressing(view);
  pressing.settle();
  pressing.settle();
  assert.deepEqual([timeline.film, told], [0, [["pressed", "r 40"]]]);
  timeline.at = null;
  pressing.settle();
  assert.deepEqual(told[1], ["pressed", "r"]);
  const on = { closest: (selector) => (selector.includes("st-key-do") ? {} : null) };
  const off = { closest: () => null };
  const typed = { closest: (selector) => (selector.includes("textarea") ? {} : null) };
  const key = (name, target, more = {}) => pressing.isPress({ key: name, target, ...more });
  assert.ok(pressing.isPress({ target: on }) && key("Enter", on) && key("p", off));
  assert.ok(!pressing.isPress({ target: off }) && !key("Enter", off) && !key("p", typed) && !key("p", off, { ctrlKey: true }) && !key("q", off));
  delete globalThis.document;
  delete globalThis.window;
});
