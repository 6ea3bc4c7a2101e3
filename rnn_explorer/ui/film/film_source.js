// A film in place of a server: answers what is chosen, with the frames that the file holds.

import { decode } from "../live_figures/codec.js";

const VERSION = 1;
const PLAIN = "plain"; // of a trace: all its properties but arrays, as one text
const REMEMBERED = 8; // steps that stay decoded

/** @typedef {import("../live_figures/types").News} News */
/** @typedef {import("../live_figures/types").Trace} Trace */
/** @typedef {{ parts: string[], traces: string[][] | null }} Form */
/** @typedef {{ form: Form, values: string[] }} Found names of values; of what several steps show the same in each */
/** @typedef {{ status: any, records: Record<string, Int32Array>, places: Record<string, Int32Array>, value: (number: number) => any }} Shot */

/**
 * The values of groups by their numbers, of which the first is 0.
 * @param {any[]} groups
 * @returns {{ count: number, at: (number: number) => any }}
 */
export function valuesOf(groups) {
  const begins = [0];
  for (const group of groups) begins.push(/** @type {number} */ (begins.at(-1)) + (group.count ?? group.length));
  return {
    count: /** @type {number} */ (begins.at(-1)),
    at: (number) => {
      const place = begins.findLastIndex((begin) => begin <= number);
      const [group, n] = [groups[place], number - begins[place]];
      return group.lines ? group.lines.subarray(n * group.length, (n + 1) * group.length) : group[n];
    },
  };
}

export class Film {
  /** @param {ArrayBuffer} content not compressed any more */
  constructor(content) {
    /** @type {[number, number][]} */
    this.places = [];
    const lengths = new DataView(content);
    for (let at = 0; at < content.byteLength;) {
      const begin = at + 4;
      at = begin + lengths.getUint32(at, true);
      this.places.push([begin, at]);
    }
    this.content = content;
    this.header = this.read(0);
    if (this.header.version !== VERSION) throw new Error(`a film of version ${this.header.version}`);
    this.shared = valuesOf(this.header.groups);
    /** @type {Map<number, Shot>} */
    this.shots = new Map();
  }

  /** @param {number} number of a frame */
  read(number) {
    return decode(this.content.slice(...this.places[number]));
  }

  /** @returns {number[]} the kept steps, and the present last */
  get steps() {
    return this.header.steps;
  }

  /**
   * @param {number} place of the step among all
   * @returns {Shot}
   */
  shot(place) {
    const known = this.shots.get(place);
    if (known) return known;
    const { status, records, groups } = this.read(place + 1);
    const own = valuesOf(groups);
    const value = (/** @type {number} */ number) => (number < this.shared.count ? this.shared.at(number) : own.at(number - this.shared.count));
    const places = Object.fromEntries(Object.entries(records).map(([name, flat]) => [name, this.begins(flat)]));
    const shot = { status, records, places, value };
    if (this.shots.size >= REMEMBERED) this.shots.delete(/** @type {number} */ (this.shots.keys().next().value));
    this.shots.set(place, shot);
    return shot;
  }

  /**
   * Where each record of a panel begins.
   * @param {Int32Array} flat
   */
  begins(flat) {
    const begins = [];
    for (let at = 0; at < flat.length; at += 1 + this.length(this.header.forms[flat[at]])) begins.push(at);
    return Int32Array.from(begins);
  }

  /** @param {Form} form */
  length(form) {
    return form.parts.length + (form.traces || []).reduce((sum, names) => sum + names.length, 0);
  }

  /**
   * What a selection is, as far as the film holds it.
   * @param {Record<string, string>} query
   * @returns {Record<string, any>}
   */
  fitted(query) {
    const chosen = { ...this.header.chosen };
    for (const { field, kind, options, low, high } of this.header.tools) {
      const asked = query[field];
      if (asked === undefined) continue;
      if (kind === "number") chosen[field] = Math.min(Math.max(Math.round(Number(asked)) || 0, low), high);
      else if (kind === "toggle") chosen[field] = asked === "true";
      else chosen[field] = (options.find((/** @type {[any, string]} */ [value]) => String(value) === asked) || [chosen[field]])[0];
    }
    return chosen;
  }

  /**
   * The key under which a panel is kept: the parts of the selection on which it depends.
   * @param {string} name
   * @param {Record<string, any>} chosen
   */
  key(name, chosen) {
    const [, fields] = this.header.rules[name].find((/** @type {[Record<string, any>, string[]]} */ [when]) =>
      Object.entries(when).every(([field, value]) => chosen[field] === value));
    return fields.map((/** @type {string} */ field) => String(chosen[field])).join("|");
  }

  /**
   * What a panel shows; equal values have equal names.
   * @param {number} place of the step
   * @param {string} name of the panel
   * @param {Record<string, any>} chosen
   * @returns {Found}
   */
  find(place, name, chosen) {
    const { records, places } = this.shot(place);
    const begin = places[name][this.header.keys[name].indexOf(this.key(name, chosen))];
    const form = this.header.forms[records[name][begin]];
    const numbers = records[name].subarray(begin + 1, begin + 1 + this.length(form));
    return { form, values: Array.from(numbers, (number) => (number < this.shared.count ? String(number) : `${place}:${number}`)) };
  }

  /**
   * A value by its name.
   * @param {string} name
   */
  value(name) {
    const [place, number] = name.includes(":") ? name.split(":").map(Number) : [-1, Number(name)];
    const value = place < 0 ? this.shared.at(number) : this.shot(place).value(number);
    return typeof value === "string" ? JSON.parse(value) : value; // anew each time, since Plotly writes into what it draws
  }

