// The live figures of a run, drawn in place.
//
// One `Board` per page lives in a page-level map: Streamlit may take the component out of the page and put
// it back during quick reruns, and the charts must survive that. A board holds one event stream for the run and the
// selection it shows, keeps the newest state of every figure, and draws in the browser's own rhythm: always the
// newest, skipping what was overtaken.

const boards = (window.__rnnExplorer = window.__rnnExplorer || new Map());
const PURGE_AFTER = 8000; // ms that a board may be out of the page before it is taken down
const LEAVING = 10000; // ms after a click on another page's link; if this page is still there then, it stays
const STACK_BELOW = 820; // px of width under which the figures stand one below the other

const LOOKS_EVERY = 50; // ms: Plotly looks for what is under the pointer no more often
const DRAG_FROM = 8; // px that a pressed pointer moves before Plotly takes it for a drag

const CURVES_EVERY = 140; // ms between two drawings of the learning curves, which change least from one moment to the next

// Colours of a scale as 256 entries of red, green, blue and opacity, each up to 255.
const tables = new Map();
function colourTable(scale) {
  const key = JSON.stringify(scale);
  if (!tables.has(key)) {
    const stops = scale.map(([at, colour]) => {
      if (!colour.startsWith("rgb")) return [at, [...[1, 3, 5].map((n) => parseInt(colour.slice(n, n + 2), 16)), 255]];
      const [red, green, blue, opacity = 1] = colour.match(/[\d.]+/g).map(Number);
      return [at, [red, green, blue, 255 * opacity]];
    });
    const table = new Uint8ClampedArray(256 * 4);
    for (let n = 0; n < 256; n += 1) {
      const at = n / 255;
      let k = 1;
      while (k < stops.length - 1 && stops[k][0] < at) k += 1;
      const [low, from] = stops[k - 1];
      const [high, to] = stops[k];
      const share = high > low ? Math.min(Math.max((at - low) / (high - low), 0), 1) : 0;
      for (let c = 0; c < 4; c += 1) table[4 * n + c] = from[c] + share * (to[c] - from[c]);
    }
    tables.set(key, table);
  }
  return tables.get(key);
}

const ARRAYS = { f2: Uint16Array, f4: Float32Array, f8: Float64Array, i1: Int8Array, u1: Uint8Array, i2: Int16Array, u2: Uint16Array,
  i4: Int32Array, u4: Uint32Array };

// Half precision to single: sign, five bits of exponent, ten of fraction.
function halfToSingle(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
const HALVES = Float32Array.from({ length: 65536 }, (_, bits) => halfToSingle(bits));

// A packed matrix as rows of numbers; anything else as it is.
function unpack(packed) {
  const Kind = packed && ARRAYS[packed.dtype];
  const shape = Kind && packed.shape ? String(packed.shape).split(",").map(Number) : [];
  if (shape.length !== 2) return packed;
  const bytes = Uint8Array.from(atob(packed.bdata), (letter) => letter.charCodeAt(0));
  let values = new Kind(bytes.buffer);
  if (packed.dtype === "f2") values = Float32Array.from(values, (bits) => HALVES[bits]);
  return Array.from({ length: shape[0] }, (_, row) => values.subarray(row * shape[1], (row + 1) * shape[1]));
}

const sizeOf = (rows) => (Array.isArray(rows) ? [rows.length, rows.length ? rows[0].length : 0] : null);
const withoutValues = (trace) => JSON.stringify({ ...trace, z: sizeOf(trace.z) });

const make = (tag, cls, text) => {
  const node = document.createElement(tag);
  if (cls) node.className = cls;
  if (text !== undefined) node.textContent = text;
  return node;
};

const short = (x) => {
  if (x === null || x === undefined || !Number.isFinite(x)) return "–";
  if (x === 0) return "0";
  const size = Math.abs(x);
  return size >= 0.001 && size < 10000 ? String(Number(x.toPrecision(3))) : x.toExponential(1);
};

let plotlyScript = null;
function loadPlotly(base, version) {
  if (window.Plotly) return Promise.resolve();
  if (!plotlyScript) {
    plotlyScript = new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = `${base}/explorer/plotly.min.js?v=${encodeURIComponent(version)}`;
      script.onload = () => resolve();
      script.onerror = () => { plotlyScript = null; script.remove(); reject(new Error("Plotly could not be loaded")); };
      document.head.appendChild(script);
    });
  }
  return plotlyScript;
}

class Card {
  constructor(board, name) {
    this.board = board;
    this.name = name;
    this.state = { data: [], layout: {}, marks: [], count: 0, title: "", how: "" };
    this.ranges = {}; // what the person zoomed to, by layout key
    this.returns = 0; // how often the person went back from there
    this.dirty = false;
    this.whole = true; // whether all of it must be drawn anew, not only the values of maps
    this.changed = new Set(); // maps with new values
    this.shapes = {}; // by trace: all of it but the values
    this.drawn = 0;
    this.build();
  }

  build() {
    const root = (this.root = make("section", `rx-card rx-${this.name}`));
    const head = make("header", "rx-head");
    this.title = make("h3", "rx-title");
    const tools = make("span", "rx-tools");
    this.tools = make("span", "rx-own"); // the board puts this figure's controls here
    tools.append(this.tools, this.menu());
    const grow = make("button", "rx-icon", "⤢");
    grow.type = "button";
    grow.title = "Enlarge this figure, and back (Esc)";
    grow.setAttribute("aria-label", grow.title);
    grow.onclick = () => this.enlarge(!root.classList.contains("rx-large"));
    tools.appendChild(grow);
    head.append(this.title, tools);
    this.frame = make("div", "rx-frame");
    this.plot = make("div", "rx-plot");
    this.overlay = make("div", "rx-overlay");
    this.frame.append(this.plot, this.overlay);
    this.how = make("p", "rx-how");
    root.append(head, this.frame, this.how);
    root.dataset.figure = this.name;
    root.dataset.updates = "0";
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(this.frame);
  }

