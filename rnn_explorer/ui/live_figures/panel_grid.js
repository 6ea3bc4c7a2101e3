// Which figures a view has, in which order, and how large they are.

import { places } from "./arranging.js";
import { make } from "./dom.js";
import { foldAll } from "./fold.js";
import { Panel } from "./panel.js";
import { SvgPanel } from "./svg_panel.js";
import { TextPanel } from "./text_panel.js";

export class PanelGrid {
  /** @param {import("./view.js").View} view */
  constructor(view) {
    this.view = view;
    this.root = make("div", "rx-grid");
    /** @type {Map<string, Panel>} */
    this.panels = new Map();
    /** @type {string[]} */
    this.names = []; // of the panels that are shown
    /** @type {import("./types").Grid | null} */
    this.layout = null; // how they stand
  }

  /**
   * Give each panel what is new about it; a figure that is new gets a panel.
   * @param {Record<string, import("./types").News>} figures
   * @returns {boolean} whether any is new
   */
  merge(figures) {
    let fresh = false;
    for (const [name, news] of Object.entries(figures)) {
      let panel = this.panels.get(name);
      if (!panel) {
        const Kind = news.lines !== undefined ? TextPanel : news.svg !== undefined ? SvgPanel : Panel;
        panel = new Kind(this.view, name);
        this.panels.set(name, panel);
        this.root.appendChild(panel.root);
        this.view.loop.sights.observe(panel.root);
        foldAll(panel.root, this.view.fitting.narrow);
        fresh = true;
      }
      panel.merge(news);
    }
    return fresh;
  }

  /** @param {import("./types").Frame} frame in which panels or their places may be others */
  follow({ panels, grid }) {
    this.names = panels || this.names;
    this.layout = grid || this.layout;
    if (!this.layout || !(panels || grid)) return;
    for (const { name, ...style } of places(this.names, this.layout)) {
      const panel = this.panels.get(name);
      if (panel) Object.assign(panel.root.style, style);
    }
    for (const [name, panel] of this.panels) panel.root.hidden = !this.names.includes(name);
    this.view.slot.into(this.panels.get(this.names[0]));
    this.view.presenter.arrange();
    this.setRows(this.layout.rows, this.layout.least);
  }

  /**
   * @param {string} rows their heights
   * @param {number} least pixels of the whole grid below which the page scrolls instead
   */
  setRows(rows, least) {
    this.root.style.setProperty("--rx-rows", rows);
    this.view.fitting.least = least;
    this.view.fit();
  }
}
