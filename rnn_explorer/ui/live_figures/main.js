// The live figures of a run, drawn in place.
//
// One `View` per page lives in a page-level map: Streamlit may take the component out of the page and put it back
// during quick reruns, and the charts must survive that.

import { Address } from "./address.js";
import { Connection } from "./connection.js";
import { takeFilm } from "./film_taking.js";
import { View } from "./view.js";
import { giveBack } from "./focus.js";
import { nameFigures } from "./static_names.js";

giveBack();
setInterval(() => nameFigures(), 1000); // Streamlit draws them when it comes to it

const address = new Address(window);
/** @type {import("./types").Outside} */
const server = { connect: (owner) => new Connection(owner), shares: true, makesFiles: true, end: null, takeFilm };

/** @type {Map<string, View>} */
const views = (window.__rnnExplorer = window.__rnnExplorer || new Map());

// The ways to another page: a click on its link, and the browser's own back and forward.
document.addEventListener("click", (event) => {
  const target = /** @type {Element | null} */ (event.target);
  const link = /** @type {HTMLAnchorElement | null} */ (target && target.closest && target.closest("a[href]"));
  if (!link || link.hasAttribute("download") || link.target === "_blank") return;
  if (event.button || event.ctrlKey || event.metaKey || event.shiftKey) return; // opens elsewhere
  if (link.origin !== window.location.origin || link.pathname === window.location.pathname) return;
  for (const view of views.values()) view.reports.mute();
}, true);
window.addEventListener("popstate", () => {
  address.wentBack();
  for (const view of views.values()) {
    if (view.path !== window.location.pathname) view.reports.mute();
    else if (view.root.isConnected && address.isOf(view.run)) view.wentBack();
  }
});

/**
 * Mount a view, or tell a mounted one what is to be seen.
 * @param {{ data: import("./types").ViewProps, parentElement: Element, setStateValue: import("./types").Report }} component
 *   as Streamlit hands it over
 * @returns {() => void} to be called when it is taken out of the page
 */
export default function mount({ data, parentElement, setStateValue }) {
  const view = views.get(data.view) || new View(data.view, () => views.delete(data.view), address, server);
  views.set(data.view, view);
  view.attach(parentElement);
  view.show(data, setStateValue);
  view.reports.speak();
  return () => view.leave();
}