  menu() {
    const box = make("details", "rx-menu");
    const summary = make("summary", "rx-icon", "⤓");
    summary.title = "Download this figure";
    summary.setAttribute("aria-label", summary.title);
    const list = make("div", "rx-list");
    const png = make("button", "", "PNG picture");
    png.type = "button";
    png.onclick = () => { box.open = false; this.savePicture(); };
    list.appendChild(png);
    for (const [form, text] of this.forms()) {
      const link = make("a", "", text);
      link.onclick = () => {
        link.href = `${this.board.base}/explorer/figure/${this.board.run}/${this.name}.${form}?${this.board.query()}`;
        box.open = false;
      };
      link.href = "#";
      link.download = "";
      list.appendChild(link);
    }
    box.append(summary, list);
    box.addEventListener("focusout", (event) => { if (!box.contains(event.relatedTarget)) box.open = false; });
    return box;
  }

  forms() {
    return [["html", "HTML, interactive"], ["csv", "CSV, the numbers"]];
  }

  savePicture() {
    const look = this.board.look;
    const layout = { ...this.layout(), title: { text: this.state.title, x: 0.01, xanchor: "left", font: { size: 15 } },
      paper_bgcolor: look.background, plot_bgcolor: look.background };
    layout.margin = { ...(layout.margin || {}), t: Math.max(48, (layout.margin || {}).t || 0) };
    const size = this.plot.getBoundingClientRect();
    window.Plotly.downloadImage({ data: this.state.data, layout, config: {} },
      { format: "png", width: Math.round(size.width), height: Math.round(size.height) + 40, scale: 2,
        filename: `${this.name}-step${this.board.status.step || 0}` });
  }

  enlarge(large) {
    for (const other of this.board.cards.values()) {
      if (other !== this && other.root.classList.contains("rx-large")) other.enlarge(false);
    }
    this.root.classList.toggle("rx-large", large);
    this.resize();
  }

  merge(news) {
    const state = this.state;
    if (news.title !== undefined) { state.title = news.title; this.title.textContent = news.title; this.title.title = news.title; }
    if (news.how !== undefined) { state.how = news.how; this.how.textContent = news.how; this.how.title = news.how; }
    if (news.marks !== undefined) state.marks = news.marks;
    if (news.layout !== undefined) { state.layout = news.layout; this.whole = true; }
    if (news.count !== undefined) { state.count = news.count; this.whole = true; }
    for (const [number, trace] of Object.entries(news.data || {})) {
      for (const [key, value] of Object.entries(trace)) trace[key] = unpack(value);
      const shape = withoutValues(trace); // kept here, since Plotly writes into the traces that it draws
      if (trace.type === "heatmap" && this.shapes[number] === shape) this.changed.add(Number(number));
      else this.whole = true;
      this.shapes[number] = shape;
      state.data[Number(number)] = trace;
    }
    state.data.length = state.count;
    this.dirty = true;
  }

  // A copy, since Plotly writes into it what the person zooms to.
  layout() {
    const look = this.board.look;
    const layout = { ...structuredClone(this.state.layout), template: look.template, autosize: true,
      uirevision: `${this.board.run} ${this.returns}`, legend: { ...this.state.layout.legend, uirevision: `${this.board.run}` } };
    delete layout.width;
    delete layout.height;
    for (const [key, value] of Object.entries(this.ranges)) {
      const [axis, part] = key.split(".");
      layout[axis] = { ...(layout[axis] || {}), [part]: value };
      if (part === "range") layout[axis].autorange = false;
    }
    return layout;
  }

  draw() {
    this.dirty = this.returning = false;
    this.drawn = performance.now();
    if (!this.whole && !Object.keys(this.ranges).length && [...this.changed].every((number) => this.repaint(number))) {
      this.changed.clear();
      this.root.dataset.updates = String(Number(this.root.dataset.updates) + 1);
      this.root.dataset.repaints = String(Number(this.root.dataset.repaints || 0) + 1);
      return Promise.resolve();
    }
    this.whole = false;
    this.changed.clear();
    const first = !this.plot._fullLayout;
    const data = this.state.data.slice();
    this.cursor = this.state.marks.some((mark) => mark.kind === "point" && (data[mark.trace] || {}).type === "scatter3d")
      ? data.push({ type: "scatter3d", mode: "markers", x: [], y: [], z: [], showlegend: false, hoverinfo: "skip",
        marker: { size: 9, color: this.board.look.text, symbol: "circle-open" } }) - 1
      : -1;
    return window.Plotly.react(this.plot, data, this.layout(), { responsive: false, displaylogo: false,
      displayModeBar: false, scrollZoom: false, doubleClick: "reset" }).then(() => {
      if (first) this.listen();
      this.root.dataset.updates = String(Number(this.root.dataset.updates) + 1);
      this.mark(this.board.time);
    });
  }

  // New values for a map whose axes, colours and shape stay: only its picture changes, which Plotly keeps as one small
  // image, a pixel a cell. Drawing that image is some thirty times cheaper than drawing the figure. False where the
  // figure is not as expected; it is then drawn whole.
  repaint(number) {
    const { _fullData: traces, _fullLayout: layout, calcdata } = this.plot;
    const trace = traces && traces[number];
    const subplot = trace && trace.visible === true && layout._plots[trace.xaxis + trace.yaxis];
    const images = subplot ? subplot.plot.node().querySelectorAll(".heatmaplayer image") : [];
    const rows = this.state.data[number].z;
    if (this.state.data[number].texttemplate) return false; // letters are light or dark by what is behind them
    if (images.length !== 1 || images[0].style.imageRendering !== "pixelated" || !Array.isArray(rows) || !rows.length || !rows[0].length) return false;
    const height = rows.length;
    const width = rows[0].length;
    const canvas = make("canvas");
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext("2d");
    const pixels = context.createImageData(width, height);
    const colours = colourTable(this.state.data[number].colorscale);
    const upwards = layout[trace.yaxis.replace("y", "yaxis")].range[0] < layout[trace.yaxis.replace("y", "yaxis")].range[1];
    const scale = 255 / (trace.zmax - trace.zmin);
    let at = 0;
    for (let line = 0; line < height; line += 1) {
      const row = rows[upwards ? height - 1 - line : line];
      for (let column = 0; column < width; column += 1, at += 4) {
        const value = row[column];
        if (!Number.isFinite(value)) continue; // stays transparent
        const colour = 4 * Math.round(Math.min(Math.max((value - trace.zmin) * scale, 0), 255));
        for (let c = 0; c < 4; c += 1) pixels.data[at + c] = colours[colour + c];
      }
    }
    context.putImageData(pixels, 0, 0);
    images[0].setAttributeNS("http://www.w3.org/1999/xlink", "xlink:href", canvas.toDataURL());
    calcdata[number][0].z = rows; // what hovering reads
    trace.z = rows;
    this.plot.data[number] = this.state.data[number];
    return true;
  }

