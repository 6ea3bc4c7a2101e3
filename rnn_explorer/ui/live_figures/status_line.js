// The line above the figures: status, progress, numbers, what takes long, and sentences.

import { make, makeButton, short } from "./dom.js";
import { fold } from "./fold.js";
import { waitedFor } from "./skeleton.js";

/** @typedef {import("./types").Status} Status */

/**
 * The numbers of the status line, in words: all of the step that is looked at; none before they are known.
 * @param {Status} s
 */
export function numbersOf(s) {
  if (!s.target) return "";
  const percent = (/** @type {number | null | undefined} */ x) =>
    (s.metric === "accuracy" && x !== null && x !== undefined ? `${(100 * x).toFixed(1)} %` : short(x));
  const step = s.at ?? s.step;
  const parts = [`step ${step} / ${s.target}`, `epoch ${s.epoch.toFixed(s.epoch < 100 ? 1 : 0)} / ${Number(s.epochs.toFixed(1))}`];
  if (s.status === "training" && step === s.step) parts.push(`${Math.round(s.rate)} steps/s`);
  if (s.val_loss !== undefined && s.val_loss !== null) {
    const when = step === s.at && (s.val_step ?? step) < step ? ` (measured at step ${s.val_step})` : "";
    parts.push(`validation loss ${short(s.val_loss)}, ${s.metric} ${percent(s.val_metric)}${when}`);
  }
  if (s.test) parts.push(`test loss ${short(s.test[0])}, ${s.metric} ${percent(s.test[1])}`);
  return parts.join("  ·  ");
}

export class StatusLine {
  /**
   * @param {HTMLElement} chips what is not as usual
   * @param {(name: string) => void} cancel
   */
  constructor(chips, cancel) {
    this.cancel = cancel;
    this.root = make("div", "rx-bar");
    this.words = make("span", "rx-words");
    this.progress = make("progress", "rx-progress");
    this.progress.max = 1;
    this.numbers = make("span", "rx-numbers");
    this.picks = make("span", "rx-own"); // the view's controls
    const side = make("span", "rx-picks");
    side.append(fold(this.picks));
    this.root.append(this.words, chips, this.progress, this.numbers, side);
    /** @type {HTMLElement | null} */
    this.busy = null;
  }

  /** @param {Status} s */
  show(s) {
    const past = s.at !== null && s.at !== undefined;
    const first = s.status === "ready" && s.step === 0;
    const sentence = first && !past ? "Press Play (or the key p) and watch it learn" : waitedFor(s);
    this.words.textContent = sentence || s.status;
    this.words.classList.toggle("rx-sentence", Boolean(sentence));
    this.words.classList.toggle("rx-hint", first && !past);
    const step = s.at ?? s.step;
    this.progress.value = s.target ? Math.min(step / s.target, 1) : 0;
    this.progress.title = `${step} of ${s.target} optimizer steps`;
    this.numbers.textContent = this.numbers.title = numbersOf(s); // a narrow line cuts them off
    this.showBusy(s.busy);
  }

  /**
   * Say what is waited for, before anything is known of the run.
   * @param {string} sentence
   */
  wait(sentence) {
    this.words.textContent = sentence;
    this.words.classList.add("rx-sentence");
  }

  /**
   * What takes long is named, with its progress and a way to stop it.
   * @param {Status["busy"]} busy name, title, and how far it has come
   */
  showBusy(busy) {
    if (!busy) {
      if (this.busy) this.busy.hidden = true;
      return;
    }
    const [name, title, share] = busy;
    if (!this.busy) {
      const box = (this.busy = make("span", "rx-busy"));
      const bar = make("progress");
      bar.max = 1;
      box.append(make("span"), bar, makeButton("rx-text", "Cancel", "", () => this.cancel(box.dataset.name || "")));
      this.numbers.after(box);
    }
    this.busy.hidden = false;
    this.busy.dataset.name = name;
    const [words, bar] = this.busy.children;
    words.textContent = title;
    /** @type {HTMLProgressElement} */ (bar).value = share;
  }
}
