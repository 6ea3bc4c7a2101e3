// What a page has to say in sentences, in one message that can be closed: about itself, a frame, the run.

import { make, makeButton } from "./dom.js";

/** @typedef {"page" | "server" | "run"} About */

export class Note {
  /** @param {() => void} resized called when the message has come, gone or changed */
  constructor(resized) {
    this.resized = resized;
    this.sentences = { page: "", server: "", run: "" };
    this.words = make("span");
    this.root = make("p", "rx-note");
    this.root.append(this.words, makeButton("rx-icon", "✕", "Close this message", () => { this.root.hidden = true; resized(); }));
    this.root.setAttribute("role", "alert");
    this.root.hidden = true;
  }

  /**
   * @param {About} about
   * @param {string} words "" for none
   */
  say(about, words) {
    this.sentences[about] = words;
    const { page, server, run } = this.sentences;
    const text = [page, server, run].filter(Boolean).join(" ");
    if (this.words.textContent === text) return; // who has closed it has read it
    this.words.textContent = text;
    this.root.hidden = !text;
    this.resized();
  }
}
