// A film in place of a server: what is chosen is shown, and what is the same is not sent again.

import assert from "node:assert/strict";
import test from "node:test";

import { FilmButton } from "../../rnn_explorer/ui/live_figures/film_button.js";
import { read } from "../../rnn_explorer/ui/live_figures/film_taking.js";
import { Film, FilmSource, valuesOf } from "../../rnn_explorer/ui/film/film_source.js";

/** A frame of plain data and whole numbers, as the worker makes it. */
function pack(message) {
  const arrays = [];
  let size = 0;
  const text = new TextEncoder().encode(JSON.stringify(message, (_, value) => {
    if (!(value instanceof Int32Array)) return value;
    const place = { $: ["i4", [value.length], size] };
    arrays.push(value);
    size += Math.ceil(value.byteLength / 8) * 8;
    return place;
  }));
  const head = Math.ceil((4 + text.length) / 8) * 8;
  const bytes = new Uint8Array(head + size).fill(32, 4, head);
  new DataView(bytes.buffer).setUint32(0, head - 4, true);
  bytes.set(text, 4);
  let at = head;
  for (const array of arrays) {
    bytes.set(new Uint8Array(array.buffer), at);
    at += Math.ceil(array.byteLength / 8) * 8;
  }
  return bytes;
}

function content(...messages) {
  const frames = messages.map(pack);
  const whole = new Uint8Array(frames.reduce((sum, frame) => sum + 4 + frame.length, 0));
  let at = 0;
  for (const frame of frames) {
    new DataView(whole.buffer).setUint32(at, frame.length, true);
    whole.set(frame, at + 4);
    at += 4 + frame.length;
  }
  return whole.buffer;
}

const text = JSON.stringify;
const tools = [
  { field: "sequence", kind: "select", options: [[0, "first"], [1, "second"]] },
  { field: "unit", kind: "number", low: 0, high: 1, options: [] },
];
/** Two panels; the one called "lines" depends on the unit, and only in the mode "unit". */
const header = (more = {}) => ({
  version: 1, view: "lab", steps: [0, 4, 9], tools, chosen: { sequence: 0, unit: 0, mode: "unit" }, grid: { rows: "", spans: {}, least: 0 },
  panels: ["words", "lines"], keys: { words: ["0", "1"], lines: ["unit|0", "unit|1"] },
  rules: { words: [[{}, ["sequence"]]], lines: [[{ mode: "unit" }, ["mode", "unit"]], [{}, ["mode"]]] },
  forms: [{ parts: ["title"], traces: null }, { parts: ["title"], traces: [["plain", "y"]] }],
  groups: [[text("A"), text("B"), text({ type: "scatter", line: { width: 1 } })]], ...more });
const shot = (at, first) => ({ status: { at, step: 9, status: "paused" }, groups: [{ lines: Int32Array.from([first, first + 1, first + 2, first + 3]), length: 2, count: 2 }, [text(`step ${at}`)]],
  records: { words: Int32Array.from([0, 0, 0, 1]), lines: Int32Array.from([1, 5, 2, 3, 1, 5, 2, 4]) } });
const film = () => new Film(content(header(), shot(0, 10), shot(4, 20), shot(null, 30)));

function source(query = {}, made = film()) {
  const it = { query, frames: [], timers: [] };
  const owner = { wish: () => ({ run: "film", view: "lab", query: it.query }), receive: (frame) => it.frames.push(frame) };
  const tools = { setTimeout: (act, wait) => it.timers.push([act, wait]), clearTimeout: () => { it.timers = []; } };
  it.source = new FilmSource(made, owner, tools);
  it.choose = (query) => { it.query = query; it.source.ready(); it.source.choose(); return it.frames.at(-1); };
  it.tick = () => { const [act, wait] = it.timers.pop(); act(); return wait; };
  return it;
}

test("values are numbered through their groups", () => {
  const values = valuesOf([["a", "b"], { lines: Int32Array.from([1, 2, 3, 4]), length: 2, count: 2 }, [], [[7]]]);
  assert.equal(values.count, 5);
  assert.deepEqual([values.at(1), [...values.at(3)], values.at(4)], ["b", [3, 4], [7]]);
  assert.equal(valuesOf([{ lines: new Int32Array(), length: 0, count: 3 }, ["x"]]).at(3), "x");
});

test("the first frame is whole, and shows the end of the run", () => {
  const it = source();
  it.source.open();
  const [frame] = it.frames;
  assert.deepEqual(frame.frames, [0, 4], "the kept steps; the end stands where the present stands on a page");
  assert.deepEqual(frame.panels, ["words", "lines"]);
  assert.equal(frame.run, "film");
  assert.deepEqual(frame.status, { at: null, step: 9, status: "paused", film: 0, busy: null, errors: [] });
  assert.equal(frame.figures.words.title, "A");
  assert.equal(frame.figures.lines.count, 1);
  assert.deepEqual(frame.figures.lines.data[0], { type: "scatter", line: { width: 1 }, y: Int32Array.from([30, 31]) });
});

test("a step brings what differs, and a choice only the figures that depend on it", () => {
  const it = source();
  it.source.open();
  const step = it.choose({ at: "4" });
  assert.deepEqual(step.figures, { lines: { title: "step 4", change: { 0: { y: Int32Array.from([20, 21]) } } } });
  assert.equal(step.status.at, 4);
  assert.equal(step.tools, undefined);
  const unit = it.choose({ at: "4", unit: "1" });
  assert.deepEqual(unit.figures, { lines: { change: { 0: { y: Int32Array.from([22, 23]) } } } });
  assert.equal(unit.chosen.unit, 1);
  assert.deepEqual(it.choose({ at: "4", unit: "1", sequence: "1" }).figures, { words: { title: "B" } });
  assert.deepEqual(it.choose({ at: "4", unit: "1", sequence: "1" }).figures, {});
});

