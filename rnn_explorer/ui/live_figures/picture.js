// A map as a PNG picture, which is not compressed: a canvas would spend more time on that than on all the rest, and so
// would the browser on reading it.

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const PALETTE = 3; // a pixel is the number of a color
const LONGEST = 65535; // bytes in one block that is not compressed
const MODULUS = 65521; // of a zlib stream's checksum

const CHECKS = Uint32Array.from({ length: 256 }, (_, byte) => {
  let check = byte;
  for (let bit = 0; bit < 8; bit += 1) check = check & 1 ? 0xedb88320 ^ (check >>> 1) : check >>> 1;
  return check;
});

/**
 * The four bytes of a number, the highest first.
 * @param {number} value
 */
const word = (value) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];

/**
 * A part of a PNG file: its length, its kind, what it holds and a checksum.
 * @param {string} kind
 * @param {ArrayLike<number>} content
 * @returns {Uint8Array}
 */
function chunk(kind, content) {
  const made = new Uint8Array(12 + content.length);
  made.set(word(content.length));
  made.set([...kind].map((letter) => letter.charCodeAt(0)), 4);
  made.set(content, 8);
  let check = 0xffffffff;
  for (let n = 4; n < made.length - 4; n += 1) check = CHECKS[(check ^ made[n]) & 255] ^ (check >>> 8);
  made.set(word(~check), made.length - 4);
  return made;
}

/**
 * Lines of pixels as a zlib stream of blocks that are not compressed.
 * @param {Uint8Array} pixels
 * @param {number} width
 * @returns {Uint8Array}
 */
function stored(pixels, width) {
  const height = pixels.length / width;
  const lines = new Uint8Array(height * (width + 1)); // each line begins with the number of its filter: 0, none
  for (let line = 0; line < height; line += 1) lines.set(pixels.subarray(line * width, (line + 1) * width), line * (width + 1) + 1);
  const blocks = Math.ceil(lines.length / LONGEST);
  const made = new Uint8Array(2 + 5 * blocks + lines.length + 4);
  made.set([0x78, 0x01]);
  for (let block = 0, at = 2; block < blocks; block += 1) {
    const part = lines.subarray(block * LONGEST, (block + 1) * LONGEST);
    const size = part.length;
    made.set([Number(block === blocks - 1), size & 255, size >> 8, ~size & 255, (~size >> 8) & 255], at);
    made.set(part, at + 5);
    at += 5 + size;
  }
  let low = 1;
  let high = 0;
  for (const byte of lines) {
    low = (low + byte) % MODULUS;
    high = (high + low) % MODULUS;
  }
  made.set(word(high * 65536 + low), made.length - 4);
  return made;
}

/** @type {Map<Uint8ClampedArray, Uint8Array[]>} */
const palettes = new Map();

/**
 * The parts that hold a table's colors, behind a transparent one for holes.
 * @param {Uint8ClampedArray} table red, green, blue and opacity
 */
function palette(table) {
  let made = palettes.get(table);
  if (!made) {
    const count = table.length / 4;
    const colors = Uint8Array.from({ length: 3 * (count + 1) }, (_, n) => (n < 3 ? 0 : table[4 * Math.floor(n / 3 - 1) + (n % 3)]));
    const opacities = Uint8Array.from({ length: count + 1 }, (_, n) => (n ? table[4 * n - 1] : 0));
    palettes.set(table, (made = [chunk("PLTE", colors), chunk("tRNS", opacities)]));
  }
  return made;
}

/**
 * The bytes of a PNG picture.
 * @param {Uint8Array} pixels as `paint` makes them
 * @param {number} width
 * @param {Uint8ClampedArray} table of `colorTable`
 * @returns {Uint8Array}
 */
export function png(pixels, width, table) {
  const head = chunk("IHDR", [...word(width), ...word(pixels.length / width), 8, PALETTE, 0, 0, 0]);
  const parts = [SIGNATURE, head, ...palette(table), chunk("IDAT", stored(pixels, width)), chunk("IEND", [])];
  const made = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    made.set(part, at);
    at += part.length;
  }
  return made;
}

/**
 * An address that holds a picture.
 * @param {Uint8Array} bytes of a PNG picture
 */
export function address(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return `data:image/png;base64,${btoa(text)}`;
}
