// What a page has to say in sentences, in one message that can be closed: about itself, a frame, the run.

import { make, makeButton } from "./dom.js";

/** @typedef {"page" | "server" | "store" | "run"} About */

/** @type {Set<string>} */
const read = new Set(); // what was closed of the store, which is the same on every page

export class Note {
  /** @param {() => void} resized called when the message has come, gone or changed */
  constructor(resized) {
    this.resized = resized;
    this.sentences = { page: "", server: "", store: "", run: "" };
    this.words = make("span");
    this.root = make("p", "rx-note");
    this.root.append(this.words, makeButton("rx-icon", "✕", "Close this message", () => this.close()));
    this.root.setAttribute("role", "alert");
    this.root.hidden = true;
  }

  close() {
    this.root.hidden = true;
    if (this.sentences.store) read.add(this.sentences.store);
    this.resized();
  }

  /**
   * @param {string | null} words how the store of runs is; "" when all is well, null while that is not known
   */
  sayOfStore(words) {
    if (words === "") read.clear(); // the next trouble is told again
    this.say("store", words === null || read.has(words) ? "" : words);
  }

  /**
   * @param {About} about
   * @param {string} words "" for none
   */
  say(about, words) {
    this.sentences[about] = words;
    const { page, server, store, run } = this.sentences;
    const text = [page, server, store, run].filter(Boolean).join(" ");
    if (this.words.textContent === text) return; // who has closed it has read it
    this.words.textContent = text;
    this.root.hidden = !text;
    this.resized();
  }
}
