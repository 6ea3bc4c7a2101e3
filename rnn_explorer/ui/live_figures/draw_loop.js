// Draws figures in the browser's own rhythm: always the newest, skipping what was overtaken. The server hears when all is
// drawn, and which panels are in sight.

const CURVES_EVERY = 140; // ms between two drawings of the learning curves, which change least from one moment to the next
const CALM = 1000; // ms between two drawings of a picture that moves, for who asked for less motion

export class DrawLoop {
  /** @param {import("./view.js").View} view */
  constructor(view) {
    this.view = view;
    this.drawnAt = -Infinity;
    this.waiting = false; // whether a drawing is due
    this.owed = false; // whether the server waits for the word that its frame is drawn
    /** @type {Set<Element>} */
    this.sight = new Set(); // the panels that are in sight
    this.sights = new IntersectionObserver((entries) => this.see(entries));
  }

  schedule() {
    const { view } = this;
    if (this.waiting || view.held || !window.Plotly) return;
    this.waiting = true;
    const moving = view.status.status === "training" || Boolean(view.timeline.film);
    const calm = moving && matchMedia("(prefers-reduced-motion: reduce)").matches;
    // Between two drawings the browser must get to paint and to handle input.
    requestAnimationFrame(() => setTimeout(() => this.drawAll(), calm ? Math.max(this.drawnAt + CALM - performance.now(), 0) : 0));
  }

  async drawAll() {
    const { view } = this;
    if (!view.root.isConnected) { this.waiting = false; return; }
    view.readLook();
    this.drawnAt = performance.now();
    const resting = view.status.status === "training" ? performance.now() - CURVES_EVERY : Infinity;
    for (const panel of view.panels.values()) {
      if (view.held) { this.waiting = false; return; } // until the button is up
      if (!panel.dirty || (panel.name === "curves" && panel.drawn > resting && !panel.root.classList.contains("rx-large"))) continue;
      try { await panel.draw(); } catch (error) { console.error(`figure ${panel.name}:`, error); }
    }
    view.root.dataset.drawn = String(view.status.step ?? "");
    view.root.dataset.frames = String(Number(view.root.dataset.frames || 0) + 1);
    this.waiting = false;
    if ([...view.panels.values()].some((panel) => panel.dirty && panel.name !== "curves")) this.schedule();
    else if (this.owed) this.ready();
  }

  ready() {
    const { view } = this;
    this.owed = false;
    view.connection.ready([...view.panels.values()].filter((panel) => this.sight.has(panel.root)).map((panel) => panel.name));
  }

  /**
   * Panels came in sight or went.
   * @param {IntersectionObserverEntry[]} entries
   */
  see(entries) {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) this.sight.add(target);
      else this.sight.delete(target);
    }
    if (!this.owed && !this.waiting) this.ready(); // the server waits for news, and this is one
  }
}
