// Presenting: one figure fills the screen, or a chosen few, in type that is read from the last row. It changes sizes and
// hides controls, never what is shown.

import { make, makeButton } from "./dom.js";
import { lower, raise } from "./top_layer.js";

/** @typedef {import("./view.js").View} View */

/**
 * The type of the figures, times that on the page: where several share the screen there is less room for it.
 * @param {number} count of the figures that are shown
 */
export const typeOf = (count) => (count > 1 ? 1.3 : 1.6);

const MOST = 4; // figures at a time

/**
 * How many figures stand side by side.
 * @param {number} count
 */
export const across = (count) => (count > 1 ? 2 : 1);

/**
 * The figure one further than those that are shown, or one before them; the last is followed by none.
 * @param {string[]} names of all figures
 * @param {Set<string>} shown
 * @param {number} way 1 or -1
 */
export function next(names, shown, way) {
  const places = names.flatMap((name, number) => (shown.has(name) ? [number] : []));
  if (!places.length) return names[0];
  const from = way > 0 ? places[places.length - 1] : places[0];
  return names[Math.min(Math.max(from + way, 0), names.length - 1)];
}

/**
 * What a figure is called in the strip: its title up to where it goes into particulars.
 * @param {string} title
 */
export const shortTitle = (title) => title.split(/[:,(;]/)[0].trim();

export class Presenter {
  /** @param {View} view */
  constructor(view) {
    this.view = view;
    this.on = false;
    this.blank = false;
    this.several = false; // whether more than one figure is shown
    this.wanted = false; // whether it begins as soon as there is a figure
    /** @type {Set<string>} */
    this.shown = new Set();
    this.strip = make("nav", "rx-panels");
    this.strip.setAttribute("aria-label", "Figures");
    this.strip.hidden = true;
    this.names = make("span", "rx-panel-names");
    this.strip.append(this.names, make("span", "rx-hint", "← → next figure · 1–9 add one · b blank · Esc end"),
      makeButton("rx-text", "End", "End presenting (Esc)", () => this.end()));
    this.cover = make("div", "rx-cover");
    this.cover.hidden = true;
    this.cover.onclick = () => this.setBlank(false);
    view.root.append(this.strip, this.cover);
    this.onAnyKey = (/** @type {KeyboardEvent} */ event) => {
      event.preventDefault();
      event.stopImmediatePropagation();
      this.setBlank(false);
    };
    this.onFullscreen = () => this.fullscreenChanged();
    document.addEventListener("fullscreenchange", this.onFullscreen);
  }

  /** By a key or a click: the browser may then be asked for the whole screen. */
  toggle() {
    if (this.on) { this.end(); return; }
    this.start();
    if (this.on && document.fullscreenEnabled) document.documentElement.requestFullscreen().catch(() => {}); // where it is allowed
  }

  start() {
    const { view } = this;
    if (this.on || !view.names.length) return;
    const large = view.enlarged();
    large?.enlarge(false);
    if (large || !this.shown.size) this.shown = new Set([large ? large.name : view.names[0]]);
    this.on = true;
    this.changed();
  }

  end() {
    if (!this.on) return;
    this.on = false;
    this.setBlank(false);
    if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
    this.changed();
  }

  /** Esc leaves the whole screen without a key that the page would see: it ends what it ends elsewhere, too. */
  fullscreenChanged() {
    if (!this.on || !this.view.root.isConnected) return;
    if (document.fullscreenElement) raise(this.view.root); // above what fills the screen
    else if (this.blank) this.setBlank(false);
    else this.end();
  }

  /** The view came into the page, at an address that says whether it is presented. */
  follow() {
    this.wanted = new URLSearchParams(window.location.search).get("present") === "1";
    if (this.on && this.wanted) raise(this.view.root);
    else if (this.on) this.end();
    else if (this.wanted) this.start();
  }

  /** @param {number} way */
  go(way) {
    this.only(next(this.view.names, this.shown, way));
  }

  /** @param {string} name */
  only(name) {
    this.shown = new Set([name]);
    this.arrange();
  }

  /** @param {string | undefined} name of a figure that is to be shown beside the others, or no longer */
  beside(name) {
    if (name === undefined || (this.shown.size === 1 && this.shown.has(name))) return;
    if (!this.shown.delete(name)) this.shown.add(name);
    for (const oldest of this.shown) if (this.shown.size > MOST) this.shown.delete(oldest);
    this.arrange();
  }

  /** @param {boolean} blank */
  setBlank(blank) {
    this.blank = blank;
    this.cover.hidden = !blank;
    if (blank) window.addEventListener("keydown", this.onAnyKey, true);
    else window.removeEventListener("keydown", this.onAnyKey, true);
  }

  /** It begins, or ends. */
  changed() {
    const { view } = this;
    view.root.classList.toggle("rx-presenting", this.on);
    this.strip.hidden = !this.on;
    if (this.on) raise(view.root);
    else lower(view.root);
    this.arrange();
    for (const panel of view.panels.values()) panel.redraw();
    view.fit();
    this.writeAddress();
  }

  writeAddress() {
    if (this.view.root.isConnected) this.view.place.address.present(this.on); // else it is another page's
  }

  /** Show the chosen figures alone; those of another layer or mode may have other names. */
  arrange() {
    const { names, panels, grid } = this.view;
    if (this.wanted && names.length) { this.wanted = false; this.start(); }
    if (this.on) {
      const known = [...this.shown].filter((name) => names.includes(name));
      this.shown = new Set(known.length ? known : names.slice(0, 1));
      this.showStrip();
    }
    for (const [name, panel] of panels) panel.root.classList.toggle("rx-off", this.on && !this.shown.has(name));
    const several = this.on && this.shown.size > 1;
    if (this.view.root.classList.toggle("rx-several", several) !== this.several) for (const panel of panels.values()) panel.redraw();
    this.several = several;
    grid.style.setProperty("--rx-across", String(across(this.shown.size)));
  }

  /** A button for each figure; a node stays as long as its figure is the same, and so does the keyboard. */
  showStrip() {
    const { names, panels } = this.view;
    const { children } = this.names;
    names.forEach((name, number) => {
      const title = `${number + 1} ${shortTitle(panels.get(name)?.title.textContent || name)}`;
      let button = /** @type {HTMLButtonElement | undefined} */ (children[number]);
      if (!button) this.names.append((button = makeButton("rx-text", "", "", () => {})));
      if (button.textContent !== title) button.textContent = title;
      button.title = "Alone; with Shift, or its number on the keyboard, beside the others";
      button.onclick = (event) => (event.shiftKey ? this.beside(name) : this.only(name));
      button.setAttribute("aria-pressed", String(this.shown.has(name)));
    });
    while (children.length > names.length) children[names.length].remove();
  }

  leave() {
    if (this.on) this.end();
    document.removeEventListener("fullscreenchange", this.onFullscreen);
  }
}