  listen() {
    this.plot.on("plotly_relayout", (event) => this.zoomed(event));
    this.plot.on("plotly_doubleclick", () => this.goBack());
    this.plot.on("plotly_hover", (event) => this.board.point(this.timeOf(event.points[0], event)));
    this.plot.on("plotly_unhover", () => this.board.point(null));
    this.plot.on("plotly_click", (event) => { this.reported = true; this.picked(event.points[0]); });
    this.plot.addEventListener("mousedown", (event) => this.press(event), true);
  }

  // Plotly looks for what is under the pointer now and then, also after a drawing, and sees nothing while a button is
  // down; a click that comes too soon after such a look is not reported. So nothing is drawn while a button is down,
  // and what Plotly did not report is looked for once more.
  press(event) {
    const place = event.button === 0 && event.target.closest(".nsewdrag");
    if (!place) return;
    this.board.held = true;
    this.reported = false;
    const pause = () => new Promise((resolve) => setTimeout(resolve, LOOKS_EVERY + 10));
    const release = async (end) => {
      document.removeEventListener("mouseup", release, true);
      window.removeEventListener("blur", release);
      const still = end.type === "mouseup" && Math.hypot(end.clientX - event.clientX, end.clientY - event.clientY) < DRAG_FROM;
      await pause();
      if (still && !this.reported && this.plot._fullLayout) {
        window.Plotly.Fx.hover(this.plot, { clientX: end.clientX, clientY: end.clientY, target: place }, place.dataset.subplot);
        await pause(); // it may have looked a moment ago, and looks later then
        if (!this.reported && this.plot._hoverdata && this.plot._hoverdata.length) this.picked(this.plot._hoverdata[0]);
      }
      this.board.held = false;
      this.board.schedule();
    };
    document.addEventListener("mouseup", release, true);
    window.addEventListener("blur", release);
  }

  // Plotly would go back to the axes of the first drawing, and stay there; those of now are wanted.
  goBack() {
    this.ranges = {};
    this.returns += 1;
    this.returning = true;
    this.redraw();
  }

  redraw() {
    this.dirty = this.whole = true;
    this.board.schedule();
  }

  zoomed(event) {
    for (const [key, value] of Object.entries(this.returning ? {} : event)) {
      const match = /^([xy]axis\d*)\.(range\[(\d)\]|range|autorange)$/.exec(key);
      if (match) {
        const [, axis, part, index] = match;
        if (part === "autorange") delete this.ranges[`${axis}.range`];
        else if (part === "range") this.ranges[`${axis}.range`] = value;
        else {
          const range = (this.ranges[`${axis}.range`] || []).slice();
          range[Number(index)] = value;
          this.ranges[`${axis}.range`] = range;
        }
      }
      const scene = /^(scene\d*)\.camera$/.exec(key);
      if (scene) this.ranges[`${scene[1]}.camera`] = value;
    }
    this.mark(this.board.time);
  }

  // Which time step a hovered point belongs to; null where the figure shows no time.
  timeOf(point) {
    if (!point) return null;
    for (const mark of this.state.marks) {
      if (mark.kind === "point" && mark.trace === point.curveNumber) {
        const index = Array.isArray(point.pointNumber) ? point.pointNumber[0] : point.pointNumber;
        return index + 1;
      }
      if (point.xaxis && point.xaxis._id === mark.axes[0] && point.yaxis._id === mark.axes[1]) {
        if (mark.kind === "line") return Math.round(Number(point.x));
        if (mark.kind === "cells" && Array.isArray(point.pointNumber)) {
          const [row, column] = point.pointNumber;
          return (mark.steps[row] || [])[column] || null;
        }
      }
    }
    return null;
  }

  // A click on a row of a unit x time map chooses that unit; a trace may name another part of the selection in its
  // `meta.choose`, whose value is then the point's `customdata` (or the entry number `meta.column` of it).
  picked(point) {
    const trace = (point && point.fullData) || {};
    const meta = trace.meta || {};
    if (trace.type === "heatmap" && meta.units) this.board.choose("unit", Math.round(Number(point.y)));
    const time = this.timeOf(point);
    if (time && this.board.chooses("time")) this.board.choose("time", time);
    if (!meta.choose || point.customdata === undefined || point.customdata === null) return;
    this.board.choose(meta.choose, Array.isArray(point.customdata) ? point.customdata[meta.column || 0] : point.customdata);
  }

  mark(time) {
    this.overlay.replaceChildren();
    const full = this.plot._fullLayout;
    if (!full) return;
    if (this.cursor >= 0) this.markSpace(time);
    if (time === null) return;
    const axis = (id) => full[id.replace(/^([xy])(\d*)$/, "$1axis$2")];
    for (const mark of this.state.marks) {
      const x = axis(mark.axes[0]);
      const y = axis(mark.axes[1]);
      if (mark.kind === "point") this.markPoint(mark, time);
      else if (!x || !y) continue;
      else if (mark.kind === "line") {
        const at = x._offset + x.l2p(time);
        if (at >= x._offset - 1 && at <= x._offset + x._length + 1) this.put("rx-line", at, y._offset, 0, y._length);
      } else this.markCells(mark, time, x, y);
    }
  }

