// What the Share dialog says.

import assert from "node:assert/strict";
import test from "node:test";

import { fileWords, missingWords, reachWords } from "../../rnn_explorer/ui/live_figures/share.js";

test("it says whom a link reaches, and how to reach a room", () => {
  const [words, command] = reachWords("localhost");
  assert.match(words, /this computer only/);
  assert.equal(command, "make run HOST=0.0.0.0");
  const [wide, none] = reachWords("192.168.1.5");
  assert.match(wide, /192\.168\.1\.5/);
  assert.equal(none, "");
});

test("it names what a link has no room for, and what stays with its owner", () => {
  assert.deepEqual(missingWords([], false), []);
  const [left, upload] = missingWords(["own", "pins"], true);
  assert.match(left, /your own sequence, the curves that were kept/);
  assert.match(upload, /stay with whoever brought them/);
});

test("who exports a run on uploaded data is told whether these are in the file", () => {
  assert.doesNotMatch(fileWords(false, true), /uploaded/);
  assert.match(fileWords(true, true), /are in it, too, unless you leave them out/);
  assert.match(fileWords(true, false), /are not in it/);
});
