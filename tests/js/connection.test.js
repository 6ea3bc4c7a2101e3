// The connection, with a socket and a clock of our own.

import assert from "node:assert/strict";
import test from "node:test";

import { Connection, PROTOCOL, waitAfter } from "../../rnn_explorer/ui/live_figures/connection.js";

class Socket {
  constructor(address) {
    this.address = address;
    this.readyState = 0;
    this.said = [];
    this.closed = false;
  }

  send(text) { this.said.push(JSON.parse(text)); }
  close() { this.readyState = 3; this.closed = true; }
  opens() { this.readyState = 1; this.onopen(); }
  fails() { this.readyState = 3; this.onclose(); }
  says(words) { this.onmessage({ data: typeof words === "string" || words instanceof ArrayBuffer ? words : JSON.stringify(words) }); }
  types() { return this.said.map((words) => words.type); }
}

/** A page: its connection, the sockets that it opened, what it heard, and its clock. */
function page(wish = { run: "a", view: "lab", query: { unit: "1" } }) {
  const it = { sockets: [], lines: [], said: [], store: [], frames: [], gone: 0, now: 0, timers: new Map(), wish };
  let ticket = 0;
  const tools = {
    connect: (address) => { const socket = new Socket(address); it.sockets.push(socket); return socket; },
    now: () => it.now,
    random: () => 1,
    setTimeout: (act, wait) => { ticket += 1; it.timers.set(ticket, [it.now + wait, act]); return ticket; },
    clearTimeout: (timer) => it.timers.delete(timer),
  };
  const owner = {
    wish: () => it.wish,
    receive: (frame) => it.frames.push(frame),
    line: (words) => it.lines.push(words),
    notice: (words) => it.said.push(words),
    store: (words) => it.store.push(words),
    gone: () => { it.gone += 1; },
  };
  it.connection = new Connection(owner, tools);
  it.socket = () => it.sockets.at(-1);
  it.pass = (milliseconds) => {
    const end = it.now + milliseconds;
    for (;;) {
      const [key, [due, act]] = [...it.timers].sort((a, b) => a[1][0] - b[1][0])[0] || [0, [Infinity, null]];
      if (due > end) break;
      it.timers.delete(key);
      it.now = Math.max(it.now, due);
      act();
    }
    it.now = end;
  };
  it.again = () => { // until it is tried again
    const before = it.sockets.length;
    while (it.sockets.length === before) it.pass(100);
  };
  return it;
}

function frame(message = {}) {
  const text = new TextEncoder().encode(JSON.stringify(message));
  const buffer = new ArrayBuffer(4 + text.length);
  new DataView(buffer).setUint32(0, text.length, true);
  new Uint8Array(buffer).set(text, 4);
  return buffer;
}

function opened(it = page()) {
  it.connection.open("ws://here/explorer/socket");
  it.socket().opens();
  return it;
}

test("it says what is to be seen, and with which protocol", () => {
  const it = opened();
  assert.equal(it.socket().address, "ws://here/explorer/socket");
  assert.deepEqual(it.socket().said, [{ type: "open", protocol: PROTOCOL, run: "a", view: "lab", query: { unit: "1" } }]);
  assert.deepEqual(it.lines, [], "nothing is said about a connection that works");
});

test("another run is asked for over the same socket", () => {
  const it = opened();
  it.wish = { run: "b", view: "lab", query: {} };
  it.connection.open("ws://here/explorer/socket");
  assert.equal(it.sockets.length, 1);
  assert.equal(it.socket().said.at(-1).run, "b");
});

test("a frame is asked for by the number of the one that was drawn", () => {
  const it = opened();
  it.connection.ready(["curves"]);
  assert.deepEqual(it.socket().types(), ["open"], "there was none yet");
  it.socket().says(frame({ run: "a" }));
  it.pass(40);
  it.connection.ready(["curves"]);
  assert.deepEqual(it.frames, [{ run: "a" }]);
  assert.deepEqual(it.socket().said.at(-1), { type: "ready", frame: 1, took: 40, sight: ["curves"] });
});

test("selections go up at once, then ten a second, the newest last", () => {
  const it = opened();
  for (let unit = 0; unit < 50; unit += 1) {
    it.wish = { ...it.wish, query: { unit: String(unit) } };
    it.connection.choose(unit === 20 ? "search" : "");
    it.pass(10);
  }
  it.pass(1000);
  const chosen = it.socket().said.filter((words) => words.type === "choose").map((words) => words.query);
  assert.ok(chosen.length <= 6, `${chosen.length} messages in half a second`);
  assert.equal(chosen[0].unit, "0");
  assert.deepEqual(chosen.at(-1), { unit: "49" });
  assert.deepEqual(chosen.filter((query) => query.cancel).map((query) => query.cancel), ["search"], "told once");
});

test("who asks is told whether a choice still waits to go up", () => {
  const it = opened();
  it.connection.choose();
  assert.equal(it.connection.deferred, false, "the first one goes at once");
  it.connection.choose();
  assert.equal(it.connection.deferred, true);
  it.pass(1000);
  assert.equal(it.connection.deferred, false);
});

