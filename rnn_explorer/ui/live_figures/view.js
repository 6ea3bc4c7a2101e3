// The figures of one page. A view holds one connection for the run and the selection it shows, keeps the newest state
// of every figure, and draws in the browser's own rhythm: always the newest, skipping what was overtaken.

import { Announcer } from "./announce.js";
import { chosenParts, places } from "./arranging.js";
import { dropUnasked, noteAsked } from "./asked.js";
import { Panel } from "./panel.js";
import { changeWords, Chips } from "./chips.js";
import { Connection } from "./connection.js";
import { Controls } from "./controls.js";
import { Corner } from "./corner.js";
import { make, makeButton } from "./dom.js";
import { SvgPanel } from "./svg_panel.js";
import { foldAll } from "./fold.js";
import { Keys, keysOf } from "./keys.js";
import { readLook } from "./look.js";
import { Place } from "./place.js";
import { loadPlotly } from "./plotly_internals.js";
import { Presenter, typeOf } from "./present.js";
import { Pressing } from "./pressing.js";
import { PanelSlot } from "./panel_slot.js";
import { Reports } from "./reports.js";
import { share } from "./share.js";
import { Skeleton, waitedFor } from "./skeleton.js";
import { StatusLine } from "./status_line.js";
import { Timeline } from "./timeline.js";
import { TextPanel } from "./text_panel.js";

/** @typedef {import("./types").Frame} Frame */

const PURGE_AFTER = 8000; // ms that a view may be out of the page before it is taken down
const STACK_BELOW = 880; // px of width under which the figures stand one below the other
const NARROW_BELOW = 560; // px of width under which controls fold into menus
const CURVES_EVERY = 140; // ms between two drawings of the learning curves, which change least from one moment to the next
const TELL_EVERY = 250; // ms between two words to the page's script about the past
const CALM = 1000; // ms between two drawings of a picture that moves, for who asked for less motion
const CHECK_AFTER = 600; // ms until the script should have heard of a status

