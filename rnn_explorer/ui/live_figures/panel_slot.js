// The page's own controls, which Streamlit draws, in the panel that they change: the first card keeps a place for them,
// and they are laid over it. So they push no figure down and cover none.

import { make } from "./dom.js";

const PANELS = ":is(.st-key-panel-row, .st-key-panel-side)";

/**
 * Where a node must stand in its parent to lie over a place.
 * @param {{ left: number, top: number, width: number, height: number }} place
 * @param {{ left: number, top: number }} parent
 */
export const over = (place, parent) => ({
  left: `${place.left - parent.left}px`, top: `${place.top - parent.top}px`, width: `${place.width}px`, height: `${place.height}px`,
});

export class PanelSlot {
  /** @param {HTMLElement} root of the board */
  constructor(root) {
    this.root = root;
    this.node = make("div", "rx-slot");
    this.sizes = new ResizeObserver(() => this.follow());
    this.sizes.observe(this.node);
    /** @type {HTMLElement | null} */
    this.panel = null;
  }

  /** @returns {HTMLElement | null} what holds the controls and the figures */
  view() {
    return this.root.closest(".st-key-view");
  }

  /**
   * Stand in this card.
   * @param {import("./card.js").Card | undefined} card
   */
  into(card) {
    if (card && this.node.parentNode !== card.root) {
      this.node.parentElement?.classList.remove("rx-with-slot");
      card.root.insertBefore(this.node, card.frame);
      card.root.classList.add("rx-with-slot");
    }
    this.follow();
  }

  /** Lay the controls over the place, and make it as high as they are where they stand in lines. */
  follow() {
    const view = this.view();
    /** @type {HTMLElement | null} */
    const panel = view && view.querySelector(PANELS);
    if (panel !== this.panel) {
      if (this.panel) this.sizes.unobserve(this.panel);
      if (panel) this.sizes.observe(panel); // Streamlit may make it anew
      this.panel = panel;
    }
    if (!view) return;
    this.node.hidden = !panel;
    if (!panel) return;
    this.node.parentElement?.classList.toggle("rx-with-side", panel.classList.contains("st-key-panel-side"));
    this.node.style.height = this.isSide() ? "" : `${panel.scrollHeight}px`;
    const place = this.node.getBoundingClientRect();
    // On the parent, since React may make the panel anew; the style sheet takes them from there.
    for (const [name, value] of Object.entries(over(place, view.getBoundingClientRect()))) view.style.setProperty(`--rx-${name}`, value);
    view.classList.toggle("rx-placed", place.width > 0);
  }

  /** Whether the controls stand at the side, as high as the card lets them. */
  isSide() {
    return Boolean(this.panel?.classList.contains("st-key-panel-side")) && !this.root.classList.contains("rx-stacked");
  }

  leave() {
    this.sizes.disconnect();
  }
}
