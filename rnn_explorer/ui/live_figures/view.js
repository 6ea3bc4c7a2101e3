// The figures of one page. A view holds one connection for the run and the selection it shows, keeps the newest state
// of every figure, and draws in the browser's own rhythm: always the newest, skipping what was overtaken.

import { Announcer } from "./announce.js";
import { chosenParts } from "./arranging.js";
import { dropOtherRequests, noteRequest } from "./requested.js";
import { Chips, unusual } from "./chips.js";
import { Controls } from "./controls.js";
import { Corner } from "./corner.js";
import { make } from "./dom.js";
import { DrawLoop } from "./draw_loop.js";
import { FilmButton } from "./film_button.js";
import { Fitting } from "./fitting.js";
import { Keys, keysOf } from "./keys.js";
import { readLook } from "./look.js";
import { Note } from "./note.js";
import { Place } from "./place.js";
import { loadPlotly } from "./plotly_internals.js";
import { Presenter, typeOf } from "./present.js";
import { Pressing } from "./pressing.js";
import { PanelGrid } from "./panel_grid.js";
import { PanelSlot } from "./panel_slot.js";
import { Reports } from "./reports.js";
import { ScriptNews } from "./script_news.js";
import { share } from "./share.js";
import { Skeleton, waitedFor } from "./skeleton.js";
import { StatusLine } from "./status_line.js";
import { Timeline } from "./timeline.js";

/** @typedef {import("./types").Frame} Frame */

const PURGE_AFTER = 8000; // ms that a view may be out of the page before it is taken down

export class View {
  /**
   * @param {string} key
   * @param {() => void} forget called when the view is taken down
   * @param {import("./types").Addressing} address
   * @param {import("./types").Outside} outside where frames come from, and what there is beside them
   */
  constructor(key, forget, address, outside) {
    this.key = key;
    this.outside = outside;
    this.forget = forget;
    this.held = false; // whether a mouse button is down on a figure
    /** @type {number | null} */
    this.time = null; // the marked time step
    /** @type {number | null} */
    this.pointed = null;
    /** @type {any} */
    this.status = {};
    /** @type {Record<string, any>} */
    this.ask = {}; // parts of the selection that the page's script decides
    /** @type {Record<string, string>} */
    this.overrides = {}; // what the address says of some parts in place of their values
    /** @type {Record<string, any>} */
    this.selection = {}; // what the person chose, see `Place`
    /** @type {Record<string, any>} */
    this.chosen = {}; // as the server fits it to this run
    /** @type {import("./types").Tool[] | null} */
    this.tools = null;
    /** @type {import("./types").Look} */
    this.look = {};
    this.run = this.base = this.link = this.path = "";
    this.filled = false; // whether there was a snapshot
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.leaving = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.unpointing = undefined;

    const root = (this.root = make("div", "rx-view"));
    this.figures = new PanelGrid(this);
    this.panels = this.figures.panels;
    this.grid = this.figures.root;
    this.fitting = new Fitting(this);
    this.reports = new Reports(() => root.isConnected);
    this.script = new ScriptNews(this);
    this.controls = new Controls(this.selection, (field, value) => this.choose(field, value));
    this.timeline = new Timeline({ send: () => this.send(), moved: () => { this.showChips(); this.place.keep(); this.script.tellPast(); }, step: () => this.status.step ?? 0, end: outside.end,
      deferred: () => this.connection.deferred, note: (facts) => Object.assign(root.dataset, facts) });
    this.place = new Place(this, address);
    this.lost = ""; // how the connection is, where that is worth a word
    /** @type {[string, string][]} */
    this.buttons = []; // the keys of the page's buttons, with what they do
    this.loop = new DrawLoop(this);
    this.connection = outside.connect({
      wish: () => ({ run: this.run, view: this.key, query: this.parts() }),
      receive: (frame) => this.receive(frame),
      line: (words) => { this.lost = words; this.showChips(); },
      notice: (words) => this.note.say("server", words),
      store: (words) => this.note.sayOfStore(words),
      gone: () => this.script.tell("gone"),
    });
    this.film = new FilmButton(this);
    this.timeline.root.append(this.film.root);
    this.chips = new Chips();
    this.line = new StatusLine(this.chips.root, (name) => this.send(name));
    this.about = make("p", "rx-about"); // what is going on, in one sentence
    this.note = new Note(() => this.fit());
    root.dataset.view = this.key;
    this.aloud = new Announcer();
    this.corner = new Corner(this);
    root.append(this.about, this.line.root, this.timeline.root, this.note.root, this.grid, this.aloud.root, this.corner.root);
    this.presenter = new Presenter(this);
    this.skeleton = new Skeleton(root, this.grid);
    this.slot = new PanelSlot(root);

    this.onResize = () => this.fit();
    window.addEventListener("resize", this.onResize);
    this.widths = new ResizeObserver(() => this.fit());
    this.widths.observe(root);
    this.keys = new Keys(root, keysOf(this), () => this.buttons);
    this.pressing = new Pressing(this);
    this.onOnline = () => this.connection.hurry();
    window.addEventListener("online", this.onOnline);
    this.watch = setInterval(() => { this.readLook(); this.fit(); }, 1000); // what stands above may have grown
  }

