// Frames are decoded as the server makes them.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import test from "node:test";
import { fileURLToPath } from "node:url";

import { changed, decode, Grown, halfToSingle } from "../../rnn_explorer/ui/live_figures/codec.js";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** A frame made here: a header and bytes behind it. */
function frame(header, blocks = new Uint8Array()) {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const padded = Math.ceil((4 + text.length) / 8) * 8 - 4;
  const buffer = new ArrayBuffer(4 + padded + blocks.length);
  const bytes = new Uint8Array(buffer).fill(32, 4, 4 + padded);
  new DataView(buffer).setUint32(0, padded, true);
  bytes.set(text, 4);
  bytes.set(blocks, 4 + padded);
  return buffer;
}

test("halves are read as they are written", () => {
  const known = [[0x0000, 0], [0x3c00, 1], [0xc000, -2], [0x7bff, 65504], [0x0001, 2 ** -24], [0x7c00, Infinity], [0xfc00, -Infinity]];
  for (const [bits, value] of known) assert.equal(halfToSingle(bits), value);
  assert.ok(Number.isNaN(halfToSingle(0x7e00)));
});

test("arrays lie in the frame, and are not copied", () => {
  const buffer = frame({ x: { $: ["f4", [2], 0] }, z: { $: ["i4", [2, 1], 8] } }, new Uint8Array(16));
  const { x, z } = decode(buffer);
  assert.equal(x.buffer, buffer);
  assert.ok(z.length === 2 && z[0] instanceof Int32Array && z[0].buffer === buffer && z[1].length === 1);
});

test("an array that does not lie where its type wants it is copied", () => {
  const blocks = new Uint8Array(8);
  new DataView(blocks.buffer).setFloat32(2, 1.5, true);
  assert.deepEqual([...decode(frame({ x: { $: ["f4", [1], 2] } }, blocks)).x], [1.5]);
});

test("what is no array stays as it is", () => {
  const header = { a: [1, "x", null], b: { c: true, d: [[1, 2], [3]] }, e: "ä", f: [{ g: null }], h: [] };
  assert.deepEqual(decode(frame(header)), header);
});

test("bytes stand for numbers between two ends, and the last one for none", () => {
  const { z } = decode(frame({ z: { $: ["u1", [2, 2], 0, [-1, 1]] } }, Uint8Array.from([0, 127, 254, 255, 0, 0, 0, 0])));
  assert.deepEqual([...z[0], z[1][0]], [-1, 0, 1]);
  assert.ok(Number.isNaN(z[1][1]) && z[0] instanceof Float32Array);
});

test("a line that grows goes on from the one before it", () => {
  const blocks = new Uint8Array(Float32Array.from([7, 8]).buffer);
  const came = decode(frame({ y: { $: ["f4", [2], 0, 3] }, name: "loss" }, blocks));
  assert.ok(came.y instanceof Grown);
  const before = { y: Float32Array.from([1, 2, 3, 4]), name: "" };
  const now = changed(before, came);
  assert.deepEqual([...now.y], [1, 2, 3, 7, 8]);
  assert.equal(now.name, "loss");
  assert.deepEqual([...before.y], [1, 2, 3, 4], "what is drawn stays as it is");
  const shorter = changed(before, decode(frame({ y: { $: ["f4", [0], 0, 2] } })));
  assert.deepEqual([...shorter.y], [1, 2]);
});

test("empty matrices have their rows", () => {
  const { none, hollow } = decode(frame({ none: { $: ["f4", [0, 3], 0] }, hollow: { $: ["f4", [2, 0], 0] } }));
  assert.deepEqual(none, []);
  assert.equal(hollow.length, 2);
  assert.equal(hollow[0].length, 0);
});

test("what is cut off or unknown is no frame", () => {
  assert.throws(() => decode(frame({ a: 1 }).slice(0, 8)), /cut off/);
  assert.throws(() => decode(frame({ a: { $: ["c8", [1], 0] } }, new Uint8Array(8))), /c8/);
});

test("a frame of the server's own encoder arrives", () => {
  const code = `
import sys, numpy as np
sys.path.insert(0, ${JSON.stringify(root)})
from rnn_explorer.engine.frames import pack
frame = pack({"word": "ä", "odd": np.uint8([1, 2, 3]), "map": np.array([[0.5, np.nan], [-1, 2]]), "line": np.array([1.5, np.inf]),
  "steps": np.arange(3), "large": np.full((1, 2), 1e5), "deep": {"list": [np.zeros(2)]}, "nothing": float("nan")})
sys.stdout.buffer.write(frame)`;
  const python = existsSync(`${root}.venv/bin/python`) ? `${root}.venv/bin/python` : "python3";
  const made = spawnSync(python, ["-c", code]);
  assert.equal(made.status, 0, String(made.stderr));
  const found = decode(made.stdout.buffer.slice(made.stdout.byteOffset, made.stdout.byteOffset + made.stdout.length));
  assert.equal(found.word, "ä");
  assert.deepEqual([...found.odd], [1, 2, 3]);
  assert.deepEqual(found.map.map((row) => [...row]), [[0.5, NaN], [-1, 2]]);
  assert.deepEqual([...found.line], [1.5, Infinity]);
  assert.deepEqual([...found.steps], [0, 1, 2]);
  assert.deepEqual([...found.large[0]], [1e5, 1e5]);
  assert.deepEqual([...found.deep.list[0]], [0, 0]);
  assert.equal(found.nothing, null);
});
