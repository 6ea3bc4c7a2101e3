// What a page has to say: one message of several sentences, which can be closed.

import assert from "node:assert/strict";
import test from "node:test";

/** As much of a node as a note needs. */
class Node {
  constructor() {
    this.children = [];
    this.attributes = {};
    this.textContent = "";
  }

  append(...nodes) { this.children.push(...nodes); }
  setAttribute(name, value) { this.attributes[name] = value; }
  addEventListener() {}
}

globalThis.document = { createElement: () => new Node() };
const { Note } = await import("../../rnn_explorer/ui/live_figures/note.js");
const FULL = "The disk is full.";

test("what is said of the store stands beside the rest, and goes when all is well", () => {
  const note = new Note(() => {});
  note.say("run", "Diverged.");
  note.sayOfStore(FULL);
  assert.deepEqual([note.words.textContent, note.root.hidden], [`${FULL} Diverged.`, false]);
  note.sayOfStore("");
  note.say("run", "");
  assert.equal(note.root.hidden, true);
});

test("who closed it has read it, on this page and the next, until it comes anew", () => {
  const note = new Note(() => {});
  note.sayOfStore(FULL);
  note.close();
  const next = new Note(() => {});
  next.sayOfStore(null); // a new connection
  next.sayOfStore(FULL);
  assert.deepEqual([next.words.textContent, next.root.hidden], ["", true]);
  next.sayOfStore("");
  next.sayOfStore(FULL);
  assert.deepEqual([next.words.textContent, next.root.hidden], [FULL, false]);
});
