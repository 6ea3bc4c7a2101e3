// The colors of maps: a scale as a table, and a map as pixels.

export const COLORS = 255; // in a table; with the one for holes, a pixel is a byte

/** @type {Map<string, Uint8ClampedArray>} */
const tables = new Map();

/**
 * Red, green, blue and opacity, each up to 255, of "#rrggbb", "rgb(...)" or "rgba(...)".
 * @param {string} color
 * @returns {number[]}
 */
export function parseColor(color) {
  if (!color.startsWith("rgb")) return [...[1, 3, 5].map((n) => parseInt(color.slice(n, n + 2), 16)), 255];
  const [red, green, blue, opacity = 1] = (color.match(/[\d.]+/g) || []).map(Number);
  return [red, green, blue, 255 * opacity];
}

/**
 * Colors of a scale as `COLORS` entries of red, green, blue and opacity.
 * @param {[number, string][]} scale as Plotly writes it: pairs of a place from 0 to 1 and a color
 * @returns {Uint8ClampedArray}
 */
export function colorTable(scale) {
  const key = JSON.stringify(scale);
  const known = tables.get(key);
  if (known) return known;
  const stops = scale.map(([at, color]) => ({ at, color: parseColor(color) }));
  const table = new Uint8ClampedArray(4 * COLORS);
  for (let n = 0; n < COLORS; n += 1) {
    const at = n / (COLORS - 1);
    let k = 1;
    while (k < stops.length - 1 && stops[k].at < at) k += 1;
    const low = stops[k - 1];
    const high = stops[k];
    const share = high.at > low.at ? Math.min(Math.max((at - low.at) / (high.at - low.at), 0), 1) : 0;
    for (let c = 0; c < 4; c += 1) table[4 * n + c] = low.color[c] + share * (high.color[c] - low.color[c]);
  }
  tables.set(key, table);
  return table;
}

/**
 * A map as numbers of colors, line by line from the top: 0 where there is no number, else one more than its place in the
 * table.
 * @param {import("./types").Rows} rows of equal length
 * @param {number} low the value of the first color
 * @param {number} high the value of the last
 * @param {boolean} upwards whether row 0 is the lowest line
 * @returns {Uint8Array}
 */
export function paint(rows, low, high, upwards) {
  const scale = (COLORS - 1) / (high - low);
  const pixels = new Uint8Array(rows.length * rows[0].length);
  let at = 0;
  for (let line = 0; line < rows.length; line += 1) {
    const row = rows[upwards ? rows.length - 1 - line : line];
    for (let column = 0; column < row.length; column += 1, at += 1) {
      const value = row[column];
      if (Number.isFinite(value)) pixels[at] = 1 + Math.round(Math.min(Math.max((value - low) * scale, 0), COLORS - 1));
    }
  }
  return pixels;
}
