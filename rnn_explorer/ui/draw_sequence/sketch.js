// A small canvas to draw a sequence on: a picture of cells, or one number a time step as a curve.
//
// What is drawn is kept here, in a page-level map, since Streamlit may build the component anew at any rerun; the
// page's script gives only what to start from, and is told the numbers when a stroke ends, and now and then during it.

const sketches = (window.__rnnSketches = window.__rnnSketches || new Map());
const TELL_EVERY = 300; // ms during a stroke
const REACH = 1.25; // cells around the pen that take ink
const EDGE = { left: 46, right: 8, top: 8, bottom: 18 }; // px around a curve

const clamp = (x, low, high) => Math.min(Math.max(x, low), high);
const make = (tag, cls, text) => {
  const node = document.createElement(tag);
  if (cls) node.className = cls;
  if (text !== undefined) node.textContent = text;
  return node;
};

class Sketch {
  constructor() {
    this.root = make("div", "rx-sketch");
    this.canvas = make("canvas");
    this.canvas.tabIndex = -1;
    this.canvas.setAttribute("role", "img");
    const side = make("div", "rx-sketch-side");
    this.erase = make("input");
    this.erase.type = "checkbox";
    this.eraseLabel = make("label", "");
    this.eraseLabel.append(this.erase, make("span", "", "Erase"));
    const button = (text, title, act) => {
      const node = make("button", "rx-sketch-button", text);
      node.type = "button";
      node.title = title;
      node.onclick = act;
      return node;
    };
    side.append(this.eraseLabel, button("Clear", "Begin with an empty sequence", () => this.fill(this.empty())),
      button("As it was", "Back to the sequence that this began with", () => this.fill(this.start.slice())));
    this.hint = make("p", "rx-sketch-hint");
    side.append(this.hint);
    this.root.append(this.canvas, side);
    this.canvas.addEventListener("pointerdown", (event) => {
      this.last = null;
      try { this.canvas.setPointerCapture(event.pointerId); } catch { /* a pointer that is gone already */ }
      this.stroke = true;
      this.pen(event);
      event.preventDefault();
    });
    this.canvas.addEventListener("pointermove", (event) => { if (this.stroke) this.pen(event); });
    for (const end of ["pointerup", "pointercancel"]) {
      this.canvas.addEventListener(end, () => { if (this.stroke) { this.stroke = false; this.tell(); } });
    }
    new ResizeObserver(() => this.draw()).observe(this.root);
  }

  show(data, setState) {
    this.setState = setState;
    if (data.edition !== this.edition) {
      Object.assign(this, { edition: data.edition, kind: data.kind, rows: data.rows, columns: data.columns, low: data.low,
        high: data.high, levels: data.levels, start: data.values.slice(), values: data.values.slice() });
      this.canvas.setAttribute("aria-label", data.label);
      this.root.dataset.kind = this.kind;
      this.eraseLabel.hidden = this.kind !== "grid";
      this.hint.textContent = this.kind === "grid" ? "Draw with the mouse or a finger." : "Draw the curve with the mouse or a finger, one value a time step.";
    }
    this.draw();
  }

  // Nothing drawn: no ink, or the value in the middle that the sequence may have.
  empty() {
    const middle = this.snap(this.kind === "grid" ? this.low : (this.low + this.high) / 2);
    return this.start.map(() => middle);
  }

  snap(value) {
    if (!this.levels.length) return value;
    return this.levels.reduce((best, level) => (Math.abs(level - value) < Math.abs(best - value) ? level : best));
  }

  fill(values) {
    this.values = values;
    this.draw();
    this.tell();
  }

  pen(event) {
    const box = this.canvas.getBoundingClientRect();
    const at = { x: event.clientX - box.left, y: event.clientY - box.top };
    const from = this.last || at;
    this.last = at;
    const parts = Math.max(1, Math.ceil(Math.hypot(at.x - from.x, at.y - from.y) / 4));
    for (let n = 1; n <= parts; n += 1) {
      const share = n / parts;
      this.dot(from.x + share * (at.x - from.x), from.y + share * (at.y - from.y), box);
    }
    this.draw();
    if (performance.now() - (this.reportedAt || 0) > TELL_EVERY) this.tell();
  }

