// The run's buttons act on what stands on the screen: when one is pressed, by the mouse or by its key, a replay stops at
// the step shown, and the page's script hears of that step before it hears of the press.

import { TAKEN } from "./keys.js";

const BUTTONS = "[class*=st-key-do-] button";
const KEYS = ["p", "n", "e"];

export class Pressing {
  /**
   * @param {{ root: HTMLElement, run: string, timeline: { film: number, at: number | null, stop: () => void },
   *   reports: { report: (name: string, value: any) => void } }} view
   */
  constructor(view) {
    this.view = view;
    this.reported = "";
    this.onPress = (/** @type {Event} */ event) => { if (this.isPress(event)) this.settle(); };
    document.addEventListener("pointerdown", this.onPress, true);
    window.addEventListener("keydown", this.onPress, true); // before Streamlit's own listener
  }

  /** @param {Event} event */
  isPress(event) {
    const target = /** @type {Element} */ (event.target);
    if (!this.view.root.isConnected || !target.closest) return false;
    const on = Boolean(target.closest(BUTTONS));
    if (!("key" in event)) return on;
    const { key, altKey, ctrlKey, metaKey } = /** @type {KeyboardEvent} */ (event);
    if (altKey || ctrlKey || metaKey) return false;
    return on ? [...KEYS, "Enter", " "].includes(key) : KEYS.includes(key) && !target.closest(TAKEN);
  }

  settle() {
    const { run, timeline, reports } = this.view;
    if (timeline.film) timeline.stop();
    const shown = timeline.at === null ? run : `${run} ${timeline.at}`;
    if (shown === this.reported) return;
    this.reported = shown;
    reports.report("pressed", shown);
  }

  leave() {
    document.removeEventListener("pointerdown", this.onPress, true);
    window.removeEventListener("keydown", this.onPress, true);
  }
}
