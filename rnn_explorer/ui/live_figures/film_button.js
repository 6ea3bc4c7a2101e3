// The button that takes the film home: one HTML file that replays the run without a server.

import { make, makeButton } from "./dom.js";

const TITLE = "Take the film home: one HTML file that replays this run without a server";
const TOO_EARLY = "A film needs a past: train the model for a few steps first";

export class FilmButton {
  /** @param {import("./view.js").View} view */
  constructor(view) {
    this.view = view;
    this.root = make("span", "rx-film");
    this.root.hidden = true;
    this.button = makeButton("rx-text", "Film", TITLE, () => this.press());
    this.root.append(this.button);
    /** @type {AbortController | null} */
    this.making = null;
  }

  /** @param {boolean} filmed whether this view can be taken home */
  show(filmed) {
    this.root.hidden = !filmed || !this.view.outside.takeFilm;
  }

  /** The run has another past. */
  follow() {
    const { timeline, status } = this.view;
    const early = !this.making && timeline.frames.filter((step) => step < status.step).length < 2;
    this.button.disabled = early;
    if (!this.making) this.say("Film", early ? TOO_EARLY : TITLE);
  }

  /**
   * @param {string} words
   * @param {string} title
   */
  say(words, title) {
    this.button.textContent = words;
    this.button.title = title;
    this.button.setAttribute("aria-label", words === "Film" ? `Film. ${title}` : `Film, ${words}. ${title}`);
  }

  async press() {
    const { view } = this;
    if (this.making) { this.making.abort(); return; }
    const making = (this.making = new AbortController());
    view.note.say("page", "");
    this.progress(0);
    try {
      await view.outside.takeFilm?.(`${view.base}/explorer/film/${view.run}?view=${view.key}`, (share) => this.progress(share), making.signal);
    } catch (error) {
      if (!making.signal.aborted) view.note.say("page", error instanceof TypeError ? "The film did not come: the connection was lost. Try again." : String(/** @type {Error} */ (error).message));
    }
    this.making = null;
    this.follow();
  }

  /** @param {number} share */
  progress(share) {
    this.say(`${Math.floor(100 * share)} % ✕`, "The film is being made. Press to cancel");
  }
}
