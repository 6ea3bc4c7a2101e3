// A figure of subplots side by side, in a narrow window: the subplots one below the other.

/** @typedef {Record<string, any>} Layout */

const TOP = 0.9; // of a subplot's share of the height; above is its heading
const LABELED = 0.13; // below are the labels of its x axis
const TITLED = 0.32; // and its title, unless the one at the bottom is that of all

/** @param {string} id @returns {string} */
const nameOf = (id) => id.replace(/^([xy])(\d*)$/, "$1axis$2");

/**
 * The subplots of a figure from left to right: the ends of each, with the names of its axes.
 * @param {Layout} layout
 * @returns {{ ends: [number, number], axes: string[] }[]}
 */
export function columnsOf(layout) {
  /** @type {Map<string, { ends: [number, number], axes: string[] }>} */
  const columns = new Map();
  /** @type {Map<string, string>} */
  const place = new Map(); // the column of an x axis
  for (const [name, axis] of Object.entries(layout)) {
    if (!/^xaxis\d*$/.test(name) || !axis) continue;
    const ends = axis.domain || [0, 1];
    /** @type {{ ends: [number, number], axes: string[] }} */
    const column = columns.get(ends.join()) || { ends, axes: [] };
    columns.set(ends.join(), column);
    column.axes.push(name);
    place.set(name, ends.join());
  }
  // An axis of values stands where its x axis is, or names it as that to which it belongs.
  for (const [name, axis] of Object.entries(layout)) {
    if (!/^yaxis\d*$/.test(name) || !axis) continue;
    const holder = Object.keys(layout).find((each) => /^xaxis\d*$/.test(each) && nameOf(layout[each].anchor || "y") === name);
    const own = axis.anchor && axis.anchor !== "free" ? nameOf(axis.anchor) : holder || name.replace("y", "x");
    columns.get(place.get(own) ?? "")?.axes.push(name);
  }
  // What shares the axis of values of another subplot, such as bars beside a map, stays beside it.
  for (const [key, column] of columns) {
    if (column.axes.some((name) => name.startsWith("y"))) continue;
    const shared = nameOf(layout[column.axes[0]].anchor || "y");
    const home = [...columns.values()].find((other) => other.axes.includes(shared));
    if (!home) continue;
    home.ends = [Math.min(home.ends[0], column.ends[0]), Math.max(home.ends[1], column.ends[1])];
    home.axes.push(...column.axes);
    columns.delete(key);
  }
  return [...columns.values()].sort((a, b) => a.ends[0] - b.ends[0]);
}

/**
 * Whether subplots stand side by side, none above another one's part of the width.
 * @param {{ ends: [number, number] }[]} columns
 */
const apart = (columns) => columns.every((column, number) => !number || column.ends[0] >= columns[number - 1].ends[1] - 1e-6);

/**
 * How many subplots a figure has side by side; 1 where they cannot be stacked.
 * @param {Layout} layout
 */
export function subplotsOf(layout) {
  const columns = columnsOf(layout);
  return columns.length > 1 && !layout.grid && !layout.polar && apart(columns) ? columns.length : 1;
}

/**
 * The layout with its subplots one below the other, each as wide as the figure.
 * @param {Layout} layout
 * @returns {Layout}
 */
export function stacked(layout) {
  if (subplotsOf(layout) === 1) return layout;
  const columns = columnsOf(layout);
  const made = { ...layout };
  const height = 1 / columns.length;
  const titles = columns.map(({ axes }) => layout[axes[0]].title?.text ?? "");
  const alike = titles.every((title) => title === titles[0]);
  const bottom = alike ? LABELED : TITLED;
  const [left, right] = [columns[0].ends[0], columns[columns.length - 1].ends[1]];
  const first = columns[0].axes.filter((name) => name.startsWith("y"));
  /** Where a height in a subplot comes to lie. @param {number} number @param {number} y */
  const lifted = (number, y) => 1 - (number + 1) * height + height * (bottom + (TOP - bottom) * y);
  const moved = (/** @type {number} */ x, /** @type {number} */ number) => {
    const { ends } = columns[number];
    return left + ((x - ends[0]) / (ends[1] - ends[0])) * (right - left);
  };
  columns.forEach(({ axes }, number) => {
    let above = 0;
    for (const name of axes) {
      const axis = { ...layout[name] };
      if (name.startsWith("x")) {
        axis.domain = (axis.domain || [0, 1]).map((/** @type {number} */ x) => moved(x, number));
        if (alike && number < columns.length - 1) axis.title = { ...axis.title, text: "" };
      }
      else {
        const [low, high] = axis.domain || [0, 1];
        axis.domain = [lifted(number, low), lifted(number, high)];
        const pattern = layout[first[above++]] || {}; // its neighbor at the left had the labels of both
        if (alike && axis.showticklabels === false && pattern.showticklabels !== false) axis.showticklabels = true;
        if (alike && !axis.title?.text && pattern.title) axis.title = pattern.title;
      }
      made[name] = axis;
    }
  });
  const of = (/** @type {number} */ x) => {
    const found = columns.findIndex(({ ends }) => x >= ends[0] - 1e-6 && x <= ends[1] + 1e-6);
    return found < 0 ? (x > right ? columns.length - 1 : 0) : found;
  };
  const place = (/** @type {any} */ entry) => {
    if (entry.xref !== "paper" || entry.yref !== "paper" || typeof entry.x !== "number" || typeof entry.y !== "number") return entry;
    const number = of(entry.x);
    return { ...entry, x: moved(entry.x, number), y: lifted(number, entry.y) };
  };
  if (Array.isArray(layout.annotations)) made.annotations = layout.annotations.map(place);
  for (const name of Object.keys(layout).filter((each) => /^legend\d+$/.test(each))) { // the first stays above all
    made[name] = { ...layout[name], ...place({ xref: "paper", yref: "paper", x: layout[name].x ?? 1, y: layout[name].y ?? 1 }) };
    delete made[name].xref;
    delete made[name].yref;
  }
  return made;
}