  /**
   * What is new about a panel.
   * @param {Found} found
   * @param {Found | undefined} before
   * @returns {News}
   */
  news(found, before) {
    /** @type {any} */
    const news = {};
    let at = 0;
    const same = before && before.form === found.form;
    for (const part of found.form.parts) {
      if (!same || found.values[at] !== before.values[at]) news[part] = this.value(found.values[at]);
      at += 1;
    }
    const { traces } = found.form;
    if (!traces) return news;
    if (!same) Object.assign(news, { count: traces.length, data: {} });
    for (const [number, names] of traces.entries()) {
      const values = found.values.slice(at, at + names.length);
      const old = same ? before.values.slice(at, at + names.length) : null;
      at += names.length;
      if (!old) news.data[number] = this.trace(names, values);
      else if (values.some((value, n) => value !== old[n])) this.change(news, number, names, values, old);
    }
    return news;
  }

  /**
   * @param {string[]} names
   * @param {string[]} values
   * @returns {Trace}
   */
  trace(names, values) {
    return names.reduce((trace, name, n) => Object.assign(trace, name === PLAIN ? this.value(values[n]) : { [name]: this.value(values[n]) }), {});
  }

  /**
   * The properties of a trace that changed; where it has others than before, all.
   * @param {any} news
   * @param {number} number
   * @param {string[]} names
   * @param {string[]} values
   * @param {string[]} old
   */
  change(news, number, names, values, old) {
    /** @type {Trace} */
    let change = {};
    for (const [n, name] of names.entries()) {
      if (values[n] === old[n]) continue;
      if (name !== PLAIN) { change[name] = this.value(values[n]); continue; }
      const [now, then] = [this.value(values[n]), this.value(old[n])];
      if (Object.keys(now).join() !== Object.keys(then).join()) {
        (news.data ||= {})[number] = this.trace(names, values);
        return;
      }
      for (const [key, value] of Object.entries(now)) if (JSON.stringify(value) !== JSON.stringify(then[key])) change[key] = value;
    }
    if (Object.keys(change).length) (news.change ||= {})[number] = change;
  }
}

/** What a browser has; tests have their own. */
const BROWSER = {
  setTimeout: (/** @type {() => void} */ act, /** @type {number} */ wait) => /** @type {any} */ (setTimeout(act, wait)),
  clearTimeout: (/** @type {any} */ timer) => clearTimeout(timer),
};

/** Stands where a page has its `Connection`. */
export class FilmSource {
  /**
   * @param {Film} film
   * @param {import("../live_figures/connection.js").Owner} owner
   * @param {typeof BROWSER} tools
   */
  constructor(film, owner, tools = BROWSER) {
    this.film = film;
    this.owner = owner;
    this.tools = tools;
    this.deferred = false; // what is chosen is told at once
    this.taken = true; // whether the newest frame is drawn
    this.due = false; // whether another one is to follow then
    this.place = film.steps.length - 1; // of the step that is shown
    this.speed = 0; // steps a second, where they are shown one after the other
    /** @type {any} */
    this.timer = undefined;
    /** @type {Map<string, Found> | null} */
    this.shown = null; // by panel
  }

  isOpen() {
    return this.shown !== null;
  }

  open() {
    this.choose();
  }

  hurry() {}

  close() {
    this.tools.clearTimeout(this.timer);
  }

  /** Show what is chosen now, as soon as the figures before are drawn. */
  choose() {
    const { query } = this.owner.wish();
    const { steps } = this.film;
    const at = query.at === undefined ? NaN : Number(query.at);
    const distances = steps.map((step) => Math.abs(step - at));
    this.place = Number.isNaN(at) ? steps.length - 1 : distances.indexOf(Math.min(...distances));
    this.speed = Number(query.film || 0);
    this.turn();
    this.show();
  }

  /** Go on to the next step in a while, where steps follow each other. */
  turn() {
    this.tools.clearTimeout(this.timer);
    if (!this.speed) return;
    this.timer = this.tools.setTimeout(() => {
      if (!this.taken) { this.turn(); return; } // it waits for what must be drawn
      this.place = Math.min(this.place + 1, this.film.steps.length - 1);
      if (this.place === this.film.steps.length - 1) this.speed = 0;
      this.turn();
      this.show();
    }, 1000 / this.speed);
  }

  show() {
    this.due = !this.taken;
    if (this.due) return;
    this.taken = false;
    this.owner.receive(this.frame());
  }

  /** The newest frame is drawn. */
  ready() {
    this.taken = true;
    if (this.due) this.show();
  }

  /** @returns {import("../live_figures/types").Frame} */
  frame() {
    const { film, place, shown: before } = this;
    const { header, steps } = film;
    const chosen = film.fitted(this.owner.wish().query);
    this.shown = new Map();
    /** @type {Record<string, News>} */
    const figures = {};
    for (const name of header.panels) {
      const found = film.find(place, name, chosen);
      const news = film.news(found, before?.get(name));
      if (Object.keys(news).length) figures[name] = news;
      this.shown.set(name, found);
    }
    const status = { ...film.shot(place).status, film: this.speed, busy: null, errors: [] };
    const first = before ? {} : { frames: steps.slice(0, -1), tools: header.tools, panels: header.panels, grid: header.grid };
    return { run: this.owner.wish().run, status, chosen, figures, ...first };
  }
}
