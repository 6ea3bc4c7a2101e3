// One offline file must be able to hold the modules.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";

const folder = new URL("../../rnn_explorer/ui/live_figures/", import.meta.url);
const modules = readdirSync(folder).filter((name) => name.endsWith(".js") && name !== "loader.js");
const served = ["main.js", "film_taking.js"]; // a film has another beginning, and no server

test("modules import each other by relative addresses only, and nothing while they run", () => {
  assert.ok(modules.length > 10);
  for (const name of modules) {
    const source = readFileSync(new URL(name, folder), "utf8").replace(/\/\*\*[\s\S]*?\*\//g, "");
    for (const [, from] of source.matchAll(/^import\s[^;]*?from\s+"([^"]+)"/gm)) assert.match(from, /^\.\/[a-z_]+\.js$/, name);
    if (served.includes(name)) continue;
    assert.doesNotMatch(source, /\bimport\(|\bfetch\(|https?:\/\/(?!www\.w3\.org)/, name);
  }
});

test("modules load without a page: nothing is fetched or drawn before it is asked for", async () => {
  for (const name of modules) if (name !== "main.js") await import(new URL(name, folder).href);
});

test("Plotly's internals are touched in one module", () => {
  for (const name of modules.filter((each) => each !== "plotly_internals.js")) {
    const source = readFileSync(new URL(name, folder), "utf8");
    assert.doesNotMatch(source, /_fullLayout|_fullData|calcdata|_hoverdata|\._plots/, name);
  }
});
