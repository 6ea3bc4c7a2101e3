// Frames as the server makes them (`rnn_explorer.engine.frames`): a length, a header as JSON, arrays behind it.

/** @typedef {Uint16Array | Float32Array | Float64Array | Int8Array | Uint8Array | Int16Array | Int32Array | Uint32Array} Numbers */

/** @type {Record<string, any>} */
const ARRAYS = { f2: Uint16Array, f4: Float32Array, f8: Float64Array, i1: Int8Array, i2: Int16Array, i4: Int32Array, u1: Uint8Array,
  u2: Uint16Array, u4: Uint32Array };

/**
 * Half precision to single: sign, five bits of exponent, ten of fraction.
 * @param {number} bits
 */
export function halfToSingle(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
const HALVES = Float32Array.from({ length: 65536 }, (_, bits) => halfToSingle(bits));

/**
 * The numbers of an array, in place where its type allows.
 * @param {string} type
 * @param {ArrayBuffer} buffer
 * @param {number} at
 * @param {number} count
 * @returns {Numbers}
 */
function numbers(type, buffer, at, count) {
  const Kind = ARRAYS[type];
  if (!Kind) throw new Error(`a frame has no arrays of type ${type}`);
  const found = at % Kind.BYTES_PER_ELEMENT === 0 ? new Kind(buffer, at, count)
    : new Kind(buffer.slice(at, at + count * Kind.BYTES_PER_ELEMENT));
  if (type !== "f2") return found;
  const singles = new Float32Array(count);
  for (let n = 0; n < count; n += 1) singles[n] = HALVES[found[n]];
  return singles;
}

/**
 * Numbers in rows, as many levels deep as there are dimensions but one.
 * @param {Numbers} flat
 * @param {number[]} shape
 * @returns {any}
 */
function inRows(flat, shape) {
  if (shape.length < 2) return shape.length ? flat : flat[0];
  const inner = shape.slice(1);
  const size = inner.reduce((product, length) => product * length, 1);
  return Array.from({ length: shape[0] }, (_, row) => inRows(flat.subarray(row * size, (row + 1) * size), inner));
}

/**
 * Bytes as the numbers that they stand for: 0 for the low end, 254 for the high one, 255 for none.
 * @param {Numbers} codes
 * @param {[number, number]} ends
 */
function between(codes, [low, high]) {
  const step = (high - low) / 254;
  return Float32Array.from(codes, (code) => (code === 255 ? NaN : low + code * step));
}

/** An array that begins as the one before it did. */
export class Grown {
  /**
   * @param {number} keep how many numbers are the same
   * @param {Numbers} rest those that follow
   */
  constructor(keep, rest) {
    this.keep = keep;
    this.rest = rest;
  }

  /**
   * The whole array.
   * @param {any} before
   */
  after(before) {
    const whole = new (/** @type {any} */ (this.rest).constructor)(this.keep + this.rest.length);
    whole.set(before.subarray(0, this.keep));
    whole.set(this.rest, this.keep);
    return whole;
  }
}

/**
 * The properties of a trace that changed, as they are now.
 * @param {Record<string, any>} before the trace
 * @param {Record<string, any>} change as it came
 * @returns {Record<string, any>}
 */
export function changed(before, change) {
  return Object.fromEntries(Object.entries(change).map(([name, value]) =>
    [name, value instanceof Grown ? value.after(before[name]) : value]));
}

/**
 * The message of a frame; its arrays are typed arrays or `Grown`, matrices are rows of them.
 * @param {ArrayBuffer} buffer
 * @returns {any}
 */
export function decode(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const begin = 4 + length;
  if (begin > buffer.byteLength) throw new Error("this frame is cut off");
  /** @param {any} value */
  const revive = (value) => {
    if (value === null || typeof value !== "object") return value;
    if (Array.isArray(value)) {
      if (typeof value[0] === "object") for (let n = 0; n < value.length; n += 1) value[n] = revive(value[n]);
      return value;
    }
    const place = value.$;
    if (Array.isArray(place)) {
      const [type, shape, offset, more] = place;
      const count = shape.reduce((/** @type {number} */ product, /** @type {number} */ size) => product * size, 1);
      const found = numbers(type, buffer, begin + offset, count);
      if (typeof more === "number") return new Grown(more, found);
      return inRows(more ? between(found, more) : found, shape);
    }
    for (const key in value) value[key] = revive(value[key]);
    return value;
  };
  return revive(JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length))));
}
