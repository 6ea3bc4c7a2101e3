// A figure in larger type: every size of its text, and the room that its text has.

/** Pixels: nothing that is enlarged has smaller letters. */
export const SMALLEST = 14;
const RAISED = SMALLEST / 0.7; // of text with raised or lowered letters, which Plotly draws at 0.7 of its size
/** Distances from or around text, in pixels. */
const ROOM = new Set(["standoff", "xshift", "yshift", "thickness", "ticklen", "ticklabelstandoff", "xpad", "ypad"]);

/** @param {any} value */
const isPlain = (value) => value !== null && typeof value === "object" && !ArrayBuffer.isView(value);

/**
 * @param {any} size in pixels, one or many
 * @param {number} factor
 * @returns {any}
 */
function grown(size, factor) {
  if (typeof size === "number") return Math.max(size * factor, SMALLEST);
  return Array.isArray(size) ? size.map((one) => grown(one, factor)) : size;
}

/**
 * A copy of a figure's layout, or of one of its traces, with all of its text larger; what is drawn stays.
 * @param {any} part
 * @param {number} factor 1 for the part itself
 * @returns {any}
 */
export function larger(part, factor) {
  if (factor === 1 || !isPlain(part)) return part;
  // A list of numbers, texts or rows is long, and has no text of its own.
  if (Array.isArray(part)) return isPlain(part[0]) && !Array.isArray(part[0]) ? part.map((entry) => larger(entry, factor)) : part;
  const made = Object.fromEntries(Object.entries(part).map(([name, value]) => {
    if (/font$/.test(name) && isPlain(value)) return [name, "size" in value ? { ...value, size: grown(value.size, factor) } : value];
    if (name === "margin" && isPlain(value)) return [name, Object.fromEntries(Object.entries(value).map(([side, size]) => [side, typeof size === "number" ? size * factor : size]))];
    const inPixels = (ROOM.has(name) && part[`${name}mode`] !== "fraction") || (/^a[xy]$/.test(name) && part[`${name}ref`] === undefined);
    return [name, inPixels && typeof value === "number" ? value * factor : larger(value, factor)];
  }));
  const raised = (/** @type {any} */ text) => typeof text === "string" && /<su[bp]>/.test(text);
  const room = (/** @type {any} */ font) => ({ ...font, size: Math.max(font?.size ?? 0, RAISED) });
  if (raised(part.text)) made.font = room(made.font);
  if (Array.isArray(part.ticktext) && part.ticktext.some(raised)) made.tickfont = room(made.tickfont);
  return made;
}
