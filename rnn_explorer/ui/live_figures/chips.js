// What is not as usual, in one strip: each with a button that ends it.

import { make, makeButton } from "./dom.js";

/** @typedef {import("./types").Chip} Chip */

/**
 * What is changed about a cell, its input or its weights, in a few words; "" for nothing.
 * @param {string | undefined} change as the page's script tells it: the options of the analysis "what if", as JSON
 */
export function changeWords(change) {
  if (!change) return "";
  const { clamp = [], ablate = [], inputs = [], weights = [] } = JSON.parse(change);
  const words = [];
  for (const [gate, unit, value] of clamp) words.push(`${gate.replace("_", " ")}${unit < 0 ? "" : ` of unit ${unit}`} = ${value}`);
  if (ablate.length) words.push(`unit${ablate.length > 1 ? "s" : ""} ${ablate.join(", ")} ablated`);
  for (const [step] of inputs) words.push(`input edited at t = ${step}`);
  for (const [name, row, column, value] of weights) words.push(`${name}[${row}${name.startsWith("weight") ? `, ${column}` : ""}] = ${value}`);
  return words.join("; ");
}

/**
 * What is not as usual on a view, the topmost last.
 * @param {import("./view.js").View} view
 */
export function unusual(view) {
  /** @type {Chip[]} */
  const chips = [];
  const changed = changeWords(view.ask.change);
  if (changed) {
    chips.push({ name: "change", text: `What if: ${changed}`, closing: "Back to the model as it was trained",
      close: () => view.reports.report("cleared", performance.now()) });
  }
  if (view.timeline.at !== null) {
    chips.push({ name: "past", text: `Past: step ${view.timeline.at}`, closing: "Leave the past",
      close: () => view.timeline.present() });
  }
  if (view.lost) {
    chips.push({ name: "line", text: view.lost, closing: "Hide this until the connection changes",
      close: () => { view.lost = ""; view.showChips(); } });
  }
  return chips;
}

export class Chips {
  constructor() {
    this.root = make("span", "rx-chips");
    this.root.setAttribute("role", "group");
    this.root.setAttribute("aria-label", "What is not as usual");
    /** @type {Chip[]} */
    this.all = []; // the topmost last
  }

  /**
   * Show these, in their order; what stays keeps its node, and so the keyboard.
   * @param {Chip[]} chips
   */
  show(chips) {
    this.all = chips;
    const old = new Map([...this.root.children].map((node) => [/** @type {HTMLElement} */ (node).dataset.chip, /** @type {HTMLElement} */ (node)]));
    const nodes = chips.map((chip) => this.node(old.get(chip.name) || this.make(chip.name), chip));
    const same = nodes.length === this.root.children.length && nodes.every((node, number) => this.root.children[number] === node);
    if (!same) this.root.replaceChildren(...nodes);
  }

  /** @param {string} name */
  make(name) {
    const node = make("span", `rx-chip rx-chip-${name}`);
    node.dataset.chip = name;
    node.append(make("span"), makeButton("rx-icon", "✕", "", () => this.find(name)?.close()));
    return node;
  }

  /**
   * @param {HTMLElement} node
   * @param {Chip} chip
   */
  node(node, chip) {
    const [words, button] = /** @type {HTMLElement[]} */ ([...node.children]);
    if (words.textContent !== chip.text) words.textContent = chip.text;
    node.title = chip.title || "";
    button.title = chip.closing;
    button.setAttribute("aria-label", chip.closing);
    return node;
  }

  /** @param {string} name */
  find(name) {
    return this.all.find((chip) => chip.name === name);
  }

  /** End the topmost. */
  close() {
    this.all.at(-1)?.close();
  }
}
