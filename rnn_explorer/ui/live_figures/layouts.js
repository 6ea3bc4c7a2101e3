// What differs between two descriptions of a layout.

/**
 * The places, as "xaxis.title.text", at which two plain values differ.
 * @param {any} before
 * @param {any} after
 * @param {string} [place]
 * @returns {string[]}
 */
export function differences(before, after, place = "") {
  const nested = (/** @type {any} */ value) => value !== null && typeof value === "object";
  if (!nested(before) || !nested(after) || Array.isArray(before) !== Array.isArray(after)) {
    return Object.is(before, after) ? [] : [place];
  }
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return keys.flatMap((key) => differences(before[key], after[key], place ? `${place}.${key}` : key));
}

/**
 * The axes with a new title, where nothing but titles of axes differs; null where anything else does.
 * @param {Record<string, any>} before
 * @param {Record<string, any>} after
 * @returns {string[] | null}
 */
export function newTitles(before, after) {
  const found = differences(before, after).map((place) => /^([xy]axis\d*)\.title\.text$/.exec(place));
  return found.every((match) => match) ? found.map((match) => /** @type {RegExpExecArray} */ (match)[1]) : null;
}
