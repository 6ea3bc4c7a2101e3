// What lies over the whole page, the sidebar and the header too. A position alone cannot do that: Streamlit's sidebar is
// above all that its main part holds. What a browser shows as a popover is above everything.

/** @type {WeakMap<HTMLElement, Element[]>} */
const behind = new WeakMap(); // what cannot be reached while a node lies on top

/**
 * All that neither holds a node nor is held by it.
 * @param {HTMLElement} node
 * @returns {Element[]}
 */
function around(node) {
  /** @type {Element[]} */
  const found = [];
  for (let at = /** @type {Element} */ (node); at.parentElement && at !== document.body; at = at.parentElement) {
    found.push(...[...at.parentElement.children].filter((each) => each !== at && !each.hasAttribute("inert") && !/^(SCRIPT|STYLE|DIALOG)$/.test(each.tagName)));
  }
  return found;
}

/** @param {HTMLElement} node that comes to lie on top, or does so anew after it was out of the page */
export function raise(node) {
  if (!node.isConnected) return;
  lower(node);
  node.popover = "manual";
  node.showPopover();
  const others = around(node);
  for (const other of others) other.setAttribute("inert", "");
  behind.set(node, others);
}

/** @param {HTMLElement} node that goes back to its place */
export function lower(node) {
  if (node.isConnected && node.matches(":popover-open")) node.hidePopover();
  node.popover = null;
  for (const other of behind.get(node) || []) other.removeAttribute("inert");
  behind.delete(node);
}
