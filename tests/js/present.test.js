// Larger type, the way from figure to figure, and subplots one below the other.

import assert from "node:assert/strict";
import test from "node:test";

import { presentedAt } from "../../rnn_explorer/ui/live_figures/address.js";
import { themeWords } from "../../rnn_explorer/ui/live_figures/corner.js";
import { across, next, shortTitle, typeOf } from "../../rnn_explorer/ui/live_figures/present.js";
import { larger } from "../../rnn_explorer/ui/live_figures/scaling.js";
import { subplotsOf, stacked } from "../../rnn_explorer/ui/live_figures/stacking.js";

test("every size of text grows to 14 px at least, and nothing that is drawn", () => {
  const layout = { font: { size: 10, color: "red" }, margin: { l: 20, t: 10, autoexpand: false }, xaxis: { title: { text: "t", font: { size: 11 }, standoff: 4 }, range: [0, 8] },
    annotations: [{ text: "a", font: { size: 6 }, x: 0.5, ax: -10 }, { text: "b", ax: 3, axref: "x" }], template: { layout: { legend: { font: { size: 8 } } } } };
  const before = structuredClone(layout);
  const grown = larger(layout, 2);
  assert.deepEqual(layout, before, "the figure itself stays");
  assert.deepEqual([grown.font, grown.margin, grown.xaxis.title, grown.xaxis.range],
    [{ size: 20, color: "red" }, { l: 40, t: 20, autoexpand: false }, { text: "t", font: { size: 22 }, standoff: 8 }, [0, 8]]);
  assert.deepEqual(grown.annotations, [{ text: "a", font: { size: 14 }, x: 0.5, ax: -20 }, { text: "b", ax: 3, axref: "x" }]);
  assert.equal(grown.template.layout.legend.font.size, 16);
  const trace = { z: [new Float32Array([1, 2])], marker: { size: 5, colorbar: { tickfont: { size: 9 }, thickness: 8 } }, x: [1, 2], text: ["a", "b"], textfont: { size: [5, 10] } };
  const drawn = larger(trace, 2);
  assert.equal(drawn.z, trace.z);
  assert.equal(drawn.text, trace.text);
  assert.deepEqual([drawn.marker, drawn.textfont], [{ size: 5, colorbar: { tickfont: { size: 18 }, thickness: 16 } }, { size: [14, 20] }]);
  assert.equal(larger(layout, 1), layout);
});

test("raised and lowered letters are readable, too", () => {
  const grown = larger({ title: { text: "h<sub>t</sub>", font: { size: 10 } }, tickfont: { size: 9 }, ticktext: ["1", "10<sup>2</sup>"] }, 1.6);
  assert.ok(0.7 * grown.title.font.size >= 13.99 && 0.7 * grown.tickfont.size >= 13.99);
});

test("the next figure is one further, and the last one stays", () => {
  const names = ["a", "b", "c"];
  assert.equal(next(names, new Set(["a"]), 1), "b");
  assert.equal(next(names, new Set(["a", "b"]), 1), "c");
  assert.equal(next(names, new Set(["b", "c"]), -1), "a");
  assert.equal(next(names, new Set(["c"]), 1), "c");
  assert.equal(next(names, new Set(["gone"]), 1), "a");
  assert.deepEqual([1, 2, 4].map(across), [1, 2, 2]);
  assert.ok(typeOf(1) > typeOf(2) && typeOf(2) > 1);
  assert.equal(shortTitle("What it sees and says: says 3 (12 %), it is a 1"), "What it sees and says");
});

test("the address says that it is presented, and nothing else of it changes", () => {
  const address = "http://a.b/memory?task=digits&run=x#end";
  assert.equal(presentedAt(address, true), "http://a.b/memory?task=digits&run=x&present=1#end");
  assert.equal(presentedAt(presentedAt(address, true), false), address);
  assert.equal(presentedAt(address, false), address);
});

