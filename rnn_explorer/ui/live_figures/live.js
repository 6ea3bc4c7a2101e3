// The live figures of a run, drawn in place.
//
// One `Board` per component key lives in a page-level map: Streamlit may take the component out of the page and put
// it back during quick reruns, and the charts must survive that. A board holds one event stream for the run and the
// selection it shows, keeps the newest state of every figure, and draws in the browser's own rhythm: always the
// newest, skipping what was overtaken.

const boards = (window.__rnnExplorer = window.__rnnExplorer || new Map());
const PURGE_AFTER = 8000; // ms that a board may be out of the page before it is taken down
const STACK_BELOW = 820; // px of width under which the figures stand one below the other

const CURVES_EVERY = 140; // ms between two drawings of the learning curves, which change least from one moment to the next

// Colours of a scale as 256 entries of red, green, blue.
const tables = new Map();
function colourTable(scale) {
  const key = JSON.stringify(scale);
  if (!tables.has(key)) {
    const stops = scale.map(([at, colour]) => [at, colour.match(/[\d.]+/g) && colour.startsWith("rgb")
      ? colour.match(/[\d.]+/g).slice(0, 3).map(Number)
      : [1, 3, 5].map((n) => parseInt(colour.slice(n, n + 2), 16))]);
    const table = new Uint8ClampedArray(256 * 3);
    for (let n = 0; n < 256; n += 1) {
      const at = n / 255;
      let k = 1;
      while (k < stops.length - 1 && stops[k][0] < at) k += 1;
      const [low, from] = stops[k - 1];
      const [high, to] = stops[k];
      const share = high > low ? Math.min(Math.max((at - low) / (high - low), 0), 1) : 0;
      for (let c = 0; c < 3; c += 1) table[3 * n + c] = from[c] + share * (to[c] - from[c]);
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

const TOOLS = {
  curves: [{ field: "log", kind: "toggle", label: "log scale", title: "Logarithmic axis for the loss" }],
  path: [
    { field: "dims", kind: "select", title: "Dimensions of the path", options: [[2, "2D"], [3, "3D"]] },
    { field: "colour", kind: "select", title: "What the colours mean", options: [["time", "colour: time"], ["class", "colour: class"]] },
  ],
  gates: [
    { field: "gates", kind: "select", title: "How the gates are shown",
      options: [["maps", "all units"], ["unit", "one unit, as lines"], ["saturation", "saturation"]] },
  ],
};

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
    for (const tool of TOOLS[this.name] || []) tools.appendChild(this.board.control(tool));
    tools.appendChild(this.menu());
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
    for (const [form, text] of [["html", "HTML, interactive"], ["csv", "CSV, the numbers"]]) {
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
    this.root.style.order = news.order;
    this.dirty = true;
  }

  layout() {
    const look = this.board.look;
    const layout = { ...this.state.layout, template: look.template, autosize: true, uirevision: `${this.board.run}` };
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
    this.dirty = false;
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
        const colour = 3 * Math.round(Math.min(Math.max((value - trace.zmin) * scale, 0), 255));
        pixels.data[at] = colours[colour];
        pixels.data[at + 1] = colours[colour + 1];
        pixels.data[at + 2] = colours[colour + 2];
        pixels.data[at + 3] = 255;
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
    this.plot.on("plotly_doubleclick", () => { this.ranges = {}; this.redraw(); });
    this.plot.on("plotly_hover", (event) => this.board.point(this.timeOf(event.points[0], event)));
    this.plot.on("plotly_unhover", () => this.board.point(null));
    this.plot.on("plotly_click", (event) => this.picked(event.points[0]));
  }

  redraw() {
    this.dirty = this.whole = true;
    this.board.schedule();
  }

  zoomed(event) {
    for (const [key, value] of Object.entries(event)) {
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

  // A click on a row of a unit x time map chooses that unit.
  picked(point) {
    if (!point || !["states", "gates"].includes(this.name)) return;
    const trace = point.fullData || {};
    if (trace.type === "heatmap" && trace.meta && trace.meta.units) this.board.choose("unit", Math.round(Number(point.y)));
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

class Board {
  constructor(key) {
    this.key = key;
    this.cards = new Map();
    this.controls = [];
    this.time = null;
    this.status = {};
    this.choices = {};
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
    this.picks = {
      sequence: this.control({ field: "sequence", kind: "select", title: "The sequence that the figures show", options: [] }),
      layer: this.control({ field: "layer", kind: "select", title: "The recurrent layer that the figures show", options: [] }),
      direction: this.control({ field: "direction", kind: "select", title: "The direction of reading", options: [] }),
      unit: this.control({ field: "unit", kind: "number", title: "The hidden unit drawn as lines (or click a row of a map)" }),
    };
    picks.append(...Object.values(this.picks));
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
    root.append(bar, this.note, this.grid);
    this.onResize = () => this.fit();
    window.addEventListener("resize", this.onResize);
    this.widths = new ResizeObserver(() => this.fit());
    this.widths.observe(root);
    this.onKey = (event) => {
      if (event.key === "Escape") for (const card of this.cards.values()) if (card.root.classList.contains("rx-large")) card.enlarge(false);
    };
    window.addEventListener("keydown", this.onKey);
    this.watch = setInterval(() => this.readLook(), 1000);
  }

  // -- choosing what to see ------------------------------------------------------------------------------------

  control(tool) {
    const label = make("label", `rx-pick rx-pick-${tool.field}`);
    label.title = tool.title;
    let input;
    if (tool.kind === "toggle") {
      input = make("input");
      input.type = "checkbox";
      input.onchange = () => this.choose(tool.field, input.checked);
      label.append(input, make("span", "", tool.label));
    } else if (tool.kind === "number") {
      label.appendChild(make("span", "", tool.field));
      input = make("input");
      input.type = "number";
      input.min = "0";
      input.onchange = () => {
        const last = Math.max((this.choices.units || 1) - 1, 0);
        const value = Math.min(Math.max(Math.round(Number(input.value)) || 0, 0), last);
        input.value = String(value);
        this.choose(tool.field, value);
      };
      label.appendChild(input);
    } else {
      input = make("select");
      this.fill(input, tool.options);
      input.onchange = () => this.choose(tool.field, input.value);
      label.appendChild(input);
    }
    input.setAttribute("aria-label", tool.title);
    input.name = tool.field;
    // The page's own keys (p, n, e, x) must not act while somebody types here.
    input.addEventListener("keydown", (event) => event.stopPropagation());
    this.controls.push({ field: tool.field, input });
    return label;
  }

  fill(select, options) {
    const signature = JSON.stringify(options);
    if (select.dataset.signature === signature) return;
    select.dataset.signature = signature;
    select.replaceChildren(...options.map(([value, text]) => {
      const option = make("option", "", text);
      option.value = String(value);
      return option;
    }));
  }

  choose(field, value) {
    this.selection[field] = value;
    sessionStorage.setItem(`rx-selection-${this.key}`, JSON.stringify(this.selection));
    this.open();
  }

  query() {
    return new URLSearchParams(Object.entries(this.selection).map(([key, value]) => [key, String(value)])).toString();
  }

  showChoices() {
    const choices = this.choices;
    if (!choices.sequences) return;
    const set = (field, options, visible) => {
      const select = this.picks[field].querySelector("select");
      this.fill(select, options);
      this.picks[field].hidden = !visible;
    };
    set("sequence", choices.sequences.map((title, n) => [n, `${n + 1}: ${title}`]), true);
    set("layer", Array.from({ length: choices.layers }, (_, n) => [n, `layer ${n + 1}`]), choices.layers > 1);
    set("direction", choices.directions.map((name) => [name, name]), choices.directions.length > 1);
    const number = this.picks.unit.querySelector("input");
    number.max = String(choices.units - 1);
    for (const card of this.cards.values()) {
      for (const label of card.root.querySelectorAll(".rx-pick-colour")) label.hidden = !choices.classes;
    }
    const chosen = choices.chosen; // as the server fits it to this run
    for (const { field, input } of this.controls) {
      if (document.activeElement === input && input.type === "number") continue;
      if (input.type === "checkbox") input.checked = String(chosen[field]) === "true";
      else if (chosen[field] !== undefined) input.value = String(chosen[field]);
    }
  }

  // -- the stream ----------------------------------------------------------------------------------------------

  show({ run, base, plotly, link }, setState) {
    this.setState = setState;
    this.link = link;
    this.base = base;
    clearTimeout(this.leaving);
    if (run === this.run && this.source && this.source.readyState !== EventSource.CLOSED) return;
    if (run !== this.run) for (const card of this.cards.values()) { card.ranges = {}; card.whole = true; }
    this.run = run;
    loadPlotly(base, plotly).then(() => this.open(), () => this.say("The drawing script could not be loaded. Reload the page."));
  }

  open() {
    if (!window.Plotly) return;
    if (this.source) this.source.close();
    const source = (this.source = new EventSource(`${this.base}/explorer/live/${this.run}?${this.query()}`));
    const run = this.run;
    source.onmessage = (event) => { this.lost = 0; this.receive(JSON.parse(event.data), run); };
    source.addEventListener("gone", () => { source.close(); this.tell("gone"); });
    source.onerror = () => {
      // EventSource tries again by itself; only a lasting silence is worth a word.
      this.lost = (this.lost || 0) + 1;
      if (this.lost > 2) this.say("The connection to the server is lost; trying again.");
    };
  }

  receive(message, run) {
    if (run !== this.run) return;
    this.status = message.status;
    if (message.choices) this.choices = message.choices;
    const known = new Set(this.cards.keys());
    for (const [name, news] of Object.entries(message.figures)) {
      if (!this.cards.has(name)) {
        const card = new Card(this, name);
        this.cards.set(name, card);
        this.grid.appendChild(card.root);
      }
      this.cards.get(name).merge(news);
    }
    if (message.choices || known.size !== this.cards.size) this.showChoices();
    this.showStatus();
    this.schedule();
    this.tell(message.status.status);
  }

  tell(status) {
    if (this.told === `${this.run} ${status}`) return;
    this.told = `${this.run} ${status}`;
    if (this.setState) this.setState("status", `${this.run} ${status}`);
  }

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
    this.say(s.message);
  }

  say(text) {
    this.note.hidden = !text;
    if (this.note.textContent !== text) { this.note.textContent = text || ""; this.fit(); }
  }

  // -- drawing -------------------------------------------------------------------------------------------------

  schedule() {
    if (this.waiting || !window.Plotly) return;
    this.waiting = true;
    // Between two drawings the browser must get to paint and to handle input.
    requestAnimationFrame(() => setTimeout(() => this.drawAll(), 0));
  }

  async drawAll() {
    if (!this.root.isConnected) { this.waiting = false; return; }
    this.readLook();
    const resting = this.status.status === "training" ? performance.now() - CURVES_EVERY : Infinity;
    for (const card of this.cards.values()) {
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

  setTime(time) {
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
      this.grid.style.height = `${Math.max(window.innerHeight - top - 10, 560)}px`;
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
    if (this.root.parentNode !== parent) parent.appendChild(this.root);
    this.readLook();
    this.fit();
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

export default function (component) {
  const { data, parentElement, setStateValue } = component;
  if (!boards.has(data.board)) boards.set(data.board, new Board(data.board));
  const board = boards.get(data.board);
  board.attach(parentElement);
  board.show(data, setStateValue);
  return () => board.leave();
}
