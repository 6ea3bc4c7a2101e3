// What the user zoomed to, by layout key, so that it holds when a figure is drawn anew.

/**
 * The ranges and cameras after a change that Plotly tells of.
 * @param {Record<string, any>} ranges those before
 * @param {Record<string, any>} event of `plotly_relayout`
 * @returns {Record<string, any>}
 */
export function zoomedTo(ranges, event) {
  const found = { ...ranges };
  for (const [key, value] of Object.entries(event)) {
    const match = /^([xy]axis\d*)\.(range\[(\d)\]|range|autorange)$/.exec(key);
    if (match) {
      const [, axis, part, index] = match;
      if (part === "autorange") delete found[`${axis}.range`];
      else if (part === "range") found[`${axis}.range`] = value;
      else {
        const range = (found[`${axis}.range`] || []).slice();
        range[Number(index)] = value;
        found[`${axis}.range`] = range;
      }
    }
    const scene = /^(scene\d*)\.camera$/.exec(key);
    if (scene) found[`${scene[1]}.camera`] = value;
  }
  return found;
}

/**
 * A layout with what was zoomed to.
 * @param {Record<string, any>} layout
 * @param {Record<string, any>} ranges
 */
export function zoomed(layout, ranges) {
  const found = { ...layout };
  for (const [key, value] of Object.entries(ranges)) {
    const [axis, part] = key.split(".");
    found[axis] = { ...(found[axis] || {}), [part]: value };
    if (part === "range") found[axis].autorange = false;
  }
  return found;
}