test("the button for light and dark says which is on, and whether the system decides", () => {
  assert.deepEqual([themeWords(false, false).title, themeWords(true, true).title],
    ["Light, as the system. Switch to dark", "Dark, as chosen here. Switch to light, as the system"]);
  assert.notEqual(themeWords(true, false).sign, themeWords(false, false).sign);
});

/** Two maps with a strip beneath each, as the gates have. */
const MAPS = {
  xaxis: { domain: [0, 0.49], anchor: "y3", title: { text: "t" } }, xaxis2: { domain: [0.51, 1], anchor: "y4", matches: "x", title: { text: "t" } },
  yaxis: { domain: [0.2, 1], anchor: "x", title: { text: "unit" } }, yaxis2: { domain: [0.2, 1], anchor: "x2", showticklabels: false, title: { text: "" } },
  yaxis3: { domain: [0, 0.15], anchor: "x", title: { text: "input" }, showticklabels: false }, yaxis4: { domain: [0, 0.15], anchor: "x2", title: { text: "" }, showticklabels: false },
  annotations: [{ text: "a", x: 0.245, y: 1, xref: "paper", yref: "paper" }, { text: "b", x: 0.755, y: 1, xref: "paper", yref: "paper" }, { text: "c", x: 3, y: 4 }],
};

test("subplots side by side come to stand one below the other, each with its own axes and heading", () => {
  const before = structuredClone(MAPS);
  assert.equal(subplotsOf(MAPS), 2);
  const made = stacked(MAPS);
  assert.deepEqual(MAPS, before, "the figure itself stays");
  assert.deepEqual([made.xaxis.domain, made.xaxis2.domain], [[0, 1], [0, 1]]);
  const ends = ["yaxis", "yaxis3", "yaxis2", "yaxis4"].flatMap((name) => [...made[name].domain].reverse());
  assert.deepEqual(ends, [...ends].sort((a, b) => b - a), "from the top down");
  assert.ok(ends[0] <= 1 && ends[7] >= 0 && ends[3] > 0.5 && ends[4] < 0.5);
  assert.deepEqual([made.yaxis2.showticklabels, made.yaxis2.title.text, made.yaxis4.showticklabels, made.yaxis4.title.text], [true, "unit", false, "input"]);
  assert.deepEqual([made.xaxis.title.text, made.xaxis2.title.text], ["", "t"], "one title for all");
  const [first, second, third] = made.annotations;
  assert.ok(Math.abs(first.x - 0.5) < 0.01 && first.y > 0.9 && Math.abs(second.x - 0.5) < 0.01 && second.y > 0.4 && second.y < 0.5);
  assert.deepEqual(third, MAPS.annotations[2]);
});

test("what does not stand side by side stays", () => {
  const rows = { xaxis: { domain: [0, 1], anchor: "y" }, xaxis2: { domain: [0, 1], anchor: "y2" }, yaxis: { domain: [0.5, 1] }, yaxis2: { domain: [0, 0.4] } };
  assert.equal(subplotsOf(rows), 1);
  assert.equal(stacked(rows), rows);
  assert.equal(subplotsOf({ scene: {} }), 1);
});

test("what shares an axis with a map stays beside it when subplots are stacked", () => {
  const layout = { xaxis: { domain: [0, 0.3], anchor: "y" }, yaxis: { anchor: "x" }, xaxis2: { domain: [0.4, 0.8], anchor: "y2" }, yaxis2: { anchor: "x2" },
    xaxis3: { domain: [0.8, 1], anchor: "y2" } };
  assert.equal(subplotsOf(layout), 2);
  const made = stacked(layout);
  assert.deepEqual(made.xaxis.domain, [0, 1]);
  const [map, bars] = [made.xaxis2.domain, made.xaxis3.domain];
  assert.ok(Math.abs(map[0]) < 1e-9 && Math.abs(map[1] - 2 / 3) < 1e-9 && Math.abs(bars[0] - 2 / 3) < 1e-9 && Math.abs(bars[1] - 1) < 1e-9);
  assert.ok(made.yaxis.domain[0] >= made.yaxis2.domain[1], "the picture is above both");
});
