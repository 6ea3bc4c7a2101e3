// A drawing of our own, with its equations: what is pointed at in the one lights up in the other.

import { Panel } from "./panel.js";
import { make } from "./dom.js";

/** @typedef {import("./types").Equation} Equation */

export class SvgPanel extends Panel {
  /**
   * @param {import("./types").Owner} view
   * @param {string} name
   */
  constructor(view, name) {
    super(view, name);
    /** @type {{ svg: string, equations: Equation[], notes: string[] }} */
    this.drawing = { svg: "", equations: [], notes: [] };
    this.svg = ""; // as it is in the page
    this.words = "";
    /** @type {string | null} */
    this.lit = null;
    this.frame.classList.add("rx-drawing");
    this.plot.className = "rx-picture";
    this.text = make("div", "rx-text-side");
    this.frame.append(this.text);
    this.root.addEventListener("mouseover", (event) => { this.lit = termOf(event); this.light(); });
    this.root.addEventListener("mouseleave", () => { this.lit = null; this.light(); });
    this.plot.addEventListener("click", (event) => { // a part of the drawing may stand for a part of the selection
      const node = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("[data-choose]"));
      if (node && node.dataset.choose) this.view.choose(node.dataset.choose, node.dataset.value);
    });
  }

  light() {
    for (const node of this.root.querySelectorAll("[data-term]")) {
      node.classList.toggle("rx-lit", this.lit !== null && /** @type {HTMLElement} */ (node).dataset.term === this.lit);
    }
  }

  /** @returns {[string, string][]} */
  forms() {
    return [["svg", "SVG picture"], ["csv", "CSV, the numbers"]];
  }

  /** @param {import("./types").News} news */
  merge(news) {
    this.mergeWords(news);
    const { svg, equations, notes } = news;
    if (svg !== undefined) this.drawing.svg = svg;
    if (equations !== undefined) this.drawing.equations = equations;
    if (notes !== undefined) this.drawing.notes = notes;
    this.dirty ||= svg !== undefined || equations !== undefined || notes !== undefined;
  }

  draw() {
    this.dirty = false;
    this.drawn = performance.now();
    const { svg, equations, notes } = this.drawing;
    if (svg !== this.svg) {
      this.svg = svg;
      const drawing = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
      this.plot.replaceChildren(document.importNode(drawing, true));
    }
    const text = JSON.stringify([equations, notes]);
    if (text !== this.words) {
      this.words = text;
      this.text.replaceChildren(...equations.map(lineOf), ...notes.map((note) => make("p", "rx-remark", note)));
    }
    this.text.hidden = !this.text.childNodes.length;
    this.light();
    this.count();
    return Promise.resolve();
  }

  /** A picture of the drawing in the page's colors, by way of a canvas. */
  savePicture() {
    const drawing = this.plot.querySelector("svg");
    if (!drawing) return;
    const { text, background = "#ffffff" } = this.view.look;
    const box = drawing.viewBox.baseVal;
    const copy = /** @type {SVGSVGElement} */ (drawing.cloneNode(true));
    copy.setAttribute("width", String(2 * box.width));
    copy.setAttribute("height", String(2 * box.height));
    copy.setAttribute("style", `color: ${text}; background: ${background}; font-family: sans-serif`);
    const picture = new Image();
    picture.onload = () => {
      const canvas = make("canvas");
      canvas.width = 2 * box.width;
      canvas.height = 2 * box.height;
      const context = canvas.getContext("2d");
      if (!context) return;
      context.fillStyle = background;
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.drawImage(picture, 0, 0);
      const link = make("a");
      link.href = canvas.toDataURL("image/png");
      link.download = `${this.name}-step${this.view.status.step || 0}.png`;
      link.click();
    };
    picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
  }

  mark() {}

  resize() {}

  purge() { this.sizes.disconnect(); }
}

/** @param {Event} event */
function termOf(event) {
  const node = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("[data-term]"));
  return (node && node.dataset.term) ?? null;
}

/** @param {Equation} equation */
function lineOf(equation) {
  const box = make("div", "rx-equation");
  box.append(make("span", "rx-name", equation.name));
  const { symbols, numbers, original } = equation;
  for (const tokens of [symbols, numbers, original]) {
    if (!tokens.length) continue;
    const line = make("div", tokens === symbols ? "rx-symbols" : "rx-values");
    if (tokens === original) {
      line.classList.add("rx-original");
      line.append("as trained: ");
    }
    for (const token of tokens) {
      const node = make("span", token.term ? "rx-term" : "", token.text);
      if (token.edited) node.classList.add("rx-edited");
      if (token.term) node.dataset.term = token.term;
      if (token.sub) node.append(make("sub", "", token.sub));
      line.append(node);
    }
    box.append(line);
  }
  return box;
}
