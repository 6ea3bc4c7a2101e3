// The place in the address: what stands in it, what stays when Streamlit goes on, and the links.

import assert from "node:assert/strict";
import test from "node:test";

import { Address, completed, fitting, linksOf, MOST, partsOf, reach, shared, withParts } from "../../rnn_explorer/ui/live_figures/address.js";

const HOST = "http://here:8501";

/** A browser's address and history. */
class Page {
  constructor(url) {
    this.entries = [new URL(url, HOST).href];
    const page = this;
    this.location = { get href() { return page.entries.at(-1); }, get search() { return new URL(this.href).search; } };
    this.history = {
      state: null,
      pushState: (_state, _title, to) => page.entries.push(new URL(to, page.location.href).href),
      replaceState: (_state, _title, to) => { page.entries[page.entries.length - 1] = new URL(to, page.location.href).href; },
    };
  }

  get paths() {
    return this.entries.map((entry) => entry.slice(HOST.length));
  }
}

test("parts are read and written beside the settings, which stay", () => {
  assert.deepEqual(partsOf("?task=adding&see.unit=3&see.change=%7B%22a%22%3A1%7D&unit=9"), { unit: "3", change: '{"a":1}' });
  assert.equal(withParts("?task=adding&see.unit=3&run=r", { layer: "1" }), "task=adding&run=r&see.layer=1");
});

test("what is too long is left out, the longest first, and what is empty is not said", () => {
  const { parts, left } = fitting({ unit: 3, change: "", own: "x".repeat(MOST), pins: "y".repeat(2000) });
  assert.deepEqual(left, ["own"]);
  assert.deepEqual(Object.keys(parts), ["unit", "pins"]);
  assert.ok(withParts("", parts).length <= MOST);
});

test("the bound counts what an address makes of letters", () => {
  assert.deepEqual(fitting({ own: "[".repeat(MOST / 2) }).left, ["own"]);
});

test("another page has what both have; a word of one page stays there", () => {
  assert.deepEqual(shared({ sequence: "2", unit: "4", at: "7", gates: "unit" }), { sequence: "2", unit: "4", at: "7" });
  assert.deepEqual(shared({ unit: "-1", layer: "1" }), { layer: "1" });
});

test("Streamlit's address is completed by the newest parts, whatever old ones it has", () => {
  const from = new URL("/?task=adding&run=a&see.unit=3&see.at=7&present=1", HOST);
  const same = completed(from, new URL("/?task=adding&pace=fast&run=a&see.unit=1&see.log=true", HOST));
  assert.equal(same.search, "?task=adding&pace=fast&run=a&present=1&see.unit=3&see.at=7");
  const other = completed(from, new URL("/?task=adding&seed=1&run=b", HOST));
  assert.equal(other.search, "?task=adding&seed=1&run=b&present=1&see.unit=3", "another run has another past");
  assert.equal(completed(new URL("/?run=a", HOST), new URL("/?run=a&present=1", HOST)).search, "?run=a", "ended meanwhile");
});

test("another page is one entry of the history, though Streamlit goes there twice", () => {
  const page = new Page("/?task=adding&run=a&see.unit=3&see.gates=unit");
  const address = new Address(page);
  page.history.pushState({}, "", "/cell");
  assert.ok(address.byLink);
  page.history.pushState({}, "", "/cell?task=adding&run=a");
  assert.deepEqual(page.paths, ["/?task=adding&run=a&see.unit=3&see.gates=unit", "/cell?task=adding&run=a&see.unit=3"]);
  page.history.pushState({}, "", "/cell?task=adding&run=a");
  assert.equal(page.entries.length, 2, "no entry for what is there");
  page.history.pushState({}, "", "/cell?task=adding&seed=1&run=b");
  assert.equal(page.entries.length, 3, "a new run is one");
});

test("what was chosen last is written before the page goes on, and never into another place", () => {
  const page = new Page("/?run=a");
  const address = new Address(page);
  address.write({ unit: "1" });
  address.write({ unit: "2" });
  page.history.pushState({}, "", "/?seed=1&run=b");
  assert.deepEqual(page.paths, ["/?run=a&see.unit=2", "/?seed=1&run=b&see.unit=2"]);
  address.write({ unit: "3" });
  page.entries.pop(); // the browser goes back
  address.wentBack();
  address.flush();
  assert.deepEqual(page.paths, ["/?run=a&see.unit=2"]);
  assert.ok(!address.byLink && address.isOf("a") && !address.isOf("b"));
});

test("many choices make few addresses", async () => {
  const page = new Page("/?run=a");
  let count = 0;
  const replace = page.history.replaceState;
  page.history.replaceState = (...given) => { count += 1; replace(...given); };
  const address = new Address(page);
  for (let n = 0; n < 50; n += 1) {
    address.write({ at: String(n) });
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  assert.ok(count <= 2, `${count}`);
  address.flush();
  assert.equal(page.paths[0], "/?run=a&see.at=49");
});

test("a browser that takes no more addresses breaks nothing", () => {
  const page = new Page("/?run=a");
  page.history.replaceState = () => { throw new Error("too often"); };
  const { warn } = console;
  console.warn = () => {};
  const address = new Address(page);
  address.write({ at: "1" });
  address.flush();
  console.warn = warn;
  assert.equal(page.paths[0], "/?run=a");
});

test("a link to a run has its past; its experiment anew has neither run nor past", () => {
  const { run, anew } = linksOf(`${HOST}/cell`, "task=adding&seed=2", "a-b", { unit: "3", at: "7" }, false);
  assert.equal(run, `${HOST}/cell?task=adding&seed=2&run=a-b&see.unit=3&see.at=7`);
  assert.equal(anew, `${HOST}/cell?task=adding&seed=2&see.unit=3`);
  assert.ok(linksOf(HOST, "task=adding", "a", {}, true).anew.endsWith("?task=adding&present=1"));
});

test("a loopback address reaches this computer alone", () => {
  for (const host of ["localhost", "127.0.0.1", "127.1.2.3", "[::1]", "a.localhost"]) assert.equal(reach(host), null);
  for (const host of ["192.168.1.5", "teacher-laptop", "127.example.org"]) assert.equal(reach(host), host);
});
