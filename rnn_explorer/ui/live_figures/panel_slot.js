// The page's own controls, which Streamlit draws, in the controls that they change: the first panel keeps a place for them,
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
  /** @param {HTMLElement} root of the view */
  constructor(root) {
    this.root = root;
    this.node = make("div", "rx-slot");
    this.sizes = new ResizeObserver(() => this.follow());
    this.sizes.observe(this.node);
    /** @type {HTMLElement | null} */
    this.controls = null;
  }

  /** @returns {HTMLElement | null} what holds the controls and the figures */
  holder() {
    return this.root.closest(".st-key-view");
  }

  /**
   * Stand in this panel.
   * @param {import("./panel.js").Panel | undefined} panel
   */
  into(panel) {
    if (panel && this.node.parentNode !== panel.root) {
      this.node.parentElement?.classList.remove("rx-with-slot");
      panel.root.insertBefore(this.node, panel.frame);
      panel.root.classList.add("rx-with-slot");
    }
    this.follow();
  }

  /** Lay the controls over the place, and make it as high as they are where they stand in lines. */
  follow() {
    const holder = this.holder();
    /** @type {HTMLElement | null} */
    const controls = holder && holder.querySelector(PANELS);
    if (controls !== this.controls) {
      if (this.controls) this.sizes.unobserve(this.controls);
      if (controls) this.sizes.observe(controls); // Streamlit may make it anew
      this.controls = controls;
    }
    if (!holder) return;
    this.node.hidden = !controls;
    if (!controls) return;
    this.node.parentElement?.classList.toggle("rx-with-side", controls.classList.contains("st-key-panel-side"));
    this.node.style.height = this.isSide() ? "" : `${controls.scrollHeight}px`;
    const place = this.node.getBoundingClientRect();
    // On the parent, since React may make the controls anew; the style sheet takes them from there.
    for (const [name, value] of Object.entries(over(place, holder.getBoundingClientRect()))) holder.style.setProperty(`--rx-${name}`, value);
    holder.classList.toggle("rx-placed", place.width > 0);
  }

  /** Whether the controls stand at the side, as high as the panel lets them. */
  isSide() {
    return Boolean(this.controls?.classList.contains("st-key-panel-side")) && !this.root.classList.contains("rx-stacked");
  }

  leave() {
    this.sizes.disconnect();
  }
}
