// The place of a view: it enters the one that the address names, and keeps the address up with what is chosen.

import { fitting, linksOf } from "./address.js";
import { asTexts } from "./arranging.js";

const OPENED = ["unit", "time"]; // what a view opens by itself; another browser might open another one

export class Place {
  /**
   * @param {import("./view.js").View} view
   * @param {import("./types").Addressing} address
   */
  constructor(view, address) {
    this.view = view;
    this.address = address;
    this.visit = -1; // of the address, which was entered last
    this.stored = `rx-selection-${view.key}`;
  }

  /** Whether the address has gone to another place meanwhile. */
  get isNew() {
    return this.visit !== this.address.visit;
  }

  /** Take over what the address says. Who came by a link within the page finds the rest as it was left. */
  enter() {
    const { view, address } = this;
    this.visit = address.visit;
    const { at, ...parts } = address.parts();
    const before = JSON.parse(sessionStorage.getItem(this.stored) || "{}");
    const kept = address.byLink ? Object.keys(before) : fitting(before).left;
    for (const name of Object.keys(view.selection)) delete view.selection[name];
    for (const name of kept) view.selection[name] = before[name];
    Object.assign(view.selection, parts);
    for (const name of Object.keys({ ...view.ask, ...view.overrides })) delete view.selection[name];
    view.timeline.enter(address.isOf(view.run) && /^\d{1,9}$/.test(at ?? "") ? Number(at) : null);
  }

  /** All that is chosen, and where in the past one looks. */
  parts() {
    const { selection, ask, overrides, timeline } = this.view;
    return asTexts({ ...selection, ...ask, ...overrides, at: timeline.at ?? "" });
  }

  /** Something else was chosen. */
  keep() {
    const { view, address } = this;
    sessionStorage.setItem(this.stored, JSON.stringify(view.selection));
    if (view.root.isConnected && view.path === window.location.pathname) address.write(fitting(this.parts()).parts);
  }

  /**
   * The links of this place, and the names of what they have no room for.
   * @param {boolean} [presenting]
   */
  links(presenting = false) {
    const { chosen, controls, link, run } = this.view;
    const opened = Object.fromEntries(OPENED.filter((name) => controls.has(name) && chosen[name] !== undefined).map((name) => [name, chosen[name]]));
    const { parts, left } = fitting({ ...opened, ...this.parts() });
    const page = `${window.location.origin}${window.location.pathname}`;
    return { ...linksOf(page, link, run, parts, presenting), left };
  }
}