test("what a film does not hold is the nearest that it holds", () => {
  const it = source();
  it.source.open();
  const frame = it.choose({ at: "5", unit: "77", sequence: "9" });
  assert.equal(frame.status.at, 4);
  assert.deepEqual(frame.chosen, { sequence: 0, unit: 1, mode: "unit" });
  assert.equal(it.choose({ unit: "no number" }).chosen.unit, 0);
});

test("a trace with other properties comes whole", () => {
  const other = { ...shot(4, 20), groups: [{ lines: Int32Array.from([1, 2, 3, 4]), length: 2, count: 2 }, [text({ type: "bar" })]],
    records: { words: Int32Array.from([0, 0, 0, 1]), lines: Int32Array.from([1, 0, 5, 3, 1, 0, 5, 4]) } };
  const it = source({}, new Film(content(header(), shot(0, 10), other, shot(null, 30))));
  it.source.open();
  assert.deepEqual(it.choose({ at: "4" }).figures.lines, { title: "A", data: { 0: { type: "bar", y: Int32Array.from([1, 2]) } } });
});

test("a figure gets its own copy of what is plain, since Plotly writes into it", () => {
  const it = source();
  it.source.open();
  it.frames[0].figures.lines.data[0].line.width = 99;
  const again = source({}, it.source.film);
  again.source.open();
  assert.equal(again.frames[0].figures.lines.data[0].line.width, 1);
});

test("a choice waits until the frame before is drawn, and the newest is shown then", () => {
  const it = source();
  it.source.open();
  for (const at of ["0", "4"]) { it.query = { at }; it.source.choose(); }
  assert.equal(it.frames.length, 1);
  it.source.ready();
  assert.equal(it.frames.length, 2);
  assert.equal(it.frames[1].status.at, 4);
});

test("a replay goes from step to step at its speed, waits for the drawing, and ends at the end", () => {
  const it = source();
  it.source.open();
  it.choose({ at: "0", film: "4" });
  assert.equal(it.frames.at(-1).status.film, 4);
  const drawn = it.frames.length;
  it.tick();
  assert.equal(it.frames.length, drawn, "the step before is not drawn yet");
  it.source.ready();
  assert.equal(it.tick(), 250);
  assert.equal(it.frames.at(-1).status.at, 4);
  it.source.ready();
  it.tick();
  assert.deepEqual([it.frames.at(-1).status.at, it.frames.at(-1).status.film], [null, 0]);
  assert.equal(it.timers.length, 0);
});

test("a film of another version is not shown", () => {
  assert.throws(() => new Film(content(header({ version: 2 }))), /version 2/);
});

const stream = (...chunks) => new ReadableStream({ start(to) { for (const chunk of chunks) to.enqueue(typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk); to.close(); } });

test("a film on its way tells how far it has come, wherever the network cuts it", async () => {
  const shares = [];
  const { name, content: parts } = await read(stream('{"share": 0}\n{"sha', 're": 0.5}\n', '{"name": "a.html", "size": 6}\nab', "c\nde"), (share) => shares.push(share));
  assert.deepEqual(shares, [0, 0.5]);
  assert.equal(name, "a.html");
  assert.equal(await new Blob(parts).text(), "abc\nde");
  await assert.rejects(read(stream('{"error": "No room."}\n'), () => {}), /No room\./);
  await assert.rejects(read(stream('{"name": "a.html", "size": 6}\nabc'), () => {}), /whole/);
  await assert.rejects(read(stream('{"share": 0.5}\n'), () => {}), /whole/);
});

test("the button is off before there is a past, counts while the film is made, and gives it up when pressed again", async () => {
  const page = globalThis.document;
  globalThis.document = { createElement: () => ({ append() {}, setAttribute() {}, classList: { add() {} } }) };
  try {
    const said = [];
    let signal = null;
    let progress = null;
    const view = { timeline: { frames: [0, 3] }, status: { step: 3 }, note: { say: (_, words) => said.push(words) }, base: "/b", run: "r", key: "lab",
      outside: { takeFilm: (address, tell, stop) => { view.address = address; progress = tell; signal = stop; return new Promise((_, fail) => { stop.onabort = () => fail(new Error("aborted")); view.fail = fail; }); } } };
    const button = new FilmButton(view);
    button.follow();
    assert.equal(button.button.disabled, true);
    assert.match(button.button.title, /past/);
    view.status.step = 5;
    button.follow();
    assert.equal(button.button.disabled, false);
    const pressed = button.press();
    assert.equal(view.address, "/b/explorer/film/r?view=lab");
    progress(0.415);
    assert.match(button.button.textContent, /^41 % /);
    await button.press();
    await pressed;
    assert.equal(signal.aborted, true);
    assert.equal(button.button.textContent, "Film");
    assert.deepEqual(said.filter(Boolean), [], "who gives it up need not be told");
    const again = button.press();
    view.fail(new Error("Too many films."));
    await again;
    assert.deepEqual(said.filter(Boolean), ["Too many films."]);
  } finally {
    globalThis.document = page;
  }
});
