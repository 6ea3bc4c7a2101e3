// The place of a board: it enters the one that the address names, and keeps the address up with what is chosen.

import { fitting, linksOf } from "./address.js";
import { asTexts } from "./arranging.js";

const OPENED = ["unit", "time"]; // what a board opens by itself; another browser might open another one

export class Place {
  /**
   * @param {import("./board.js").Board} board
   * @param {import("./address.js").Address} address
   */
  constructor(board, address) {
    this.board = board;
    this.address = address;
    this.visit = -1; // of the address, which was entered last
    this.stored = `rx-selection-${board.key}`;
  }

  /** Whether the address has gone to another place meanwhile. */
  get isNew() {
    return this.visit !== this.address.visit;
  }

  /** Take over what the address says. Who came by a link within the page finds the rest as it was left. */
  enter() {
    const { board, address } = this;
    this.visit = address.visit;
    const { at, ...parts } = address.parts();
    const before = JSON.parse(sessionStorage.getItem(this.stored) || "{}");
    const kept = address.byLink ? Object.keys(before) : fitting(before).left;
    for (const name of Object.keys(board.selection)) delete board.selection[name];
    for (const name of kept) board.selection[name] = before[name];
    Object.assign(board.selection, parts);
    for (const name of Object.keys({ ...board.ask, ...board.said })) delete board.selection[name];
    board.timeline.enter(address.isOf(board.run) && /^\d{1,9}$/.test(at ?? "") ? Number(at) : null);
  }

  /** All that is chosen, and where in the past one looks. */
  parts() {
    const { selection, ask, said, timeline } = this.board;
    return asTexts({ ...selection, ...ask, ...said, at: timeline.at ?? "" });
  }

  /** Something else was chosen. */
  keep() {
    const { board, address } = this;
    sessionStorage.setItem(this.stored, JSON.stringify(board.selection));
    if (board.root.isConnected && board.path === window.location.pathname) address.write(fitting(this.parts()).parts);
  }

  /**
   * The links of this place, and the names of what they have no room for.
   * @param {boolean} [presenting]
   */
  links(presenting = false) {
    const { chosen, controls, link, run } = this.board;
    const opened = Object.fromEntries(OPENED.filter((name) => controls.has(name) && chosen[name] !== undefined).map((name) => [name, chosen[name]]));
    const { parts, left } = fitting({ ...opened, ...this.parts() });
    const page = `${window.location.origin}${window.location.pathname}`;
    return { ...linksOf(page, link, run, parts, presenting), left };
  }
}