  put(cls, left, top, width, height) {
    const node = make("i", cls);
    Object.assign(node.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
    this.overlay.appendChild(node);
  }

  markPoint(mark, time) {
    const points = (this.plot.calcdata || [])[mark.trace];
    const full = (this.plot._fullData || [])[mark.trace];
    if (!points || !full || full.type === "scatter3d" || !points[time - 1]) return;
    const layout = this.plot._fullLayout;
    const x = layout[full.xaxis.replace(/^x(\d*)$/, "xaxis$1")];
    const y = layout[full.yaxis.replace(/^y(\d*)$/, "yaxis$1")];
    const point = points[time - 1];
    this.put("rx-dot", x._offset + x.l2p(point.x), y._offset + y.l2p(point.y), 0, 0);
  }

  markCells(mark, time, x, y) {
    let box = null;
    mark.steps.forEach((row, r) => row.forEach((step, c) => {
      if (step === time) box = box ? [Math.min(box[0], r), Math.max(box[1], r), Math.min(box[2], c), Math.max(box[3], c)] : [r, r, c, c];
    }));
    if (!box) return;
    const map = (this.plot._fullData || []).find((t) => t.type === "heatmap" && t.xaxis === mark.axes[0] && t.yaxis === mark.axes[1]) || {};
    const at = (letter, index) => (map[letter] ? Number(map[letter][index]) : (map[`${letter}0`] ?? 0) + index * (map[`d${letter}`] ?? 1));
    const xs = [x.l2p(at("x", box[2]) - 0.5), x.l2p(at("x", box[3]) + 0.5)].sort((a, b) => a - b);
    const ys = [y.l2p(at("y", box[0]) - 0.5), y.l2p(at("y", box[1]) + 0.5)].sort((a, b) => a - b);
    this.put("rx-cells", x._offset + xs[0], y._offset + ys[0], xs[1] - xs[0], ys[1] - ys[0]);
  }

  markSpace(time) {
    const mark = this.state.marks.find((entry) => entry.kind === "point");
    const full = mark && (this.plot._fullData || [])[mark.trace];
    if (!full || !full.x) return;
    const at = time === null || time > full.x.length ? [[], [], []] : [[full.x[time - 1]], [full.y[time - 1]], [full.z[time - 1]]];
    if (this.spaceTime === time) return;
    this.spaceTime = time;
    window.Plotly.restyle(this.plot, { x: [at[0]], y: [at[1]], z: [at[2]] }, [this.cursor]);
  }

  resize() {
    if (!this.plot._fullLayout || !this.plot.isConnected || !this.plot.offsetWidth) return;
    cancelAnimationFrame(this.resizing);
    this.resizing = requestAnimationFrame(() => {
      window.Plotly.Plots.resize(this.plot);
      this.mark(this.board.time);
    });
  }

  purge() {
    this.sizes.disconnect();
    if (window.Plotly && this.plot._fullLayout) window.Plotly.purge(this.plot);
  }
}

// A drawing of our own, with its equations: what is pointed at in the one lights up in the other.
class DrawingCard extends Card {
  build() {
    super.build();
    this.frame.classList.add("rx-drawing");
    this.plot.className = "rx-picture";
    this.text = make("div", "rx-text-side");
    this.frame.append(this.text);
    const light = (term) => {
      for (const node of this.root.querySelectorAll("[data-term]")) node.classList.toggle("rx-lit", term !== null && node.dataset.term === term);
    };
    const termOf = (event) => { const node = event.target.closest("[data-term]"); return node ? node.dataset.term : null; };
    this.root.addEventListener("mouseover", (event) => { this.lit = termOf(event); light(this.lit); });
    this.root.addEventListener("mouseleave", () => { this.lit = null; light(null); });
    this.plot.addEventListener("click", (event) => { // a part of the drawing may stand for a part of the selection
      const node = event.target.closest("[data-choose]");
      if (node) this.board.choose(node.dataset.choose, node.dataset.value);
    });
    this.light = () => light(this.lit ?? null);
  }

  forms() {
    return [["svg", "SVG picture"], ["csv", "CSV, the numbers"]];
  }

  merge(news) {
    if (news.title !== undefined) { this.state.title = news.title; this.title.textContent = news.title; this.title.title = news.title; }
    if (news.how !== undefined) { this.how.textContent = news.how; this.how.title = news.how; }
    for (const part of ["svg", "equations", "notes"]) if (news[part] !== undefined) { this.state[part] = news[part]; this.dirty = true; }
  }

  draw() {
    this.dirty = false;
    this.drawn = performance.now();
    const { svg, equations, notes } = this.state;
    if (svg !== this.svg) {
      this.svg = svg;
      const drawing = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
      this.plot.replaceChildren(document.importNode(drawing, true));
    }
    const text = JSON.stringify([equations, notes]);
    if (text !== this.words) { this.words = text; this.text.replaceChildren(...this.lines(equations || []), ...this.remarks(notes || [])); }
    this.text.hidden = !this.text.childNodes.length;
    this.light();
    this.root.dataset.updates = String(Number(this.root.dataset.updates) + 1);
    return Promise.resolve();
  }

  lines(equations) {
    return equations.map((equation) => {
      const box = make("div", "rx-equation");
      box.append(make("span", "rx-name", equation.name));
      for (const tokens of [equation.symbols, equation.numbers]) {
        const line = make("div", tokens === equation.symbols ? "rx-symbols" : "rx-values");
        for (const token of tokens) {
          const node = make("span", token.term ? "rx-term" : "", token.text);
          if (token.term) node.dataset.term = token.term;
          if (token.sub) node.append(make("sub", "", token.sub));
          line.append(node);
        }
        box.append(line);
      }
      return box;
    });
  }

  remarks(notes) {
    return notes.map((note) => make("p", "rx-remark", note));
  }

  // A picture of the drawing in the page's colours, by way of a canvas.
  savePicture() {
    const drawing = this.plot.querySelector("svg");
    if (!drawing) return;
    const box = drawing.viewBox.baseVal;
    const copy = drawing.cloneNode(true);
    copy.setAttribute("width", String(2 * box.width));
    copy.setAttribute("height", String(2 * box.height));
    copy.setAttribute("style", `color: ${this.board.look.text}; background: ${this.board.look.background}; font-family: sans-serif`);
    const picture = new Image();
    picture.onload = () => {
      const canvas = make("canvas");
      canvas.width = 2 * box.width;
      canvas.height = 2 * box.height;
      const context = canvas.getContext("2d");
      context.fillStyle = this.board.look.background;
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.drawImage(picture, 0, 0);
      const link = make("a");
      link.href = canvas.toDataURL("image/png");
      link.download = `${this.name}-step${this.board.status.step || 0}.png`;
      link.click();
    };
    picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
  }

  mark() {}

  resize() {}

  purge() { this.sizes.disconnect(); }
}

// Sentences, each with a mark for what it means.
class WordsCard extends Card {
  build() {
    super.build();
    this.frame.classList.add("rx-sentences");
    this.list = make("ul", "rx-lines");
    this.plot.replaceWith(this.list);
  }

