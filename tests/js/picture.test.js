// Pictures of maps, read back by code of others: node's zlib.

import assert from "node:assert/strict";
import test from "node:test";
import { crc32, inflateSync } from "node:zlib";

import { colorTable } from "../../rnn_explorer/ui/live_figures/color.js";
import { address, png } from "../../rnn_explorer/ui/live_figures/picture.js";

const TABLE = colorTable([[0, "#000000"], [1, "rgba(255,255,255,0.5)"]]);

/** The parts of a PNG file by kind, with their checksums checked. */
function partsOf(bytes) {
  const file = Buffer.from(bytes);
  assert.deepEqual([...file.subarray(0, 8)], [137, 80, 78, 71, 13, 10, 26, 10]);
  const parts = {};
  for (let at = 8; at < file.length;) {
    const length = file.readUInt32BE(at);
    const end = at + 8 + length;
    assert.equal(crc32(file.subarray(at + 4, end)), file.readUInt32BE(end));
    parts[file.toString("latin1", at + 4, at + 8)] = file.subarray(at + 8, end);
    at = end + 4;
  }
  assert.deepEqual(Object.keys(parts), ["IHDR", "PLTE", "tRNS", "IDAT", "IEND"]);
  return parts;
}

/** The lines of a picture, each without the number of its filter, which must be none. */
function linesOf(parts, width) {
  const all = inflateSync(parts.IDAT); // checks the stream's checksum, too
  const lines = [];
  for (let at = 0; at < all.length; at += width + 1) {
    assert.equal(all[at], 0);
    lines.push([...all.subarray(at + 1, at + 1 + width)]);
  }
  return lines;
}

test("a picture holds its pixels, a transparent color for holes, and the table's colors behind it", () => {
  const parts = partsOf(png(Uint8Array.of(0, 1, 255, 7, 8, 9), 3, TABLE));
  assert.deepEqual([parts.IHDR.readUInt32BE(0), parts.IHDR.readUInt32BE(4), ...parts.IHDR.subarray(8)], [3, 2, 8, 3, 0, 0, 0]);
  assert.deepEqual(linesOf(parts, 3), [[0, 1, 255], [7, 8, 9]]);
  assert.equal(parts.tRNS[0], 0);
  for (const n of [0, 1, 100, 254]) {
    assert.deepEqual([...parts.PLTE.subarray(3 * n + 3, 3 * n + 6), parts.tRNS[n + 1]], [...TABLE.subarray(4 * n, 4 * n + 4)]);
  }
});

test("a large picture takes more than one block", () => {
  const pixels = Uint8Array.from({ length: 300 * 500 }, (_, n) => (n * 7919) % 256);
  assert.deepEqual(linesOf(partsOf(png(pixels, 500, TABLE)), 500).flat(), [...pixels]);
});

test("an address holds all bytes", () => {
  const bytes = Uint8Array.from({ length: 20000 }, (_, n) => n % 256);
  const [head, text] = address(bytes).split(",");
  assert.equal(head, "data:image/png;base64");
  assert.deepEqual(Uint8Array.from(Buffer.from(text, "base64")), bytes);
});
