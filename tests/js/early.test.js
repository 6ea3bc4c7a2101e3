// The script that runs before Streamlit's: light or dark, and the sidebar of a narrow window.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import vm from "node:vm";

const SOURCE = readFileSync(new URL("../../rnn_explorer/ui/early.js", import.meta.url), "utf8");
const DARK = "(prefers-color-scheme: dark)";

/** A window as the script finds it. */
function opened({ width = 1440, dark = false, stored = {} } = {}) {
  const kept = new Map(Object.entries(stored));
  const system = Object.assign(new EventTarget(), { matches: dark });
  const window = Object.assign(new EventTarget(), { innerWidth: width, matchMedia: (query) => (query === DARK ? system : { matches: true, query }) });
  const localStorage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value), removeItem: (key) => kept.delete(key) };
  vm.runInNewContext(SOURCE, { window, localStorage, Event, Proxy, Reflect, JSON, Boolean });
  return { window, system, kept };
}

test("Streamlit is told the choice instead of the system's, and hears of each change", () => {
  const { window, kept } = opened();
  const asked = window.matchMedia(DARK);
  let heard = 0;
  asked.addEventListener("change", () => { heard += 1; });
  assert.equal(asked.matches, false);
  window.rnnExplorerTheme.choose(true);
  assert.deepEqual([asked.matches, window.rnnExplorerTheme.isChosen(), heard, kept.get("rx-theme")], [true, true, 1, "dark"]);
  assert.equal(opened({ stored: { "rx-theme": "dark" } }).window.matchMedia(DARK).matches, true, "and the next page, too");
  assert.equal(window.matchMedia("(prefers-reduced-motion: reduce)").matches, true, "other questions go to the browser");
});

test("what the system has anyway is followed again", () => {
  const { window, system, kept } = opened({ dark: true, stored: { "rx-theme": "light" } });
  assert.equal(window.matchMedia(DARK).matches, false);
  window.rnnExplorerTheme.choose(true);
  assert.deepEqual([window.rnnExplorerTheme.isChosen(), kept.has("rx-theme")], [false, false]);
  system.matches = false;
  assert.equal(window.matchMedia(DARK).matches, false);
});

test("a narrow window starts with a closed sidebar, and each kind of window keeps its own choice", () => {
  const { window, kept } = opened({ width: 900 });
  const word = () => kept.get("stSidebarCollapsed-");
  const resize = (width) => { window.innerWidth = width; window.dispatchEvent(new Event("resize")); };
  assert.equal(word(), "true");
  kept.set("stSidebarCollapsed-", "false"); // opened on purpose
  resize(1440);
  assert.equal(word(), undefined, "a wide one as the page is made");
  resize(800);
  assert.equal(word(), "false");
  assert.equal(opened({ width: 390, stored: Object.fromEntries(kept) }).kept.get("stSidebarCollapsed-"), "false");
  assert.equal(opened({ width: 1440 }).kept.has("stSidebarCollapsed-"), false);
});
