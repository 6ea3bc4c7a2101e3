// Sentences, each with a mark for what it means.

import { Panel } from "./panel.js";
import { make } from "./dom.js";

export class TextPanel extends Panel {
  /**
   * @param {import("./types").Owner} view
   * @param {string} name
   */
  constructor(view, name) {
    super(view, name);
    /** @type {import("./types").Line[]} */
    this.lines = [];
    this.frame.classList.add("rx-sentences");
    this.list = make("ul", "rx-lines");
    this.plot.replaceWith(this.list);
  }

  hasPicture() {
    return false;
  }

  /** @returns {[string, string][]} */
  forms() {
    return [["csv", "CSV, the sentences"]];
  }

  /** @param {import("./types").News} news */
  merge(news) {
    this.mergeWords(news);
    if (news.lines !== undefined) { this.lines = news.lines; this.dirty = true; }
  }

  draw() {
    this.dirty = false;
    this.drawn = performance.now();
    // Lines that stay keep their nodes, so that a sentence can be read and selected while others change.
    this.lines.forEach((line, number) => {
      const node = this.list.children[number] || this.list.appendChild(make("li"));
      node.className = `rx-said rx-${line.kind}`;
      if (node.textContent !== line.text) node.textContent = line.text;
    });
    if (this.view.status.status !== "training") this.view.speak(this.lines.filter((line) => line.kind !== "fact").map((line) => line.text).join(" "));
    while (this.list.lastChild && this.list.children.length > this.lines.length) this.list.lastChild.remove();
    this.count();
    return Promise.resolve();
  }

  mark() {}

  resize() {}

  purge() { this.sizes.disconnect(); }
}
