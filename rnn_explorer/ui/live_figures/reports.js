// What the page's script is told. Each word has it run again, unless the person is leaving this page: Streamlit would
// take the word of a page that is left for a way back to it, and show nothing at all.

const LEAVING = 10000; // ms after a click on another page's link; if this page is still there then, it stays

export class Reports {
  /** @param {() => boolean} there whether the page is there to be spoken for */
  constructor(there) {
    this.there = there;
    /** @type {import("./types").Report | null} */
    this.setState = null;
    /** @type {Record<string, any>} */
    this.unsaid = {};
    this.mutedUntil = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.speaking = undefined;
  }

  /**
   * @param {string} name
   * @param {any} value
   */
  report(name, value) {
    this.unsaid[name] = value;
    this.speak();
  }

  speak() {
    clearTimeout(this.speaking);
    const wait = this.mutedUntil - performance.now();
    if (wait > 0) this.speaking = setTimeout(() => this.speak(), wait);
    else if (this.there() && this.setState) {
      const unsaid = Object.entries(this.unsaid);
      this.unsaid = {};
      for (const [name, value] of unsaid) this.setState(name, value);
    }
  }

  mute() { this.mutedUntil = performance.now() + LEAVING; }

  unmute() { this.mutedUntil = 0; }
}
