// A film in a page of its own, opened from a disk: the view of the run, fed by what the file holds.

import { giveBack } from "../live_figures/focus.js";
import { View } from "../live_figures/view.js";
import { Film, FilmSource } from "./film_source.js";

const TOO_OLD = "This browser is too old for this film. Open it with a newer one.";

/**
 * The content of a script element that holds compressed bytes as text.
 * @param {string} id
 * @returns {Response} not compressed any more
 */
function unpacked(id) {
  const node = /** @type {HTMLElement} */ (document.getElementById(id));
  const bytes = Uint8Array.from(atob(node.textContent || ""), (letter) => letter.charCodeAt(0));
  node.remove(); // its text takes as much room again
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")));
}

/** Light or dark, as the system is or as the person chose for now. */
function theme() {
  const system = matchMedia("(prefers-color-scheme: dark)");
  /** @type {boolean | null} */
  let chosen = null;
  const isDark = () => chosen ?? system.matches;
  const dress = () => { document.documentElement.dataset.theme = isDark() ? "dark" : "light"; };
  system.addEventListener("change", dress);
  window.rnnExplorerTheme = { isDark, isChosen: () => chosen !== null, choose: (dark) => { chosen = dark === system.matches ? null : dark; dress(); } };
  dress();
}

/** @param {HTMLElement} place */
async function play(place) {
  const script = document.createElement("script");
  script.textContent = await unpacked("plotly").text();
  document.head.append(script);
  const film = new Film(await unpacked("content").arrayBuffer());
  place.replaceChildren();
  /** @type {HTMLElement} */ (document.getElementById("note")).textContent = film.header.note;
  // The address of a file cannot hold a place.
  const address = { visit: 0, byLink: false, parts: () => ({}), isOf: () => true, write: () => {}, present: () => {} };
  const { view: name, grid, panels } = film.header;
  const view = new View(name, () => {}, address, {
    connect: (owner) => new FilmSource(film, owner), shares: false, makesFiles: false, end: "the end", takeFilm: null });
  view.attach(place);
  view.show({ view: name, run: "film", link: "", base: "", plotly: "", ask: [], overrides: [], at: null, film: false, status: "", message: "",
    sentence: "", blocks: [grid.rows, grid.least, panels.map((/** @type {string} */ panel) => grid.spans[panel] || [3, 1])], keys: [], filmed: false }, () => {});
}

theme();
giveBack();
const place = /** @type {HTMLElement} */ (document.getElementById("film"));
if (typeof DecompressionStream === "undefined") place.textContent = TOO_OLD;
else play(place).catch((error) => { place.textContent = "This file is damaged, or cut off: it cannot be shown."; console.error(error); });