  menu() {
    const box = super.menu();
    box.querySelector("button").remove(); // there is no picture of it
    return box;
  }

  forms() {
    return [["csv", "CSV, the sentences"]];
  }

  merge(news) {
    if (news.title !== undefined) { this.state.title = news.title; this.title.textContent = news.title; this.title.title = news.title; }
    if (news.how !== undefined) { this.how.textContent = news.how; this.how.title = news.how; }
    if (news.lines !== undefined) { this.state.lines = news.lines; this.dirty = true; }
  }

  draw() {
    this.dirty = false;
    this.drawn = performance.now();
    const lines = this.state.lines || [];
    // Lines that stay keep their nodes, so that a sentence can be read and selected while others change.
    lines.forEach((line, number) => {
      const node = this.list.children[number] || this.list.appendChild(make("li"));
      node.className = `rx-said rx-${line.kind}`;
      if (node.textContent !== line.text) node.textContent = line.text;
    });
    while (this.list.children.length > lines.length) this.list.lastChild.remove();
    this.root.dataset.updates = String(Number(this.root.dataset.updates) + 1);
    return Promise.resolve();
  }

  mark() {}

  resize() {}

  purge() { this.sizes.disconnect(); }
}

// A name for this browser tab, under which the server keeps what belongs to nobody else, such as pinned curves.
function viewerName() {
  let name = sessionStorage.getItem("rx-viewer");
  if (!name) {
    name = Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) => word.toString(16)).join("");
    sessionStorage.setItem("rx-viewer", name);
  }
  return name;
}