  /** The names of the figures that are shown, in their order. */
  get names() {
    return this.figures.names;
  }

  /** The figure that fills the window; undefined where none does. */
  enlarged() {
    return [...this.panels.values()].find((panel) => panel.root.classList.contains("rx-large"));
  }

  showKeys() {
    this.keys.show();
  }

  showChips() {
    this.chips.show(unusual(this));
  }

  // -- choosing what to see ------------------------------------------------------------------------------------

  showTools() {
    const boxes = new Map([["bar", this.line.picks]]);
    for (const [name, panel] of this.panels) boxes.set(name, panel.tools);
    if (this.tools) this.controls.show(this.tools, boxes);
  }

  /** @param {Record<string, any>} chosen */
  showChosen(chosen) {
    const other = chosen.unit !== this.chosen.unit;
    this.chosen = chosen;
    this.controls.showChosen(chosen);
    this.setTime(this.pointed);
    if (other) for (const panel of this.panels.values()) panel.mark(this.time);
  }

  /** @param {string} field */
  chooses(field) {
    return this.controls.has(field);
  }

  /**
   * The highest number that can be chosen; 0 where none can.
   * @param {string} field
   */
  most(field) {
    return this.tools?.find((tool) => tool.field === field)?.high ?? 0;
  }

  /**
   * @param {string} field
   * @param {any} value
   */
  choose(field, value) {
    this.selection[field] = value;
    noteRequest(field, this.run);
    this.place.keep();
    this.send();
  }

  /** @returns {Record<string, string>} all that is chosen */
  parts() {
    return chosenParts(this.selection, this.ask, this.timeline);
  }

  query() {
    return new URLSearchParams({ ...this.parts(), view: this.key }).toString();
  }

  send(cancel = "") {
    this.connection.choose(cancel);
  }

  // -- from the page's script, and to it -----------------------------------------------------------------------

  /**
   * @param {import("./types").ViewProps} props
   * @param {import("./types").Report} setState
   */
  show({ run, base, plotly, link, ask, overrides, at, film, status, message, sentence, blocks, keys, filmed }, setState) {
    if (!this.skeleton.over && !this.figures.layout) {
      const [rows, least, spans] = blocks;
      this.skeleton.show(spans);
      this.figures.setRows(rows, least);
      if (!this.status.status) this.line.wait(waitedFor({ status, message }));
    }
    this.about.textContent = sentence; // as text, never markup
    this.reports.setState = setState;
    this.script.drawn(status, film);
    this.link = link;
    this.base = base;
    this.buttons = [...keys];
    this.film.show(filmed);
    const parts = Object.fromEntries(ask || []);
    const other = JSON.stringify(parts) !== JSON.stringify(this.ask);
    this.ask = parts;
    this.overrides = Object.fromEntries(overrides);
    this.slot.follow(); // Streamlit may have drawn the controls anew
    clearTimeout(this.leaving);
    const another = run !== this.run;
    if (another) {
      for (const panel of this.panels.values()) { panel.ranges = {}; panel.whole = true; }
      this.timeline.film = 0;
      this.timeline.frames = [];
      this.filled = false;
    }
    this.run = run;
    const moved = another || this.place.isNew;
    if (moved) this.place.enter();
    if (another) dropOtherRequests(this.selection, run);
    this.place.keep();
    this.showChips();
    if (!another && this.connection.isOpen()) {
      if (moved || other) this.send();
      return;
    }
    if ((at ?? null) !== this.timeline.at) this.script.tellPast();
    this.connection.open(`${window.location.origin.replace(/^http/, "ws")}${base}/explorer/socket`);
    loadPlotly(base, plotly).then(() => this.schedule(),
      () => this.note.say("page", "The drawing script could not be loaded. Reload the page."));
  }

  // -- frames --------------------------------------------------------------------------------------------------

