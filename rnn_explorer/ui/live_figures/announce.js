// What is spoken to who hears the page: the end of an epoch, how a run ends, findings. Not every update: numbers that change
// ten times a second cannot be listened to.

import { make, short } from "./dom.js";

const EVERY = 3000; // ms between two sentences while it trains

/**
 * What is worth saying of a run now; "" for nothing.
 * @param {import("./types").Status} before
 * @param {import("./types").Status} now
 */
export function worthSaying(before, now) {
  const percent = (/** @type {number} */ x) => (now.metric === "accuracy" ? `${(100 * x).toFixed(0)} %` : short(x));
  const how = now.val_metric === null || now.val_metric === undefined ? "" : `: validation loss ${short(now.val_loss)}, ${now.metric} ${percent(now.val_metric)}`;
  if (now.at !== null && now.at !== undefined) return before.at === now.at || now.film ? "" : `Looking back at step ${now.at}${how}.`;
  if (now.status !== before.status && before.status) return `${now.status[0].toUpperCase()}${now.status.slice(1)} at step ${now.step}${how}.`;
  const epoch = Math.floor(now.epoch);
  return now.status === "training" && epoch > Math.floor(before.epoch) ? `Epoch ${epoch} of ${Number(now.epochs.toFixed(1))}${how}.` : "";
}

export class Announcer {
  /** @param {() => number} [clock] in ms */
  constructor(clock = () => performance.now()) {
    this.clock = clock;
    this.root = make("p", "rx-aloud");
    this.root.setAttribute("role", "status");
    /** @type {import("./types").Status | null} */
    this.before = null;
    this.spokenAt = -Infinity;
  }

  /** @param {import("./types").Status} now */
  follow(now) {
    const before = this.before;
    const words = before ? worthSaying(before, now) : "";
    if (words && now.status === "training" && this.clock() - this.spokenAt < EVERY) return; // the next one comes soon
    this.before = now;
    this.say(words);
  }

  /** @param {string} words "" for nothing */
  say(words) {
    if (!words || this.root.textContent === words) return;
    this.spokenAt = this.clock();
    this.root.textContent = words;
  }
}
