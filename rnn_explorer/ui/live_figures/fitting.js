// How the figures fit the window: side by side or one below the other, controls open or folded, as high as there is room.

import { foldAll } from "./fold.js";

const STACK_BELOW = 880; // px of width under which the figures stand one below the other
const NARROW_BELOW = 560; // px of width under which controls fold into menus

export class Fitting {
  /** @param {import("./view.js").View} view */
  constructor(view) {
    this.view = view;
    this.least = 560; // pixels of the whole grid below which the page scrolls instead
    this.stacked = false; // whether the figures stand one below the other
    this.narrow = false; // whether controls are folded
  }

  fit() {
    const { view } = this;
    const width = view.root.clientWidth;
    if (!width) return;
    const presenting = view.presenter.on;
    const stacked = width < STACK_BELOW && !presenting;
    const narrow = width < NARROW_BELOW && !presenting;
    if (stacked !== this.stacked) for (const panel of view.panels.values()) panel.redraw();
    if (narrow !== this.narrow) foldAll(view.root, narrow);
    this.stacked = stacked;
    this.narrow = narrow;
    view.root.classList.toggle("rx-stacked", stacked);
    view.root.classList.toggle("rx-narrow", narrow);
    if (stacked || presenting) view.grid.style.height = "";
    else {
      const top = view.grid.getBoundingClientRect().top + (document.querySelector('[data-testid="stMain"]')?.scrollTop ?? window.scrollY);
      view.grid.style.height = `${Math.max(window.innerHeight - top - 10, this.least || 560)}px`;
    }
    view.slot.follow();
  }
}
