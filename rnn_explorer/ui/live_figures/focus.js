// What is set with the mouse gives the keyboard back: the page's keys act again, and no arrow changes the model by the
// way. Who came by Tab keeps what they are at.

const TEXT = "textarea, [contenteditable], input:not([type=range], [type=checkbox], [type=radio])";
const LIST = "select, [aria-haspopup], [aria-expanded]"; // open a list or a panel, which needs the keyboard
const SET = "input, button, [role=slider], [role=radio], [role=checkbox], [role=switch], [role=tab]";
const WHERE = ".rx-view, .rx-sketch, [data-testid=stSidebar], [data-testid=stMain]";

/**
 * Whether the control that has the keyboard is to give it back when the mouse button comes up.
 * @param {{ matches: (selector: string) => boolean, closest: (selector: string) => any } | null} active
 */
export function isSet(active) {
  return Boolean(active && active.closest(WHERE) && active.matches(SET) && !active.matches(TEXT) && !active.matches(LIST));
}

/** Begin; once for a page. */
export function giveBack() {
  let mouse = false; // whether the mouse was used last, not the Tab key
  const give = (/** @type {(active: Element) => boolean} */ over) => {
    const active = /** @type {HTMLElement | null} */ (document.activeElement);
    if (active && mouse && over(active)) active.blur();
  };
  // What the page does at the end of a drag or a choice comes first.
  const release = (/** @type {(active: Element) => boolean} */ over) => { if (mouse) setTimeout(() => give(over), 0); };
  document.addEventListener("pointerdown", () => { mouse = true; }, true);
  document.addEventListener("keydown", (event) => { if (event.key === "Tab") mouse = false; }, true);
  document.addEventListener("pointerup", (event) => {
    const option = /** @type {Element} */ (event.target).closest?.("[role=option]"); // of a list of Streamlit's
    release((active) => isSet(active) || Boolean(option && active.matches("[role=combobox]")));
  }, true);
  // At once, since a key that is pressed meanwhile comes before a timeout where the page has much to draw.
  window.addEventListener("click", (event) => { if (event.detail) give(isSet); });
  document.addEventListener("pointercancel", () => release(isSet), true);
  document.addEventListener("change", (event) => release((active) => active === event.target && active.matches("select")), true);
}