  dot(x, y, box) {
    if (this.kind === "grid") {
      const column = (x / box.width) * this.columns - 0.5;
      const row = (y / box.height) * this.rows - 0.5;
      for (let r = 0; r < this.rows; r += 1) {
        for (let c = 0; c < this.columns; c += 1) {
          const far = Math.hypot(r - row, c - column);
          if (far >= REACH) continue;
          const k = r * this.columns + c;
          const ink = this.low + (this.high - this.low) * clamp(1.35 * (1 - far / REACH), 0, 1);
          this.values[k] = this.erase.checked ? (far < 0.75 ? this.low : this.values[k]) : Math.max(this.values[k], ink);
        }
      }
      return;
    }
    const step = Math.round(((x - EDGE.left) / this.wide(box)) * (this.rows - 1));
    const value = this.high - ((y - EDGE.top) / this.tall(box)) * (this.high - this.low);
    this.values[clamp(step, 0, this.rows - 1)] = this.snap(clamp(value, this.low, this.high));
  }

  wide(box) { return Math.max(box.width - EDGE.left - EDGE.right, 1); }

  tall(box) { return Math.max(box.height - EDGE.top - EDGE.bottom, 1); }

  tell() {
    this.reportedAt = performance.now();
    this.root.dataset.reports = String(Number(this.root.dataset.reports || 0) + 1);
    if (this.setState) this.setState("drawn", { edition: this.edition, values: this.values.map((x) => Number(x.toPrecision(5))) });
  }

  draw() {
    const box = this.canvas.getBoundingClientRect();
    if (!box.width || !this.values) return;
    const sharp = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(box.width * sharp);
    this.canvas.height = Math.round(box.height * sharp);
    const pen = this.canvas.getContext("2d");
    pen.scale(sharp, sharp);
    if (this.kind === "grid") this.drawGrid(pen, box);
    else this.drawCurve(pen, box);
  }

  drawGrid(pen, box) {
    const [w, h] = [box.width / this.columns, box.height / this.rows];
    this.values.forEach((value, k) => {
      const share = clamp((value - this.low) / (this.high - this.low || 1), 0, 1);
      const gray = Math.round(22 + share * 222); // ink is light, as in the figures
      pen.fillStyle = `rgb(${gray},${gray},${gray})`;
      pen.fillRect((k % this.columns) * w + 0.5, Math.floor(k / this.columns) * h + 0.5, w - 1, h - 1);
    });
  }

  drawCurve(pen, box) {
    const style = getComputedStyle(this.root);
    const color = (name, other) => style.getPropertyValue(name).trim() || other;
    const x = (step) => EDGE.left + (step / Math.max(this.rows - 1, 1)) * this.wide(box);
    const y = (value) => EDGE.top + ((this.high - value) / (this.high - this.low || 1)) * this.tall(box);
    pen.font = `11px ${style.fontFamily}`;
    pen.fillStyle = style.color;
    pen.strokeStyle = color("--st-border-color", "#cccccc");
    pen.lineWidth = 1;
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (const value of [this.low, (this.low + this.high) / 2, this.high]) {
      pen.beginPath();
      pen.moveTo(EDGE.left, y(value));
      pen.lineTo(box.width - EDGE.right, y(value));
      pen.stroke();
      pen.fillText(String(Number(value.toPrecision(3))), EDGE.left - 5, y(value));
    }
    pen.textBaseline = "alphabetic";
    pen.textAlign = "left";
    pen.fillText("1", x(0), box.height - 4);
    pen.textAlign = "right";
    pen.fillText(String(this.rows), x(this.rows - 1), box.height - 4);
    pen.textAlign = "center";
    pen.fillText("time step", (x(0) + x(this.rows - 1)) / 2, box.height - 4);
    pen.strokeStyle = pen.fillStyle = color("--st-primary-color", "#0072b2");
    pen.lineWidth = 2;
    pen.lineJoin = "round";
    pen.beginPath();
    this.values.forEach((value, step) => pen[step ? "lineTo" : "moveTo"](x(step), y(clamp(value, this.low, this.high))));
    pen.stroke();
    for (const [step, value] of this.values.entries()) {
      pen.beginPath();
      pen.arc(x(step), y(clamp(value, this.low, this.high)), 2.4, 0, 7);
      pen.fill();
    }
  }
}

export default function (component) {
  const { data, parentElement, setStateValue } = component;
  if (!sketches.has(data.name)) sketches.set(data.name, new Sketch());
  const sketch = sketches.get(data.name);
  if (sketch.root.parentNode !== parentElement) parentElement.appendChild(sketch.root);
  sketch.show(data, setStateValue);
}
