// The controls of a view: what can be chosen, in the bar and in the heads of figures.

import { make } from "./dom.js";

/** @typedef {import("./types").Tool} Tool */
/** @typedef {import("./types").Control} Control */

/**
 * The value that a button sets: its one option, else one more than before.
 * @param {Tool} tool
 * @param {any} now
 */
export const pressed = (tool, now) => (tool.options.length ? tool.options[0][0] : (Number(now) || 0) + 1);

/**
 * A typed number within the ends of its tool.
 * @param {Tool} tool
 * @param {string} typed
 */
export const within = (tool, typed) => Math.min(Math.max(Number(typed) || 0, tool.low), tool.high);

/**
 * What a control looks like: one that looks the same stays. What a button sets may change between press and release.
 * @param {Tool} tool
 */
const signatureOf = (tool) => JSON.stringify(tool.kind === "button" ? { ...tool, options: [] } : tool);

export class Controls {
  /**
   * @param {Record<string, any>} selection what is chosen, by field
   * @param {(field: string, value: any) => void} choose
   */
  constructor(selection, choose) {
    this.selection = selection;
    this.choose = choose;
    /** @type {Control[]} */
    this.all = [];
  }

  /**
   * @param {Tool} tool
   * @returns {Control}
   */
  build(tool) {
    const label = make("label", `rx-pick rx-pick-${tool.field}`);
    label.title = tool.title;
    const input = tool.kind === "button" ? this.button(tool, label)
      : tool.kind === "toggle" ? this.toggle(tool, label)
        : tool.kind === "select" ? this.select(tool, label)
          : this.number(tool, label);
    // Who speaks to the page says what is written on a button.
    input.setAttribute("aria-label", tool.kind === "button" && tool.label ? `${tool.label}: ${tool.title}` : tool.title);
    input.name = tool.field;
    // The page's own keys (p, n, e, x) must not act while somebody types here.
    input.addEventListener("keydown", (event) => event.stopPropagation());
    return { label, input, field: tool.field, signature: signatureOf(tool) };
  }

  /**
   * @param {Tool} tool
   * @param {HTMLElement} label
   */
  button(tool, label) {
    const input = make("button", "rx-text", tool.label);
    input.type = "button";
    label.appendChild(input);
    return input;
  }

  /**
   * @param {Tool} tool
   * @param {HTMLElement} label
   */
  toggle(tool, label) {
    const input = make("input");
    input.type = "checkbox";
    input.onchange = () => this.choose(tool.field, input.checked);
    label.append(input, make("span", "", tool.label));
    return input;
  }

  /**
   * A number that is typed, or a slider with its value beside it.
   * @param {Tool} tool
   * @param {HTMLElement} label
   */
  number(tool, label) {
    if (tool.label) label.appendChild(make("span", "", tool.label));
    const input = make("input");
    input.type = tool.kind;
    input.min = String(tool.low);
    input.max = String(tool.high);
    input.step = String(tool.step);
    input.onchange = () => {
      const value = within(tool, input.value);
      input.value = String(Number.isInteger(tool.step) ? Math.round(value) : value);
      this.choose(tool.field, Number(input.value));
    };
    label.appendChild(input);
    if (tool.kind === "range") {
      const shown = make("output", "rx-shown");
      input.oninput = () => { shown.textContent = input.value; this.choose(tool.field, within(tool, input.value)); };
      label.appendChild(shown);
    }
    return input;
  }

  /**
   * @param {Tool} tool
   * @param {HTMLElement} label
   */
  select(tool, label) {
    if (tool.label) label.appendChild(make("span", "", tool.label));
    const input = make("select");
    input.replaceChildren(...tool.options.map(([value, text]) => {
      const option = make("option", "", text);
      option.value = String(value);
      return option;
    }));
    input.onchange = () => this.choose(tool.field, input.value);
    label.appendChild(input);
    return input;
  }

  /**
   * The controls that there are now; those that stay as they were keep their place and the keyboard.
   * @param {Tool[]} tools
   * @param {Map<string, HTMLElement>} boxes where they stand, by place
   */
  show(tools, boxes) {
    const old = new Map(this.all.map((control) => [control.signature, control]));
    this.all = tools.map((tool) => old.get(signatureOf(tool)) || this.build(tool));
    tools.forEach((tool, number) => {
      const { input } = this.all[number];
      if (tool.kind === "button") input.onclick = () => this.choose(tool.field, pressed(tool, this.selection[tool.field]));
    });
    for (const [place, box] of boxes) {
      const labels = this.all.filter((_, number) => tools[number].place === place).map((control) => control.label);
      const same = box.childNodes.length === labels.length && labels.every((label, number) => box.childNodes[number] === label);
      if (!same) box.replaceChildren(...labels);
    }
  }

  /**
   * Show what is chosen, but not in a field that somebody types in.
   * @param {Record<string, any>} chosen
   */
  showChosen(chosen) {
    for (const { field, input } of this.all) {
      if (document.activeElement === input && ["number", "range"].includes(input.type)) continue;
      if (input instanceof HTMLInputElement && input.type === "checkbox") input.checked = String(chosen[field]) === "true";
      else if (input.tagName !== "BUTTON" && chosen[field] !== undefined) input.value = String(chosen[field]);
      if (input.type === "range" && input.nextElementSibling) input.nextElementSibling.textContent = input.value;
    }
  }

  /** @param {string} field */
  has(field) {
    return this.all.some((control) => control.field === field);
  }
}
