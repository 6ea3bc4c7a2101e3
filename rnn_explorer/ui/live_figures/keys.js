// The keys of a page: what each does, in one list, and the table that shows them.

import { make, makeDialog } from "./dom.js";

/** @typedef {import("./types").Key} Key */

/** Where a key belongs to what is typed or chosen there. */
export const TAKEN = "input, select, textarea, [role=slider], [role=tab], [role=radio], [role=combobox], [role=option], [contenteditable], dialog";

/**
 * What a pressed key does: the first entry of the list that has it and may act now.
 * @param {Key[]} keys
 * @param {{ key: string, altKey: boolean, ctrlKey: boolean, metaKey: boolean, shiftKey: boolean }} event
 * @returns {Key | undefined}
 */
export function meant(keys, event) {
  if (event.altKey || event.ctrlKey || event.metaKey) return undefined;
  const shift = event.shiftKey && event.key.length > 1; // a letter or sign tells by itself that it is shifted
  return keys.find((entry) => entry.keys.includes(event.key) && Boolean(entry.shift) === shift && (!entry.when || entry.when()));
}

/**
 * The rows of the table: each key with what it does, the same words once.
 * @param {{ shown: string, words: string }[]} keys
 * @returns {[string, string][]}
 */
export function rowsOf(keys) {
  /** @type {Map<string, [string, string]>} */
  const rows = new Map();
  for (const { shown, words } of keys) rows.set(`${shown} ${words}`, [shown, words]);
  return [...rows.values()];
}

/**
 * What the keys do on a view; what lies on top comes first.
 * @param {import("./view.js").View} view
 * @returns {Key[]}
 */
export function keysOf(view) {
  const escape = { keys: ["Escape"], shown: "Esc", words: "Close what lies on top: a figure that fills the window, the presentation, then what the strip names" };
  const { presenter, timeline } = view;
  const presenting = () => presenter.on;
  const past = { shown: "← →", words: "One kept step back into the past, or forward" };
  const moves = { shown: "PageUp PageDown", words: "When presenting: the previous or next figure, as ← → do", when: presenting };
  const shifted = { shown: "Shift+← Shift+→", words: "When presenting: one kept step back into the past, or forward", shift: true };
  return [
    { ...moves, keys: ["PageUp", "ArrowLeft"], act: () => presenter.go(-1) },
    { ...moves, keys: ["PageDown", "ArrowRight"], act: () => presenter.go(1) },
    { ...past, keys: ["ArrowLeft"], act: () => timeline.turn(-1) },
    { ...past, keys: ["ArrowRight"], act: () => timeline.turn(1) },
    { ...shifted, keys: ["ArrowLeft"], act: () => timeline.turn(-1) },
    { ...shifted, keys: ["ArrowRight"], act: () => timeline.turn(1) },
    { keys: ["f"], shown: "f", words: "Present: one figure fills the screen; and back", act: () => presenter.toggle() },
    { keys: ["b"], shown: "b", words: "When presenting: blank the screen, and back with any key", when: presenting, act: () => presenter.setBlank(true) },
    { keys: [..."123456789"], shown: "1 … 9", words: "When presenting: show this figure beside the others, or no longer", when: presenting,
      act: (event) => presenter.beside(view.names[Number(event.key) - 1]) },
    { ...escape, when: () => Boolean(view.enlarged()), act: () => view.enlarged()?.enlarge(false) },
    { ...escape, when: presenting, act: () => presenter.end() },
    { ...escape, when: () => view.chips.all.length > 0, act: () => view.chips.close() },
    { keys: ["?"], shown: "?", words: "This table, and back", act: () => view.showKeys() },
  ];
}

export class Keys {
  /**
   * @param {HTMLElement} root of what they steer; while it is not in the page they do nothing
   * @param {Key[]} keys in the order in which they are asked: what lies on top first
   * @param {() => [string, string][]} buttons the keys of the page's buttons, which the page's script makes
   */
  constructor(root, keys, buttons) {
    this.root = root;
    this.keys = keys;
    this.buttons = buttons;
    /** @type {HTMLDialogElement | null} */
    this.dialog = null;
    this.onKey = (/** @type {KeyboardEvent} */ event) => this.press(event);
    window.addEventListener("keydown", this.onKey);
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    const target = /** @type {Element} */ (event.target);
    if (event.defaultPrevented || !this.root.isConnected || document.querySelector("dialog[open]") || (target.closest && target.closest(TAKEN))) return;
    const entry = meant(this.keys, event);
    if (!entry) return;
    event.preventDefault();
    entry.act(event);
  }

  /** Show the table of keys, or take it away. */
  show() {
    if (this.dialog) { this.dialog.close(); return; }
    const dialog = (this.dialog = makeDialog("keys", "Keys"));
    const table = make("table");
    for (const [shown, words] of rowsOf([...this.buttons().map(([key, text]) => ({ shown: key, words: text })), ...this.keys])) {
      const row = table.insertRow();
      const name = make("th");
      name.scope = "row";
      for (const key of shown.split(" ")) name.append(make("kbd", "", key), " ");
      row.append(name, make("td", "", words));
    }
    dialog.append(table);
    dialog.addEventListener("close", () => { this.dialog = null; });
    dialog.addEventListener("keydown", (event) => { if (event.key === "?") dialog.close(); });
    this.root.append(dialog); // where the theme's colors are known
    dialog.showModal();
  }

  leave() {
    window.removeEventListener("keydown", this.onKey);
    if (this.dialog) this.dialog.close();
  }
}
