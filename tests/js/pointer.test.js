// What a point of a figure stands for, what a click on it chooses, and what a zoom leaves.

import assert from "node:assert/strict";
import test from "node:test";

import { pick, timeOf } from "../../rnn_explorer/ui/live_figures/pointer.js";
import { zoomed, zoomedTo } from "../../rnn_explorer/ui/live_figures/zoom.js";

const AXES = { xaxis: { _id: "x" }, yaxis: { _id: "y2" } };
const LINE = { kind: "line", axes: ["x", "y2"], trace: -1, steps: [] };

test("a point belongs to the step at which the figure shows it", () => {
  assert.equal(timeOf({ ...AXES, x: 3.4 }, [LINE]), 3);
  assert.equal(timeOf({ ...AXES, x: 3.4 }, [{ ...LINE, axes: ["x", "y"] }]), null, "of another subplot");
  assert.equal(timeOf({ curveNumber: 1, pointNumber: 4 }, [{ kind: "point", axes: ["x", "y"], trace: 1, steps: [] }]), 5);
  const cells = { ...LINE, kind: "cells", steps: [[1, 2], [3]] };
  assert.equal(timeOf({ ...AXES, pointNumber: [1, 0] }, [cells]), 3);
  assert.equal(timeOf({ ...AXES, pointNumber: [1, 1] }, [cells]), null);
  assert.equal(timeOf(undefined, [LINE]), null);
});

/** What a click on a point chooses on a view that lets one choose these. */
function chosenBy(point, fields, marks = []) {
  const found = {};
  const view = { chooses: (field) => fields.includes(field), choose: (field, value) => { found[field] = value; } };
  pick({ view, state: { marks } }, point);
  return found;
}

test("a click chooses the unit of a map, the step, and what its trace names", () => {
  const map = { ...AXES, fullData: { type: "heatmap", meta: { units: true } }, x: 2, y: 6.2 };
  assert.deepEqual(chosenBy(map, []), { unit: 6 });
  assert.deepEqual(chosenBy(map, ["time"], [LINE]), { unit: 6, time: 2 });
  const named = { fullData: { meta: { choose: "pick", column: 1 } }, customdata: ["3, 7", "point 4"] };
  assert.deepEqual(chosenBy(named, []), { pick: "point 4" });
  assert.deepEqual(chosenBy({ ...named, customdata: "3, 7" }, []), { pick: "3, 7" });
  assert.deepEqual(chosenBy({ ...named, customdata: null }, []), {});
});

test("a zoom is kept by its axis until the axis fits itself again", () => {
  const ranges = zoomedTo({}, { "xaxis2.range[0]": 1, "xaxis2.range[1]": 5, "scene.camera": { eye: 1 } });
  assert.deepEqual(ranges, { "xaxis2.range": [1, 5], "scene.camera": { eye: 1 } });
  const layout = zoomed({ xaxis2: { title: "t", autorange: true } }, ranges);
  assert.deepEqual(layout, { xaxis2: { title: "t", range: [1, 5], autorange: false }, scene: { camera: { eye: 1 } } });
  assert.deepEqual(zoomedTo(ranges, { "xaxis2.autorange": true, width: 300 }), { "scene.camera": { eye: 1 } });
  assert.deepEqual(Object.keys(ranges), ["xaxis2.range", "scene.camera"], "those before stay as they were");
});
