// Controls that a narrow window folds into a menu.

import { make } from "./dom.js";

/**
 * A box for controls: open in a wide window, a button that opens it in a narrow one.
 * @param {HTMLElement} inner the controls
 * @returns {HTMLDetailsElement}
 */
export function fold(inner) {
  const box = make("details", "rx-fold");
  box.open = true;
  const list = make("div", "rx-folded");
  list.append(inner);
  const summary = make("summary", "rx-text", "Tools");
  summary.title = "What this shows, and how";
  box.append(summary, list);
  box.addEventListener("focusout", (event) => {
    if (box.closest(".rx-narrow") && event.relatedTarget && !box.contains(/** @type {Node} */ (event.relatedTarget))) box.open = false;
  });
  return box;
}

/**
 * Fold all boxes of a view, or open them.
 * @param {HTMLElement} root
 * @param {boolean} narrow
 */
export function foldAll(root, narrow) {
  for (const box of /** @type {NodeListOf<HTMLDetailsElement>} */ (root.querySelectorAll(".rx-fold"))) box.open = !narrow;
}
