// Small help with the page's nodes and words.

/**
 * A node with a class and a text.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {string} [cls]
 * @param {string} [text]
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, cls, text) {
  const node = document.createElement(tag);
  if (cls) node.className = cls;
  if (text !== undefined) node.textContent = text;
  return node;
}

/**
 * A button that stands in a line of text.
 * @param {string} cls
 * @param {string} text
 * @param {string} title
 * @param {() => void} act
 */
export function makeButton(cls, text, title, act) {
  const node = make("button", cls, text);
  node.type = "button";
  if (title) {
    node.title = title;
    node.setAttribute("aria-label", title);
  }
  node.onclick = act;
  return node;
}

/**
 * A dialog with its title and a button that closes it, as do Esc and a click beside it; it is gone then.
 * @param {string} name of its class
 * @param {string} title
 */
export function makeDialog(name, title) {
  const dialog = make("dialog", `rx-dialog rx-${name}`);
  const head = make("header", "rx-head");
  const heading = make("h2", "rx-title", title);
  heading.id = `rx-${name}-title`;
  dialog.setAttribute("aria-labelledby", heading.id);
  head.append(heading, makeButton("rx-icon", "✕", "Close (Esc)", () => dialog.close()));
  dialog.append(head);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  return dialog;
}

/**
 * A number in three digits; a dash for what is unknown.
 * @param {number | null | undefined} x
 */
export function short(x) {
  if (x === null || x === undefined || !Number.isFinite(x)) return "–";
  if (x === 0) return "0";
  const size = Math.abs(x);
  return size >= 0.001 && size < 10000 ? String(Number(x.toPrecision(3))) : x.toExponential(1);
}
