// What the server packs, unpacked.

/** @type {Record<string, any>} */
const ARRAYS = { f2: Uint16Array, f4: Float32Array, f8: Float64Array, i1: Int8Array, u1: Uint8Array, i2: Int16Array, u2: Uint16Array,
  i4: Int32Array, u4: Uint32Array };

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
 * A packed matrix as rows of numbers; anything else as it is.
 * @param {any} packed
 */
export function unpack(packed) {
  const Kind = packed && ARRAYS[packed.dtype];
  const shape = Kind && packed.shape ? String(packed.shape).split(",").map(Number) : [];
  if (shape.length !== 2) return packed;
  const bytes = Uint8Array.from(atob(packed.bdata), (letter) => letter.charCodeAt(0));
  let values = new Kind(bytes.buffer);
  if (packed.dtype === "f2") values = Float32Array.from(values, (bits) => HALVES[bits]);
  return Array.from({ length: shape[0] }, (_, row) => values.subarray(row * shape[1], (row + 1) * shape[1]));
}
