// The dialog that gives links to a place, says whom they reach, and exports the run as a file.

import { reach } from "./address.js";
import { make, makeButton, makeDialog } from "./dom.js";

/**
 * @param {string} text
 * @param {HTMLElement} within where a field may stand for a moment
 */
async function copy(text, within) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without https a browser has no clipboard for scripts; a selected text field still can be copied.
    const field = make("textarea");
    field.value = text;
    within.appendChild(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
}

/**
 * Whom the links reach, in words.
 * @param {string} host by which this page was opened, without a port
 * @returns {[string, string]} a sentence, and the command that reaches further, or ""
 */
export function reachWords(host) {
  const name = reach(host);
  return name === null
    ? ["These links reach this computer only. For a room, start the server so, and open it by this computer's name or address:", "make run HOST=0.0.0.0"]
    : [`These links reach whoever can open ${name} in a browser, such as everybody in the same network.`, ""];
}

/**
 * What the links do not hold, in words.
 * @param {string[]} left names of what was too long
 * @param {boolean} upload whether the experiment is about data that somebody brought
 * @returns {string[]}
 */
export function missingWords(left, upload) {
  /** @type {Record<string, string>} */
  const names = { own: "your own sequence", prefix: "the beginning of the text", pins: "the curves that were kept", change: "what is changed about the cell" };
  const words = [];
  if (left.length) words.push(`Too long for a link, and left out: ${left.map((name) => names[name] || name).join(", ")}.`);
  if (upload) words.push("The uploaded data stay with whoever brought them: for others the second link opens without them.");
  return words;
}

let number = 0;

/**
 * One link with its button and what it opens.
 * @param {string} title
 * @param {string} words
 */
function row(title, words) {
  const box = make("section", "rx-share-link");
  const label = make("label", "", title);
  const field = make("input");
  field.type = "text";
  field.readOnly = true;
  field.id = label.htmlFor = `rx-share-${number += 1}`;
  field.onfocus = () => field.setSelectionRange(0, field.value.length, "backward"); // its beginning in sight
  const line = make("div", "rx-share-line");
  const button = makeButton("rx-text", "Copy link", "", async () => {
    await copy(field.value, box);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy link"; }, 1500);
  });
  button.setAttribute("aria-label", `Copy the link: ${title}`);
  line.append(field, button);
  box.append(label, line, make("p", "", words));
  return { box, field };
}

/**
 * What is said of the file of a run.
 * @param {boolean} upload whether the experiment is about data that somebody brought
 * @param {boolean} mine whether the run is this visitor's own
 * @returns {string}
 */
export function fileWords(upload, mine) {
  const words = "Its settings, learning curves and kept steps. Any server opens it, on the Data page under Open a run file, and so does the command rnn-explorer open.";
  if (!upload) return words;
  return words + (mine ? " The uploaded data are in it, too, unless you leave them out." : " The uploaded data are not in it: they stay with whoever brought them.");
}

/**
 * The run as a file, with the choice whether the uploaded data are in it.
 * @param {string} href
 * @param {boolean} upload whether the experiment is about data that somebody brought
 * @param {boolean} mine whether the run is this visitor's own
 */
function fileRow(href, upload, mine) {
  const box = make("section", "rx-share-link");
  const line = make("div", "rx-share-line");
  const link = make("a", "rx-text", "Export");
  link.setAttribute("aria-label", "Export this run as a file");
  link.download = "";
  link.href = href;
  line.append(link);
  if (upload && mine) {
    const check = make("input");
    check.type = "checkbox";
    check.name = "with-data";
    check.checked = true;
    check.onchange = () => { link.href = check.checked ? href : `${href}?data=no`; };
    const label = make("label", "rx-pick");
    label.append(check, make("span", "", "With the uploaded data"));
    line.append(label);
  }
  box.append(make("strong", "", "The whole run, as a file (.rnnx)"), line, make("p", "", fileWords(upload, mine)));
  return box;
}

/**
 * Show the dialog.
 * @param {HTMLElement} parent where the theme's colors are known
 * @param {(presenting: boolean) => { run: string, anew: string, left: string[] }} links
 * @param {boolean} upload whether the experiment is about data that somebody brought
 * @param {{ href: string, mine: boolean }} file of the run, and whether the run is this visitor's own
 */
export function share(parent, links, upload, file) {
  const dialog = makeDialog("share", "Share");
  const run = row("This run, as you see it now",
    "Opens this very run at this place, for as long as the server keeps it. Who opens it watches, and may make a copy.");
  const anew = row("The same experiment, anew",
    "Starts a new run with the same settings; with the same seed the curve is the same. Works on any server: put its address in front.");
  const check = make("input");
  check.type = "checkbox";
  check.name = "presenting";
  const presenting = make("label", "rx-pick");
  presenting.append(check, make("span", "", "Open in presenter mode"));
  const [words, command] = reachWords(window.location.hostname);
  const whom = make("p", "rx-share-reach", words);
  if (command) whom.append(" ", make("code", "", command));
  const missing = missingWords(links(false).left, upload).map((text) => make("p", "rx-share-left", text));
  const fill = () => { ({ run: run.field.value, anew: anew.field.value } = links(check.checked)); };
  check.onchange = fill;
  fill();
  dialog.append(whom, run.box, anew.box, presenting, ...missing, fileRow(file.href, upload, file.mine));
  parent.append(dialog);
  dialog.showModal();
  run.field.focus();
}