test("a sign of life is answered", () => {
  const it = opened();
  it.socket().says({ type: "ping" });
  assert.deepEqual(it.socket().types(), ["open", "ping"]);
});

test("the wait grows from half a second to fifteen, and is not the same for all", () => {
  assert.deepEqual([1, 2, 3, 4, 5, 6, 7, 20].map((n) => waitAfter(n, 1)), [500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]);
  assert.ok(waitAfter(3, 0) >= 1000 && waitAfter(3, 0) < waitAfter(3, 1));
});

test("a lost connection comes back by itself, says so in words, and asks for all of it again", () => {
  const it = opened();
  it.socket().says(frame({ run: "a" }));
  it.wish = { ...it.wish, query: { unit: "7" } };
  it.socket().fails();
  assert.equal(it.lines.at(-1), "Not connected; trying again in 1 s");
  it.pass(600);
  for (let n = 0; n < 3; n += 1) { it.socket().fails(); it.again(); } // as behind a proxy that says 502
  assert.ok(it.lines.includes("Not connected; trying again in 4 s"));
  assert.ok(it.lines.includes("Not connected; trying again in 3 s"), "it counts down");
  assert.equal(it.lines.at(-1), "Not connected; trying again now");
  it.socket().opens();
  assert.equal(it.lines.at(-1), "Connected again");
  assert.deepEqual(it.socket().said, [{ type: "open", protocol: PROTOCOL, run: "a", view: "lab", query: { unit: "7" } }]);
  it.connection.ready([]);
  assert.deepEqual(it.socket().types(), ["open"], "a frame of the old socket counts for nothing");
  it.pass(4000);
  assert.equal(it.lines.at(-1), "");
});

test("a server that takes the connection and drops it again is left more and more alone", () => {
  const it = opened();
  for (let n = 0; n < 6; n += 1) { it.socket().fails(); it.again(); it.socket().opens(); }
  it.socket().fails();
  assert.equal(it.lines.at(-1), "Not connected; trying again in 15 s");
  it.again();
  it.socket().opens();
  it.socket().says(frame({}));
  it.socket().fails();
  assert.equal(it.lines.at(-1), "Not connected; trying again in 1 s", "a frame came: it works");
});

test("a line that is cut is noticed by its silence", () => {
  const it = opened();
  const first = it.socket();
  for (let n = 0; n < 4; n += 1) { it.pass(10000); first.says({ type: "ping" }); }
  assert.equal(it.sockets.length, 1, "the server gave signs of life");
  it.pass(31000);
  assert.ok(first.closed && it.sockets.length > 1);
  assert.ok(it.lines[0].startsWith("Not connected"));
});

test("a server that never answers is given up, and tried again", () => {
  const it = page();
  it.connection.open("ws://here/explorer/socket");
  it.pass(20000);
  assert.ok(it.sockets.length > 1 && it.sockets[0].closed);
});

test("when the browser says that the network is back, it does not wait", () => {
  const it = opened();
  for (let n = 0; n < 5; n += 1) { it.socket().fails(); if (n < 4) it.again(); }
  const before = it.sockets.length;
  it.connection.hurry();
  assert.equal(it.sockets.length, before + 1);
  it.connection.hurry();
  assert.equal(it.sockets.length, before + 1, "it is on its way");
});

test("a new wish does not wait either, and nothing is tried twice", () => {
  const it = opened();
  it.socket().fails();
  it.connection.open("ws://here/explorer/socket");
  assert.equal(it.sockets.length, 2);
  it.socket().opens();
  it.pass(4000);
  assert.equal(it.sockets.length, 2);
});

test("a server without a place, and a page that leaves, are not tried again", () => {
  const full = opened();
  full.socket().says({ type: "full", text: "No place." });
  assert.deepEqual(full.said, ["No place."]);
  full.pass(60000);
  assert.ok(full.sockets.length === 1 && !full.connection.isOpen());
  const left = opened();
  left.connection.close();
  left.pass(60000);
  assert.ok(left.sockets.length === 1 && left.socket().closed);
});

test("a run that is gone leaves the socket for another one", () => {
  const it = opened();
  it.socket().says({ type: "gone" });
  assert.equal(it.gone, 1);
  assert.ok(!it.connection.isOpen() && !it.socket().closed);
  it.wish = { run: "b", view: "lab", query: {} };
  it.connection.open("ws://here/explorer/socket");
  assert.equal(it.sockets.length, 1);
  assert.equal(it.socket().said.at(-1).run, "b");
});

test("a sentence of the server is passed on", () => {
  const it = opened();
  it.socket().says({ type: "error", text: "Step 3 could not be drawn." });
  assert.deepEqual(it.said, ["Step 3 could not be drawn."]);
});

test("how the store of runs is comes through, and is not known on a new connection", () => {
  const it = page();
  it.connection.open("ws://here");
  it.socket().opens();
  it.socket().says({ type: "store", text: "The disk is full." });
  it.socket().says({ type: "store" });
  it.socket().fails();
  it.again();
  it.socket().opens();
  assert.deepEqual(it.store, [null, "The disk is full.", "", null]);
});