  /** @param {Frame} frame */
  receive(frame) {
    if (frame.run !== this.run) return;
    this.loop.owed = true;
    this.note.sentences.server = "";
    this.status = frame.status;
    if (frame.frames) this.timeline.frames = frame.frames;
    if (frame.tools) this.tools = frame.tools;
    const fresh = this.figures.merge(frame.figures) || Boolean(frame.tools); // a new panel's controls find their place, too
    if (!waitedFor(frame.status)) this.skeleton.end();
    this.figures.follow(frame);
    if (fresh) this.showTools();
    if (frame.chosen || fresh) this.showChosen(frame.chosen || this.chosen);
    this.timeline.follow(frame.status);
    this.timeline.show();
    this.film.follow();
    if (this.presenter.on) this.presenter.showStrip(); // titles change
    this.showStatus();
    this.schedule();
    if (frame.tools) this.filled = true;
    // The page's script has controls of its own that need a snapshot; it hears when there is one.
    this.script.tell(frame.status.status + (this.filled ? "" : ", empty"));
    if (frame.status.status !== this.script.believed && this.script.checking === undefined) this.script.checkLater();
  }

  showStatus() {
    const status = this.status;
    this.root.dataset.status = status.status;
    this.root.dataset.step = String(status.step);
    this.line.show(status);
    this.aloud.follow(status);
    const message = waitedFor(status) ? "" : status.message; // else the status line says it
    this.note.say("run", [message, ...new Set(status.errors)].filter(Boolean).join(" "));
  }

  // -- drawing -------------------------------------------------------------------------------------------------

  /** @param {string} words to be heard, and not written */
  speak(words) {
    this.aloud.say(words);
  }

  schedule() {
    this.loop.schedule();
  }

  /** @param {number | null} time */
  point(time) {
    clearTimeout(this.unpointing);
    if (time === null) this.unpointing = setTimeout(() => this.setTime(null), 120);
    else this.setTime(time);
  }

  /**
   * Marked is the step that is pointed at, else the one that is chosen, on a view that lets one choose a step.
   * @param {number | null} pointed
   */
  setTime(pointed) {
    this.pointed = pointed;
    const time = pointed ?? (this.chooses("time") ? Number(this.chosen.time) : null);
    if (this.time === time) return;
    this.time = time;
    this.root.dataset.time = time === null ? "" : String(time);
    for (const panel of this.panels.values()) panel.mark(time);
  }

  readLook() {
    if (!this.root.isConnected) return;
    const look = readLook(this.root, this.look);
    if (look === this.look) return;
    this.look = look;
    this.corner.show();
    for (const panel of this.panels.values()) panel.dirty = panel.whole = true;
    this.schedule();
  }

  fit() {
    this.fitting.fit();
  }

  get stacked() {
    return this.fitting.stacked;
  }

  /** How much larger the figures' text is than on the page. */
  get scale() {
    return this.presenter.on ? typeOf(this.presenter.shown.size) : 1;
  }

  /** Show the links of this place, whom they reach, and the file of the run. */
  share() {
    const file = { href: `${this.base}/explorer/run/${this.run}.rnnx`, mine: this.buttons.length > 0 };
    share(this.root, (presenting) => this.place.links(presenting), new URLSearchParams(this.link).has("data"), file);
  }

  /** The browser went back or forward, to another place of this page. */
  wentBack() {
    this.place.enter();
    this.timeline.show();
    this.showChips();
    this.send();
  }

  // -- coming and going ----------------------------------------------------------------------------------------

  /** @param {Element} parent */
  attach(parent) {
    clearTimeout(this.leaving);
    if (this.root.parentNode !== parent) {
      parent.appendChild(this.root);
      this.path = window.location.pathname;
      this.reports.unmute();
    }
    this.readLook();
    this.presenter.follow();
    this.fit();
    requestAnimationFrame(() => this.fit()); // what stands above may only now have found its height
    this.schedule();
  }

  leave() {
    clearTimeout(this.leaving);
    this.leaving = setTimeout(() => {
      if (this.root.isConnected) return;
      this.connection.close();
      clearInterval(this.watch);
      window.removeEventListener("resize", this.onResize);
      this.keys.leave();
      this.pressing.leave();
      this.presenter.leave();
      window.removeEventListener("online", this.onOnline);
      this.loop.sights.disconnect();
      this.widths.disconnect();
      this.slot.leave();
      for (const panel of this.panels.values()) panel.purge();
      this.forget();
    }, PURGE_AFTER);
  }
}
