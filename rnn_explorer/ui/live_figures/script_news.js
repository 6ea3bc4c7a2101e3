// What the page's script must hear to draw its buttons: the run's status, the step looked at, a replay.

const TELL_EVERY = 250; // ms between two words to the page's script about the past
const CHECK_AFTER = 600; // ms until the script should have heard of a status

export class ScriptNews {
  /** @param {import("./view.js").View} view */
  constructor(view) {
    this.view = view;
    this.reported = "";
    this.believed = ""; // the status for which the script drew its buttons
    this.filmed = false; // whether it drew them for a replay
    this.repeats = 0; // how often one was reported that had been reported before
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.checking = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.telling = undefined;
  }

  /**
   * The script has drawn its buttons.
   * @param {string} status for which it did so
   * @param {boolean} film whether for a replay
   */
  drawn(status, film) {
    this.believed = status;
    this.filmed = film;
    this.checkLater();
  }

  /** @param {string} status */
  tell(status) {
    if (this.reported === `${this.view.run} ${status}`) return;
    this.reported = `${this.view.run} ${status}`;
    this.view.reports.report("status", this.reported);
  }

  /**
   * See that the page's script drew its buttons for the status that there is: what was over in a blink, such as an epoch of
   * a small model, is the same status before and after, which is no change to be told.
   */
  checkLater() {
    clearTimeout(this.checking);
    this.checking = setTimeout(() => {
      this.checking = undefined;
      const { status } = this.view.status;
      if (!status || !this.believed || status === this.believed) return;
      this.repeats += 1;
      this.reported = `${this.view.run} ${status}`;
      this.view.reports.report("status", `${this.reported}, ${this.repeats}`);
      this.checkLater();
    }, CHECK_AFTER);
  }

  /**
   * The page's script learns where the person looks, a few times a second, so that Play can go on from there; of a replay
   * only that there is one.
   */
  tellPast() {
    const { reports, timeline } = this.view;
    if (this.telling) return;
    this.telling = setTimeout(() => {
      this.telling = undefined;
      const film = timeline.film > 0;
      if (film !== this.filmed) reports.report("film", film);
      // With the run, since the same step of another one would be no change that Streamlit passes on.
      if (!film) reports.report("at", timeline.at === null ? this.view.run : `${this.view.run} ${timeline.at}`);
    }, TELL_EVERY);
  }
}