export class View {
  /**
   * @param {string} key
   * @param {() => void} forget called when the view is taken down
   * @param {import("./address.js").Address} address
   */
  constructor(key, forget, address) {
    this.key = key;
    this.forget = forget;
    /** @type {Map<string, Panel>} */
    this.panels = new Map();
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
    this.said = {}; // what the address is to say of some of them in place of their values
    /** @type {Record<string, any>} */
    this.selection = {}; // what the person chose, see `Place`
    /** @type {Record<string, any>} */
    this.chosen = {}; // as the server fits it to this run
    /** @type {import("./types").Tool[] | null} */
    this.tools = null;
    /** @type {import("./types").Look} */
    this.look = {};
    /** @type {string[]} */
    this.names = []; // of the panels that there are
    /** @type {import("./types").Grid | null} */
    this.layout = null; // how they stand
    this.least = 560;
    this.run = this.base = this.link = this.path = this.told = "";
    this.drawnAt = -Infinity;
    this.filled = false; // whether there was a snapshot
    this.waiting = false; // whether a drawing is due
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.leaving = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.telling = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.unpointing = undefined;

    const root = (this.root = make("div", "rx-view"));
    this.reports = new Reports(() => root.isConnected);
    this.controls = new Controls(this.selection, (field, value) => this.choose(field, value));
    this.timeline = new Timeline({ send: () => this.send(), moved: () => { this.showChips(); this.place.keep(); this.tellPast(); }, step: () => this.status.step ?? 0,
      deferred: () => this.connection.deferred, note: (facts) => Object.assign(root.dataset, facts) });
    this.sentences = { page: "", server: "", run: "" }; // about this page, a frame, the run
    this.place = new Place(this, address);
    this.lost = ""; // how the connection is, where that is worth a word
    /** @type {[string, string][]} */
    this.buttons = []; // the keys of the page's buttons, with what they do
    this.believed = ""; // the status for which the script drew its buttons
    this.filmed = false; // whether it drew them for a replay
    this.blinks = 0; // how often it had to be told of one that it had heard of before
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.checking = undefined;
    this.owed = false; // whether the server waits for the word that its frame is drawn
    /** @type {Set<Element>} */
    this.sight = new Set(); // the panels that are in sight
    this.sights = new IntersectionObserver((entries) => this.see(entries));
    this.connection = new Connection({
      wish: () => ({ run: this.run, view: this.key, query: this.parts() }),
      receive: (frame) => this.receive(frame),
      line: (words) => { this.lost = words; this.showChips(); },
      said: (words) => this.say("server", words),
      gone: () => this.tell("gone"),
    });
    this.chips = new Chips();
    this.line = new StatusLine(this.chips.root, (name) => this.send(name));
    this.about = make("p", "rx-about"); // what is going on, in one sentence
    this.note = make("p", "rx-note");
    this.note.append(make("span"), makeButton("rx-icon", "✕", "Close this message", () => { this.note.hidden = true; this.fit(); }));
    this.note.setAttribute("role", "alert");
    this.note.hidden = true;
    this.grid = make("div", "rx-grid");
    root.dataset.view = this.key;
    this.aloud = new Announcer();
    this.stacked = this.narrow = false; // whether the figures stand one below the other, and controls are folded
    this.corner = new Corner(this);
    root.append(this.about, this.line.root, this.timeline.root, this.note, this.grid, this.aloud.root, this.corner.root);
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

  /** The figure that fills the window; undefined where none does. */
  enlarged() {
    return [...this.panels.values()].find((panel) => panel.root.classList.contains("rx-large"));
  }

  showKeys() {
    this.keys.show();
  }

  /** What is not as usual, the topmost last. */
  showChips() {
    /** @type {import("./types").Chip[]} */
    const chips = [];
    const changed = changeWords(this.ask.change);
    if (changed) {
      chips.push({ name: "change", text: `What if: ${changed}`, closing: "Back to the model as it was trained",
        close: () => this.reports.report("cleared", performance.now()) });
    }
    if (this.timeline.at !== null) {
      chips.push({ name: "past", text: `Past: step ${this.timeline.at}`, closing: "Leave the past",
        close: () => this.timeline.present() });
    }
    if (this.lost) {
      chips.push({ name: "line", text: this.lost, closing: "Hide this until the connection changes",
        close: () => { this.lost = ""; this.showChips(); } });
    }
    this.chips.show(chips);
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
    noteAsked(field, this.run);
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

  // -- what the page's script tells, and is told ---------------------------------------------------------------

  /**
   * @param {import("./types").Told} told
   * @param {import("./types").Report} setState
   */
  show({ run, base, plotly, link, ask, said, at, film, status, message, sentence, blocks, keys }, setState) {
    if (!this.skeleton.over && !this.layout) {
      const [rows, least, spans] = blocks;
      this.skeleton.show(spans);
      this.setGrid(rows, least);
      if (!this.status.status) this.line.wait(waitedFor({ status, message }));
    }
    this.about.textContent = sentence; // as text, never markup
    this.reports.setState = setState;
    this.believed = status;
    this.filmed = film;
    this.checkLater();
    this.link = link;
    this.base = base;
    this.buttons = [...keys];
    const parts = Object.fromEntries(ask || []);
    const other = JSON.stringify(parts) !== JSON.stringify(this.ask);
    this.ask = parts;
    this.said = Object.fromEntries(said);
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
    if (another) dropUnasked(this.selection, run);
    this.place.keep();
    this.showChips();
    if (!another && this.connection.isOpen()) {
      if (moved || other) this.send();
      return;
    }
    if ((at ?? null) !== this.timeline.at) this.tellPast();
    this.connection.open(`${window.location.origin.replace(/^http/, "ws")}${base}/explorer/socket`);
    loadPlotly(base, plotly).then(() => this.schedule(),
      () => this.say("page", "The drawing script could not be loaded. Reload the page."));
  }

  /** @param {string} status */
  tell(status) {
    if (this.told === `${this.run} ${status}`) return;
    this.told = `${this.run} ${status}`;
    this.reports.report("status", this.told);
  }

  /**
   * See that the page's script drew its buttons for the status that there is: what was over in a blink, such as an epoch of
   * a small model, is the same status before and after, which is no change to be told.
   */
  checkLater() {
    clearTimeout(this.checking);
    this.checking = setTimeout(() => {
      this.checking = undefined;
      const { status } = this.status;
      if (!status || !this.believed || status === this.believed) return;
      this.blinks += 1;
      this.told = `${this.run} ${status}`;
      this.reports.report("status", `${this.told}, ${this.blinks}`);
      this.checkLater();
    }, CHECK_AFTER);
  }

  /**
   * The page's script learns where the person looks, a few times a second, so that Play can go on from there; of a replay
   * only that there is one.
   */
  tellPast() {
    if (this.telling) return;
    this.telling = setTimeout(() => {
      this.telling = undefined;
      const film = this.timeline.film > 0;
      if (film !== this.filmed) this.reports.report("film", film);
      if (!film) this.reports.report("at", this.timeline.at);
    }, TELL_EVERY);
  }

  // -- frames --------------------------------------------------------------------------------------------------

  /** @param {Frame} frame */
  receive(frame) {
    if (frame.run !== this.run) return;
    this.owed = true;
    this.sentences.server = "";
    this.status = frame.status;
    if (frame.frames) this.timeline.frames = frame.frames;
    if (frame.tools) this.tools = frame.tools;
    let fresh = Boolean(frame.tools); // a new panel's controls find their place, too
    for (const [name, news] of Object.entries(frame.figures)) {
      let panel = this.panels.get(name);
      if (!panel) {
        const Kind = news.lines !== undefined ? TextPanel : news.svg !== undefined ? SvgPanel : Panel;
        panel = new Kind(this, name);
        this.panels.set(name, panel);
        this.grid.appendChild(panel.root);
        this.sights.observe(panel.root);
        foldAll(panel.root, this.narrow);
        fresh = true;
      }
      panel.merge(news);
    }
    if (!waitedFor(frame.status)) this.skeleton.end();
    this.names = frame.panels || this.names;
    this.layout = frame.grid || this.layout;
    if (this.layout && (frame.panels || frame.grid)) this.arrange(this.names, this.layout);
    if (fresh) this.showTools();
    if (frame.chosen || fresh) this.showChosen(frame.chosen || this.chosen);
    this.timeline.follow(frame.status);
    this.timeline.show();
    if (this.presenter.on) this.presenter.showStrip(); // titles change
    this.showStatus();
    this.schedule();
    if (frame.tools) this.filled = true;
    // The page's script has controls of its own that need a snapshot; it hears when there is one.
    this.tell(frame.status.status + (this.filled ? "" : ", empty"));
    if (frame.status.status !== this.believed && this.checking === undefined) this.checkLater();
  }

  /**
   * Which panels there are, in which order, and how large.
   * @param {string[]} names
   * @param {import("./types").Grid} grid
   */
  arrange(names, grid) {
    for (const { name, ...style } of places(names, grid)) {
      const panel = this.panels.get(name);
      if (panel) Object.assign(panel.root.style, style);
    }
    for (const [name, panel] of this.panels) panel.root.hidden = !names.includes(name);
    this.slot.into(this.panels.get(names[0]));
    this.presenter.arrange();
    this.setGrid(grid.rows, grid.least);
  }

  /**
   * @param {string} rows
   * @param {number} least
   */
  setGrid(rows, least) {
    this.grid.style.setProperty("--rx-rows", rows);
    this.least = least;
    this.fit();
  }

  showStatus() {
    const status = this.status;
    this.root.dataset.status = status.status;
    this.root.dataset.step = String(status.step);
    this.line.show(status);
    this.aloud.follow(status);
    const message = waitedFor(status) ? "" : status.message; // else the status line says it
    this.say("run", [message, ...new Set(status.errors)].filter(Boolean).join(" "));
  }

  /**
   * @param {"page" | "server" | "run" | "aloud"} about what is to be heard alone is not written
   * @param {string} words "" for none
   */
  say(about, words) {
    if (about === "aloud") { this.aloud.say(words); return; }
    this.sentences[about] = words;
    const { page, server, run } = this.sentences;
    const text = [page, server, run].filter(Boolean).join(" ");
    const said = /** @type {HTMLElement} */ (this.note.firstChild);
    if (said.textContent === text) return; // who has closed it has read it
    said.textContent = text;
    this.note.hidden = !text;
    this.fit();
  }

  // -- drawing -------------------------------------------------------------------------------------------------

  schedule() {
    if (this.waiting || this.held || !window.Plotly) return;
    this.waiting = true;
    const moving = this.status.status === "training" || Boolean(this.timeline.film);
    const calm = moving && matchMedia("(prefers-reduced-motion: reduce)").matches;
    // Between two drawings the browser must get to paint and to handle input.
    requestAnimationFrame(() => setTimeout(() => this.drawAll(), calm ? Math.max(this.drawnAt + CALM - performance.now(), 0) : 0));
  }

  async drawAll() {
    if (!this.root.isConnected) { this.waiting = false; return; }
    this.readLook();
    this.drawnAt = performance.now();
    const resting = this.status.status === "training" ? performance.now() - CURVES_EVERY : Infinity;
    for (const panel of this.panels.values()) {
      if (this.held) { this.waiting = false; return; } // until the button is up
      if (!panel.dirty || (panel.name === "curves" && panel.drawn > resting && !panel.root.classList.contains("rx-large"))) continue;
      try { await panel.draw(); } catch (error) { console.error(`figure ${panel.name}:`, error); }
    }
    this.root.dataset.drawn = String(this.status.step ?? "");
    this.root.dataset.frames = String(Number(this.root.dataset.frames || 0) + 1);
    this.waiting = false;
    if ([...this.panels.values()].some((panel) => panel.dirty && panel.name !== "curves")) this.schedule();
    else if (this.owed) this.ready();
  }

  ready() {
    this.owed = false;
    this.connection.ready([...this.panels.values()].filter((panel) => this.sight.has(panel.root)).map((panel) => panel.name));
  }

  /**
   * Panels came in sight or went.
   * @param {IntersectionObserverEntry[]} entries
   */
  see(entries) {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) this.sight.add(target);
      else this.sight.delete(target);
    }
    if (!this.owed && !this.waiting) this.ready(); // the server waits for news, and this is one
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
    const width = this.root.clientWidth;
    if (!width) return;
    const presenting = this.presenter.on;
    const stacked = width < STACK_BELOW && !presenting;
    const narrow = width < NARROW_BELOW && !presenting;
    if (stacked !== this.stacked) for (const panel of this.panels.values()) panel.redraw();
    if (narrow !== this.narrow) foldAll(this.root, narrow);
    this.stacked = stacked;
    this.narrow = narrow;
    this.root.classList.toggle("rx-stacked", stacked);
    this.root.classList.toggle("rx-narrow", narrow);
    if (stacked || presenting) this.grid.style.height = "";
    else {
      const top = this.grid.getBoundingClientRect().top + (document.querySelector('[data-testid="stMain"]')?.scrollTop || 0);
      this.grid.style.height = `${Math.max(window.innerHeight - top - 10, this.least || 560)}px`;
    }
    this.slot.follow();
  }

  /** How much larger the figures' text is than on the page. */
  get scale() {
    return this.presenter.on ? typeOf(this.presenter.shown.size) : 1;
  }

  /** Show the links of this place, and whom they reach. */
  share() {
    share(this.root, (presenting) => this.place.links(presenting), new URLSearchParams(this.link).has("data"));
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
      this.sights.disconnect();
      this.widths.disconnect();
      this.slot.leave();
      for (const panel of this.panels.values()) panel.purge();
      this.forget();
    }, PURGE_AFTER);
  }
}
