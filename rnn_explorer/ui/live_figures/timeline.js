// The past of a run: a slider over its kept steps, and the replay.

import { make, makeButton } from "./dom.js";

const REPLAY = "▶ Replay how it learned";
const AHEAD = 400; // ms for which the person is ahead of the server

/**
 * The slider's position of a step: kept step number n stands at n, and now after the last.
 * @param {number[]} frames the kept steps
 * @param {number | null} at the step looked at; null: now
 */
export function positionOf(frames, at) {
  if (at === null) return frames.length;
  let best = 0;
  frames.forEach((step, n) => { if (Math.abs(step - at) < Math.abs(frames[best] - at)) best = n; });
  return best;
}

/**
 * The position one step to the left (-1) or right (1) of a position.
 * @param {number[]} frames
 * @param {number} from
 * @param {number} way
 * @param {number} step of the run now
 */
export function turned(frames, from, way, step) {
  // From now, the newest kept step is often the present one, which would look like nothing happened.
  const skip = way < 0 && from === frames.length && frames[from - 1] === step ? 2 : 1;
  return Math.min(Math.max(from + way * skip, 0), frames.length);
}

export class Timeline {
  /**
   * @param {{ send: () => void, moved: () => void, step: () => number, end: string | null, deferred: () => boolean,
   *   note: (facts: Record<string, string>) => void }} owner
   *   `send` tells the server where the person looks, `moved` the page's script; `step` is the run's step now, and `end` what that is called where
   *   the run does not go on;
   *   `deferred` says whether what the person chose waits to be told; `note` writes facts down at the view's node
   */
  constructor(owner) {
    this.owner = owner;
    /** @type {number[]} */
    this.frames = [];
    /** @type {number | null} */
    this.at = null; // the step of the past that is looked at
    this.film = 0;
    this.movedAt = -Infinity;
    this.awaited = false; // whether a step of the past was asked for that the server has not shown yet
    const row = (this.root = make("div", "rx-past"));
    const named = (/** @type {string} */ text, /** @type {string} */ title, /** @type {() => void} */ act) =>
      makeButton("rx-text", text, title, act);
    this.filmButton = named(REPLAY, "From the first kept step on; nothing is trained again", () => this.replay());
    this.filmButton.classList.add("rx-replay");
    this.speed = make("select");
    this.speed.title = "Kept steps a second in the replay";
    this.speed.setAttribute("aria-label", this.speed.title);
    this.speed.name = "film";
    for (const speed of [1, 2, 5, 10, 20]) {
      const option = make("option", "", `${speed} / s`);
      option.value = String(speed);
      this.speed.appendChild(option);
    }
    this.speed.value = "5";
    this.speed.onchange = () => { if (this.film) { this.film = Number(this.speed.value); this.owner.send(); } };
    this.slider = make("input", "rx-slider");
    this.slider.type = "range";
    this.slider.min = "0";
    this.slider.step = "1";
    this.slider.title = "Go back to any kept step (also with the arrow keys); the right end is " + (owner.end ?? "now");
    this.slider.setAttribute("aria-label", this.slider.title);
    this.slider.oninput = () => this.goTo(Number(this.slider.value));
    this.slider.addEventListener("keydown", (event) => event.stopPropagation());
    this.when = make("span", "rx-when");
    this.nowButton = owner.end ? named("End", `To ${owner.end}`, () => this.present()) : named("Now", "Back to the present", () => this.present());
    row.append(this.filmButton, this.speed, this.slider, this.when, this.nowButton);
  }

  position() {
    return positionOf(this.frames, this.at);
  }

  /** @param {number} way */
  turn(way) {
    this.goTo(turned(this.frames, this.position(), way, this.owner.step()));
  }

  /** @param {number} place */
  goTo(place) {
    this.film = 0;
    this.at = place >= this.frames.length ? null : this.frames[place];
    this.went();
  }

  present() {
    this.goTo(this.frames.length);
  }

  replay() {
    if (this.film) { this.stop(); return; }
    this.film = Number(this.speed.value);
    if (this.at === null || this.position() >= this.frames.length - 1) this.at = this.frames.length ? this.frames[0] : null;
    this.went();
  }

  /** End the replay at the step shown. */
  stop() {
    this.film = 0;
    this.went();
  }

  /**
   * Look at a step that an address names.
   * @param {number | null} at
   */
  enter(at) {
    this.at = at;
    this.awaited = at !== null;
  }

  went() {
    this.awaited = this.at !== null;
    this.movedAt = performance.now();
    this.show();
    this.owner.send();
    this.owner.moved();
  }

  /**
   * What the server shows: it turns the film, and a step may have been thinned out.
   * @param {{ at?: number | null, film: number }} status without `at` where nobody says what is looked at
   */
  follow(status) {
    // What is not told yet is told as it then stands, so a frame from before must not change it.
    if (this.owner.deferred() || performance.now() - this.movedAt < AHEAD) return;
    // The present stays on the screen until a step of the past is computed.
    if (status.at === undefined || (this.awaited && status.at === null)) return;
    this.awaited = false;
    const { at, film } = this;
    this.film = status.film;
    this.at = status.at;
    if (at !== this.at || Boolean(film) !== Boolean(this.film)) this.owner.moved();
  }

  show() {
    const last = this.frames.length;
    this.slider.max = String(Math.max(last, 1)); // its right end is now, also before anything is kept
    this.slider.disabled = last < 2;
    this.filmButton.disabled = last < 2;
    const place = String(this.at === null ? Math.max(last, 1) : this.position());
    if (this.slider.value !== place) this.slider.value = place;
    this.filmButton.textContent = this.film ? "■ Stop" : REPLAY;
    this.nowButton.disabled = this.at === null;
    this.when.textContent = this.at === null ? `${this.owner.end ?? "now"}, step ${this.owner.step()}` : `looking back at step ${this.at}`;
    this.owner.note({ at: this.at === null ? "" : String(this.at), film: String(this.film || ""), frameCount: String(last) });
  }
}
