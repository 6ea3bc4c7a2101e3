// Gray blocks where the panels will stand, for as long as there are none, and one sentence on what is waited for.

import { make } from "./dom.js";

/** @typedef {import("./types").Status} Status */

const BUILDING = "Building the model.";

/**
 * What is waited for before anything is known of a run; "" where that is over or is no waiting.
 * @param {Partial<Status>} s
 */
export function waitedFor({ status = "", message = "", target }) {
  if (target || !["starting", "training"].includes(status)) return "";
  const first = message || BUILDING;
  return status === "training" ? `${first} Training begins as soon as that is done.` : first;
}

export class Skeleton {
  /**
   * @param {HTMLElement} root of the view
   * @param {HTMLElement} grid where the panels come
   */
  constructor(root, grid) {
    this.root = root;
    this.grid = grid;
    /** @type {HTMLElement[]} */
    this.blocks = [];
    this.over = false;
    root.dataset.waiting = "";
    grid.setAttribute("aria-busy", "true");
  }

  /** @param {[number, number][]} spans columns and rows of each */
  show(spans) {
    if (this.over || this.blocks.length) return;
    this.blocks = spans.map(([columns, rows]) => {
      const block = make("div", "rx-block");
      block.setAttribute("aria-hidden", "true");
      Object.assign(block.style, { gridColumn: `span ${columns}`, gridRow: `span ${rows}` });
      return block;
    });
    this.grid.append(...this.blocks);
  }

  /** The first panels have come, or none will. */
  end() {
    if (this.over) return;
    this.over = true;
    for (const block of this.blocks) block.remove();
    delete this.root.dataset.waiting;
    this.grid.removeAttribute("aria-busy");
  }
}