class Board {
  constructor(key) {
    this.key = key;
    this.cards = new Map();
    this.controls = [];
    this.held = false; // whether a mouse button is down on a figure
    this.time = null;
    this.status = {};
    this.frames = [];
    this.ask = {}; // parts of the selection that the page's script decides
    this.at = null; // the step of the past that is looked at
    this.film = 0;
    this.unsaid = {}; // what the page's script has not been told yet
    this.mutedUntil = 0;
    this.stream = Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) => word.toString(16)).join("");
    this.selection = JSON.parse(sessionStorage.getItem(`rx-selection-${key}`) || "{}");
    this.look = {};
    this.build();
  }

  build() {
    const root = (this.root = make("div", "rx-board"));
    const bar = make("div", "rx-bar");
    this.words = make("span", "rx-words");
    this.words.setAttribute("role", "status");
    this.progress = make("progress", "rx-progress");
    this.progress.max = 1;
    this.numbers = make("span", "rx-numbers");
    const picks = make("span", "rx-picks");
    this.picks = make("span", "rx-own");
    picks.append(this.picks);
    this.linkButton = make("button", "rx-text", "Copy link");
    this.linkButton.type = "button";
    this.linkButton.title = "Copy the address of this experiment: the same settings, and with the same seed the same curve";
    this.linkButton.onclick = () => this.copyLink();
    picks.appendChild(this.linkButton);
    bar.append(this.words, this.progress, this.numbers, picks);
    this.note = make("p", "rx-note");
    this.note.setAttribute("role", "alert");
    this.note.hidden = true;
    this.grid = make("div", "rx-grid");
    root.dataset.board = this.key;
    root.append(bar, this.buildPast(), this.note, this.grid);
    this.onResize = () => this.fit();
    window.addEventListener("resize", this.onResize);
    this.widths = new ResizeObserver(() => this.fit());
    this.widths.observe(root);
    this.onKey = (event) => {
      if (event.key === "Escape") for (const card of this.cards.values()) if (card.root.classList.contains("rx-large")) card.enlarge(false);
      const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      const busy = event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.defaultPrevented
        || event.target.closest("input, select, textarea, [role=slider], [role=tab], [role=radio], [contenteditable]");
      if (way && !busy && this.root.isConnected) { event.preventDefault(); this.turn(way); }
    };
    window.addEventListener("keydown", this.onKey);
    this.watch = setInterval(() => { this.readLook(); this.fit(); }, 1000); // what stands above may have grown
  }

  // -- choosing what to see ------------------------------------------------------------------------------------

  control(tool) {
    const label = make("label", `rx-pick rx-pick-${tool.field}`);
    label.title = tool.title;
    let input;
    if (tool.kind === "button") {
      input = make("button", "rx-text", tool.label);
      input.type = "button";
      const next = () => (tool.options.length ? tool.options[0][0] : (Number(this.selection[tool.field]) || 0) + 1);
      input.onclick = () => this.choose(tool.field, next());
      label.appendChild(input);
    } else if (tool.kind === "toggle") {
      input = make("input");
      input.type = "checkbox";
      input.onchange = () => this.choose(tool.field, input.checked);
      label.append(input, make("span", "", tool.label));
    } else if (tool.kind === "number" || tool.kind === "range") {
      if (tool.label) label.appendChild(make("span", "", tool.label));
      input = make("input");
      input.type = tool.kind;
      input.min = String(tool.low);
      input.max = String(tool.high);
      input.step = String(tool.step);
      const value = () => Math.min(Math.max(Number(input.value) || 0, tool.low), tool.high);
      const shown = make("output", "rx-shown");
      input.onchange = () => {
        input.value = String(Number.isInteger(tool.step) ? Math.round(value()) : value());
        this.choose(tool.field, Number(input.value));
      };
      if (tool.kind === "range") {
        input.oninput = () => { shown.textContent = input.value; this.choose(tool.field, value()); };
      }
      label.appendChild(input);
      if (tool.kind === "range") label.appendChild(shown);
    } else {
      if (tool.label) label.appendChild(make("span", "", tool.label));
      input = make("select");
      input.replaceChildren(...tool.options.map(([value, text]) => {
        const option = make("option", "", text);
        option.value = String(value);
        return option;
      }));
      input.onchange = () => this.choose(tool.field, input.value);
      label.appendChild(input);
    }
    input.setAttribute("aria-label", tool.title);
    input.name = tool.field;
    // The page's own keys (p, n, e, x) must not act while somebody types here.
    input.addEventListener("keydown", (event) => event.stopPropagation());
    return { label, input, field: tool.field, signature: JSON.stringify(tool) };
  }

  // The controls that the board has now; those that stay as they were keep their place and the keyboard.
  showTools(tools) {
    const old = new Map(this.controls.map((control) => [control.signature, control]));
    this.controls = tools.map((tool) => old.get(JSON.stringify(tool)) || this.control(tool));
    const places = new Map([["bar", []]]);
    for (const name of this.cards.keys()) places.set(name, []);
    tools.forEach((tool, number) => { if (places.has(tool.place)) places.get(tool.place).push(this.controls[number].label); });
    for (const [place, labels] of places) {
      const box = place === "bar" ? this.picks : this.cards.get(place).tools;
      const same = box.childNodes.length === labels.length && labels.every((label, number) => box.childNodes[number] === label);
      if (!same) box.replaceChildren(...labels);
    }
  }

  showChosen(chosen) {
    this.chosen = chosen; // as the server fits it to this run
    for (const { field, input } of this.controls) {
      if (document.activeElement === input && ["number", "range"].includes(input.type)) continue;
      if (input.type === "checkbox") input.checked = String(chosen[field]) === "true";
      else if (input.tagName !== "BUTTON" && chosen[field] !== undefined) input.value = String(chosen[field]);
      if (input.type === "range") input.nextSibling.textContent = input.value;
    }
    this.setTime(this.pointed ?? null);
  }

  chooses(field) {
    return this.controls.some((control) => control.field === field);
  }

  choose(field, value) {
    this.selection[field] = value;
    sessionStorage.setItem(`rx-selection-${this.key}`, JSON.stringify(this.selection));
    this.send();
  }

  query() {
    const parts = { ...this.selection, ...this.ask, board: this.key, viewer: viewerName() };
    if (this.at !== null) parts.at = this.at;
    if (this.film) parts.film = this.film;
    return new URLSearchParams(Object.entries(parts).map(([key, value]) => [key, String(value)])).toString();
  }

  // Tell the open stream what is wanted now; it goes on with all that it has drawn. At most ten times a second.
  send(extra = "") {
    if (extra) this.extra = extra;
    if (this.sending) { this.again = true; return; }
    this.sending = true;
    const address = `${this.base}/explorer/choose/${this.stream}?${this.query()}${this.extra || ""}`;
    this.extra = "";
    const next = () => setTimeout(() => {
      this.sending = false;
      if (this.again) { this.again = false; this.send(); }
    }, 100);
    fetch(address, { method: "POST" }).then((answer) => { if (!answer.ok) this.open(); next(); }, next);
  }

  // -- the past ------------------------------------------------------------------------------------------------

  buildPast() {
    const row = make("div", "rx-past");
    const button = (text, title, act) => {
      const node = make("button", "rx-text", text);
      node.type = "button";
      node.title = title;
      node.setAttribute("aria-label", title);
      node.onclick = act;
      return node;
    };
    this.filmButton = button("▶ Replay", "Show how it learnt, from the first kept step on; nothing is trained again", () => this.replay());
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
    this.speed.onchange = () => { if (this.film) { this.film = Number(this.speed.value); this.send(); } };
    this.slider = make("input", "rx-slider");
    this.slider.type = "range";
    this.slider.min = "0";
    this.slider.step = "1";
    this.slider.title = "Go back to any kept step (also with the arrow keys); the right end is now";
    this.slider.setAttribute("aria-label", this.slider.title);
    this.slider.oninput = () => this.goTo(Number(this.slider.value));
    this.slider.addEventListener("keydown", (event) => event.stopPropagation());
    this.when = make("span", "rx-when");
    this.nowButton = button("Now", "Back to the present", () => this.goTo(this.frames.length));
    row.append(this.filmButton, this.speed, this.slider, this.when, this.nowButton);
    return row;
  }

  // Position n of the slider is kept step number n; the position after the last is now.
  position() {
    if (this.at === null) return this.frames.length;
    let best = 0;
    this.frames.forEach((step, n) => { if (Math.abs(step - this.at) < Math.abs(this.frames[best] - this.at)) best = n; });
    return best;
  }

  turn(way) {
    const from = this.position();
    // From now, the newest kept step is often the present one, which would look like nothing happened.
    const skip = way < 0 && from === this.frames.length && this.frames[from - 1] === this.status.step ? 2 : 1;
    this.goTo(Math.min(Math.max(from + way * skip, 0), this.frames.length));
  }

  goTo(place) {
    this.film = 0;
    this.at = place >= this.frames.length ? null : this.frames[place];
    this.moved = performance.now();
    this.showPast();
    this.send();
    this.tellPast();
  }

  replay() {
    if (this.film) this.film = 0;
    else {
      this.film = Number(this.speed.value);
      if (this.at === null || this.position() >= this.frames.length - 1) this.at = this.frames.length ? this.frames[0] : null;
    }
    this.moved = performance.now();
    this.showPast();
    this.send();
    this.tellPast();
  }

  // What the server shows: it turns the film, and a step may have been thinned out.
  followPast(status) {
    if (performance.now() - (this.moved || 0) < 400) return; // the person is ahead of the server
    const before = this.at;
    this.film = status.film;
    this.at = status.at;
    if (before !== this.at) this.tellPast();
  }

  showPast() {
    const last = this.frames.length;
    this.slider.max = String(last);
    this.slider.disabled = last < 2;
    this.filmButton.disabled = last < 2;
    const place = this.position();
    if (this.slider.value !== String(place)) this.slider.value = String(place);
    this.filmButton.textContent = this.film ? "■ Stop" : "▶ Replay";
    this.nowButton.disabled = this.at === null;
    this.when.textContent = this.at === null ? `now, step ${this.status.step ?? 0}` : `looking back at step ${this.at}`;
    this.root.dataset.at = this.at === null ? "" : String(this.at);
    this.root.dataset.film = String(this.film || "");
    this.root.dataset.frameCount = String(last);
  }

  // The page's script learns where the person looks, a few times a second, so that Play can go on from there.
  tellPast() {
    sessionStorage.setItem("rx-past", JSON.stringify({ run: this.run, at: this.at }));
    if (this.telling) return;
    this.telling = setTimeout(() => {
      this.telling = null;
      this.report("at", this.at);
    }, 250);
  }

  // -- the stream ----------------------------------------------------------------------------------------------

  show({ run, base, plotly, link, ask, at }, setState) {
    this.setState = setState;
    this.link = link;
    this.base = base;
    const asked = JSON.stringify(ask || {});
    const other = asked !== JSON.stringify(this.ask);
    this.ask = ask || {};
    clearTimeout(this.leaving);
    if (run === this.run && this.source && this.source.readyState !== EventSource.CLOSED) {
      if (other) this.send();
      return;
    }
    if (run !== this.run) {
      for (const card of this.cards.values()) { card.ranges = {}; card.whole = true; }
      const past = JSON.parse(sessionStorage.getItem("rx-past") || "{}");
      this.at = past.run === run && past.at !== undefined ? past.at : null;
      this.film = 0;
      this.filled = false;
    }
    this.run = run;
    if ((at ?? null) !== this.at) this.tellPast();
    loadPlotly(base, plotly).then(() => this.open(), () => this.say("The drawing script could not be loaded. Reload the page."));
  }

  open() {
    if (!window.Plotly) return;
    if (this.source) this.source.close();
    const source = (this.source = new EventSource(`${this.base}/explorer/live/${this.run}?stream=${this.stream}&${this.query()}`));
    const run = this.run;
    source.onmessage = (event) => { this.lost = 0; this.receive(JSON.parse(event.data), run); };
    source.addEventListener("full", (event) => { source.close(); this.say(JSON.parse(event.data)); });
    source.addEventListener("gone", () => { source.close(); this.tell("gone"); });
    source.onopen = () => {
      // It comes back with the address of its beginning, which is what was chosen then.
      if (this.lost) this.send();
    };
    source.onerror = () => {
      // EventSource tries again by itself; only a lasting silence is worth a word.
      this.lost = (this.lost || 0) + 1;
      if (this.lost > 2) this.say("The connection to the server is lost; trying again.");
    };
  }

  receive(message, run) {
    if (run !== this.run) return;
    this.status = message.status;
    if (message.frames) this.frames = message.frames;
    for (const [name, news] of Object.entries(message.figures)) {
      if (!this.cards.has(name)) {
        const kind = news.lines !== undefined ? WordsCard : news.svg !== undefined ? DrawingCard : Card;
        const card = new kind(this, name);
        this.cards.set(name, card);
        this.grid.appendChild(card.root);
        this.toolsOf = message.tools || this.toolsOf; // a new card's controls find their place
        if (this.toolsOf) this.showTools(this.toolsOf);
      }
      this.cards.get(name).merge(news);
    }
    if (message.cards) this.arrange(message.cards, message.grid);
    if (message.tools) { this.toolsOf = message.tools; this.showTools(message.tools); }
    if (message.chosen || message.tools) this.showChosen(message.chosen || this.chosen || {});
    this.followPast(message.status);
    this.showPast();
    this.showStatus();
    this.schedule();
    if (message.tools) this.filled = true;
    // The page's script has controls of its own that need a snapshot; it hears when there is one.
    this.tell(message.status.status + (this.filled ? "" : ", empty"));
  }

  // Which cards there are, in which order, and how large.
  arrange(names, grid) {
    names.forEach((name, number) => {
      const card = this.cards.get(name);
      const [columns, rows] = grid.spans[name] || [3, 1];
      card.root.style.order = String(number);
      card.root.style.gridColumn = `span ${columns}`;
      card.root.style.gridRow = `span ${rows}`;
    });
    for (const [name, card] of this.cards) card.root.hidden = !names.includes(name);
    this.grid.style.setProperty("--rx-rows", grid.rows);
    this.least = grid.least;
    this.fit();
  }

  tell(status) {
    if (this.told === `${this.run} ${status}`) return;
    this.told = `${this.run} ${status}`;
    this.report("status", this.told);
  }

  // Have the page's script run again, unless the person is leaving this page: Streamlit would take the word of a page
  // that is left for a way back to it, and show nothing at all.
  report(name, value) {
    this.unsaid[name] = value;
    this.speak();
  }

  speak() {
    clearTimeout(this.speaking);
    const wait = this.mutedUntil - performance.now();
    if (wait > 0) this.speaking = setTimeout(() => this.speak(), wait);
    else if (this.root.isConnected && this.setState) {
      const unsaid = Object.entries(this.unsaid);
      this.unsaid = {};
      for (const [name, value] of unsaid) this.setState(name, value);
    }
  }

  mute() { this.mutedUntil = performance.now() + LEAVING; }

  showStatus() {
    const s = this.status;
    const first = s.status === "ready" && s.step === 0;
    this.root.dataset.status = s.status;
    this.root.dataset.step = String(s.step);
    this.words.textContent = first ? "Press Play (or the key p) and watch it learn" : s.status;
    this.words.classList.toggle("rx-hint", first);
    this.progress.value = s.target ? Math.min(s.step / s.target, 1) : 0;
    this.progress.title = `${s.step} of ${s.target} optimizer steps`;
    const percent = (x) => (s.metric === "accuracy" && x !== null && x !== undefined ? `${(100 * x).toFixed(1)} %` : short(x));
    const parts = [`step ${s.step} / ${s.target}`, `epoch ${s.epoch.toFixed(s.epoch < 100 ? 1 : 0)} / ${Number(s.epochs.toFixed(1))}`];
    if (s.status === "training") parts.push(`${Math.round(s.rate)} steps/s`);
    if (s.val_loss !== undefined && s.val_loss !== null) parts.push(`validation loss ${short(s.val_loss)}, ${s.metric} ${percent(s.val_metric)}`);
    if (s.test) parts.push(`test loss ${short(s.test[0])}, ${s.metric} ${percent(s.test[1])}`);
    this.numbers.textContent = parts.join("  ·  ");
    this.showBusy(s.busy);
    this.say([s.message, ...new Set(s.errors)].filter(Boolean).join(" "));
  }

  // What takes long is named, with its progress and a way to stop it.
  showBusy(busy) {
    if (!this.busy) {
      this.busy = make("span", "rx-busy");
      this.busy.setAttribute("role", "status");
      const bar = make("progress");
      bar.max = 1;
      const stop = make("button", "rx-text", "Cancel");
      stop.type = "button";
      stop.onclick = () => this.send(`&cancel=${encodeURIComponent(this.busy.dataset.name)}`);
      this.busy.append(make("span"), bar, stop);
      this.picks.before(this.busy);
    }
    this.busy.hidden = !busy;
    if (!busy) return;
    const [name, title, share] = busy;
    this.busy.dataset.name = name;
    this.busy.firstChild.textContent = title;
    this.busy.querySelector("progress").value = share;
  }

  say(text) {
    this.note.hidden = !text;
    if (this.note.textContent !== text) { this.note.textContent = text || ""; this.fit(); }
  }

  // -- drawing -------------------------------------------------------------------------------------------------

  schedule() {
    if (this.waiting || this.held || !window.Plotly) return;
    this.waiting = true;
    // Between two drawings the browser must get to paint and to handle input.
    requestAnimationFrame(() => setTimeout(() => this.drawAll(), 0));
  }

  async drawAll() {
    if (!this.root.isConnected) { this.waiting = false; return; }
    this.readLook();
    const resting = this.status.status === "training" ? performance.now() - CURVES_EVERY : Infinity;
    for (const card of this.cards.values()) {
      if (this.held) { this.waiting = false; return; } // until the button is up
      if (!card.dirty || (card.name === "curves" && card.drawn > resting && !card.root.classList.contains("rx-large"))) continue;
      try { await card.draw(); } catch (error) { console.error(`figure ${card.name}:`, error); }
    }
    this.root.dataset.drawn = String(this.status.step ?? "");
    this.root.dataset.frames = String(Number(this.root.dataset.frames || 0) + 1);
    this.waiting = false;
    if ([...this.cards.values()].some((card) => card.dirty && card.name !== "curves")) this.schedule();
  }

  point(time) {
    clearTimeout(this.unpointing);
    if (time === null) {
      this.unpointing = setTimeout(() => this.setTime(null), 120);
    } else this.setTime(time);
  }

  // Marked is the step that is pointed at, else the one that is chosen, on a board that lets one choose a step.
  setTime(pointed) {
    this.pointed = pointed;
    const time = pointed ?? (this.chooses("time") ? Number(this.chosen.time) : null);
    if (this.time === time) return;
    this.time = time;
    this.root.dataset.time = time === null ? "" : String(time);
    for (const card of this.cards.values()) card.mark(time);
  }

  readLook() {
    if (!this.root.isConnected) return;
    const style = getComputedStyle(this.root);
    const get = (name, other) => style.getPropertyValue(name).trim() || other;
    const text = get("--st-text-color", style.color);
    const background = get("--st-background-color", "#ffffff");
    const border = get("--st-border-color", "#cccccc");
    const font = get("--st-font", "sans-serif");
    const signature = [text, background, border, font].join();
    if (signature === this.look.signature) return;
    const axis = { gridcolor: border, zerolinecolor: border, linecolor: border, tickcolor: border, ticks: "outside",
      ticklen: 3, title: { font: { size: 11 }, standoff: 4 }, automargin: false };
    const space = { ...axis, backgroundcolor: "rgba(0,0,0,0)", showbackground: false };
    this.look = { signature, text, background, template: { layout: {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: text, family: font, size: 11 },
      colorway: ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"],
      xaxis: axis, yaxis: axis, scene: { xaxis: space, yaxis: space, zaxis: space },
      hoverlabel: { bgcolor: background, bordercolor: border, font: { color: text, size: 12 } },
      legend: { bgcolor: "rgba(0,0,0,0)" },
    } } };
    for (const card of this.cards.values()) card.dirty = card.whole = true;
    this.schedule();
  }

  fit() {
    const width = this.root.clientWidth;
    if (!width) return;
    const stacked = width < STACK_BELOW;
    this.root.classList.toggle("rx-stacked", stacked);
    if (stacked) this.grid.style.height = "";
    else {
      const top = this.grid.getBoundingClientRect().top + (document.querySelector('[data-testid="stMain"]')?.scrollTop || 0);
      this.grid.style.height = `${Math.max(window.innerHeight - top - 10, this.least || 560)}px`;
    }
  }

  async copyLink() {
    const address = `${window.location.origin}${window.location.pathname}?${this.link}`;
    try {
      await navigator.clipboard.writeText(address);
    } catch {
      // Without https a browser has no clipboard for scripts; a selected text field still can be copied.
      const field = make("textarea");
      field.value = address;
      document.body.appendChild(field);
      field.select();
      document.execCommand("copy");
      field.remove();
    }
    this.root.dataset.link = address;
    this.linkButton.textContent = "Copied";
    setTimeout(() => { this.linkButton.textContent = "Copy link"; }, 1500);
  }

  // -- coming and going ----------------------------------------------------------------------------------------

  attach(parent) {
    clearTimeout(this.leaving);
    if (this.root.parentNode !== parent) {
      parent.appendChild(this.root);
      this.path = window.location.pathname;
      this.mutedUntil = 0;
    }
    this.readLook();
    this.fit();
    requestAnimationFrame(() => this.fit()); // what stands above may only now have found its height
    this.schedule();
  }

  leave() {
    clearTimeout(this.leaving);
    this.leaving = setTimeout(() => {
      if (this.root.isConnected) return;
      if (this.source) this.source.close();
      clearInterval(this.watch);
      window.removeEventListener("resize", this.onResize);
      window.removeEventListener("keydown", this.onKey);
      this.widths.disconnect();
      for (const card of this.cards.values()) card.purge();
      boards.delete(this.key);
    }, PURGE_AFTER);
  }
}

// The ways to another page: a click on its link, and the browser's own back and forward.
document.addEventListener("click", (event) => {
  const link = event.target.closest && event.target.closest("a[href]");
  if (!link || link.hasAttribute("download") || link.target === "_blank") return;
  if (event.button || event.ctrlKey || event.metaKey || event.shiftKey) return; // opens elsewhere
  if (link.origin !== window.location.origin || link.pathname === window.location.pathname) return;
  for (const board of boards.values()) board.mute();
}, true);
window.addEventListener("popstate", () => {
  for (const board of boards.values()) if (board.path !== window.location.pathname) board.mute();
});

export default function (component) {
  const { data, parentElement, setStateValue } = component;
  if (!boards.has(data.board)) boards.set(data.board, new Board(data.board));
  const board = boards.get(data.board);
  board.attach(parentElement);
  board.show(data, setStateValue);
  board.speak();
  return () => board.leave();
}
