// What is asked for, and where panels stand: logic without a page.

/**
 * What is chosen, as the server takes it: texts by name.
 * @param {Record<string, any>} parts
 * @returns {Record<string, string>}
 */
export function asTexts(parts) {
  return Object.fromEntries(Object.entries(parts).map(([key, value]) => [key, String(value)]));
}

/**
 * All that is chosen: what the person chose, what the page's script decides, and where in the past one looks.
 * @param {Record<string, any>} selection
 * @param {Record<string, any>} ask
 * @param {{ at: number | null, film: number }} past
 */
export function chosenParts(selection, ask, past) {
  const parts = asTexts({ ...selection, ...ask });
  if (past.at !== null) parts.at = String(past.at);
  if (past.film) parts.film = String(past.film);
  return parts;
}

/**
 * Where each panel stands, in the order of their names.
 * @param {string[]} names
 * @param {import("./types").Grid} grid
 * @returns {{ name: string, order: string, gridColumn: string, gridRow: string }[]}
 */
export function places(names, grid) {
  return names.map((name, number) => {
    const [columns, rows] = grid.spans[name] || [3, 1];
    return { name, order: String(number), gridColumn: `span ${columns}`, gridRow: `span ${rows}` };
  });
}
