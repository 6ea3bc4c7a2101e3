// The live figures of a run, drawn in place.
//
// One `Board` per page lives in a page-level map: Streamlit may take the component out of the page and put it back
// during quick reruns, and the charts must survive that.

import { Address } from "./address.js";
import { Board } from "./board.js";
import { giveBack } from "./focus.js";
import { nameFigures } from "./static_names.js";

giveBack();
setInterval(() => nameFigures(), 1000); // Streamlit draws them when it comes to it

const address = new Address(window);

/** @type {Map<string, Board>} */
const boards = (window.__rnnExplorer = window.__rnnExplorer || new Map());

// The ways to another page: a click on its link, and the browser's own back and forward.
document.addEventListener("click", (event) => {
  const target = /** @type {Element | null} */ (event.target);
  const link = /** @type {HTMLAnchorElement | null} */ (target && target.closest && target.closest("a[href]"));
  if (!link || link.hasAttribute("download") || link.target === "_blank") return;
  if (event.button || event.ctrlKey || event.metaKey || event.shiftKey) return; // opens elsewhere
  if (link.origin !== window.location.origin || link.pathname === window.location.pathname) return;
  for (const board of boards.values()) board.reports.mute();
}, true);
window.addEventListener("popstate", () => {
  address.wentBack();
  for (const board of boards.values()) {
    if (board.path !== window.location.pathname) board.reports.mute();
    else if (board.root.isConnected && address.isOf(board.run)) board.wentBack();
  }
});

/**
 * Mount a board, or tell a mounted one what is to be seen.
 * @param {{ data: import("./types").Told, parentElement: Element, setStateValue: import("./types").Report }} component
 *   as Streamlit hands it over
 * @returns {() => void} to be called when it is taken out of the page
 */
export default function mount({ data, parentElement, setStateValue }) {
  const board = boards.get(data.board) || new Board(data.board, () => boards.delete(data.board), address);
  boards.set(data.board, board);
  board.attach(parentElement);
  board.show(data, setStateValue);
  board.reports.speak();
  return () => board.leave();
}
