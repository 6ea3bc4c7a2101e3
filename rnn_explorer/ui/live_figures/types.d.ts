// What the modules pass to each other.

/** Rows of numbers: what a map shows. */
export type Rows = ArrayLike<number>[];

/** A trace as Plotly names its properties. */
export type Trace = Record<string, any>;

/** Where a figure shows time; see `rnn_explorer.figures.base.Mark`. */
export interface Mark {
  kind: "line" | "point" | "cells";
  axes: [string, string];
  trace: number;
  steps: ArrayLike<number>[];
}

/** One control; see `rnn_explorer.ui.views.base.Tool`. */
export interface Tool {
  field: string;
  kind: "select" | "toggle" | "number" | "range" | "button";
  title: string;
  place: string;
  label: string;
  options: [string | number, string][];
  low: number;
  high: number;
  step: number;
}

/** A control in the page. */
export interface Control {
  label: HTMLElement;
  input: HTMLInputElement | HTMLSelectElement | HTMLButtonElement;
  field: string;
  signature: string;
}

/** What a key does; see `Keys`. */
export interface Key {
  keys: string[]; // as a browser names them
  shown: string; // in the table, with a space between two
  words: string;
  shift?: boolean;
  when?: () => boolean; // whether it may act now; always, where it is not said
  act: (event: KeyboardEvent) => void;
}

/** Something that is not as usual. */
export interface Chip {
  name: string;
  text: string;
  title?: string;
  closing: string; // what its button does
  close: () => void;
}

/** The numbers and words of the status line. */
export interface Status {
  status: string;
  message: string;
  errors: string[];
  step: number;
  target: number;
  epoch: number;
  epochs: number;
  rate: number;
  val_loss: number | null;
  val_metric: number | null;
  val_step?: number | null;
  metric: string;
  test: [number, number] | null;
  at?: number | null; // not there in a frame of the status alone
  film: number;
  busy: [string, string, number] | null;
}

/** How the panels stand; see `rnn_explorer.ui.views.base.Grid`. */
export interface Grid {
  rows: string;
  spans: Record<string, [number, number]>;
  least: number;
}

export interface Token { text: string; term?: string; sub?: string; edited?: boolean }
export interface Equation { name: string; symbols: Token[]; numbers: Token[]; original: Token[] }
export interface Line { kind: string; text: string }

/** What is new about one panel. */
export interface News {
  title?: string;
  how?: string;
  marks?: Mark[];
  count?: number;
  layout?: Record<string, any>;
  data?: Record<string, Trace>;
  change?: Record<string, Trace>;
  svg?: string;
  equations?: Equation[];
  notes?: string[];
  lines?: Line[];
}

/** What is new about a run as it is looked at. */
export interface Frame {
  run: string;
  status: Status;
  frames?: number[];
  chosen?: Record<string, any>;
  tools?: Tool[];
  panels?: string[];
  grid?: Grid;
  figures: Record<string, News>;
}

/** The page's colors and font, and Plotly's template made of them. */
export interface Look {
  signature?: string;
  text?: string;
  background?: string;
  template?: Record<string, any>;
}

/** What brings frames; see `Connection`. */
export interface Wire {
  deferred: boolean;
  isOpen(): boolean;
  open(address: string): void;
  choose(cancel?: string): void;
  ready(sight: string[]): void;
  hurry(): void;
  close(): void;
}

/** Where a view's frames come from, and what there is beside them. */
export interface Outside {
  connect(owner: import("./connection.js").Owner): Wire;
  shares: boolean; // whether there are links to a place
  makesFiles: boolean; // whether figures can be had as files that a server makes
  end: string | null; // what the present of the run is called, where the run does not go on; null: it is "now"
  takeFilm: ((address: string, progress: (share: number) => void, signal: AbortSignal) => Promise<void>) | null;
}

/** Where the place that is seen is kept; see `Address`. */
export interface Addressing {
  visit: number;
  byLink: boolean;
  parts(): Record<string, string>;
  isOf(run: string): boolean;
  write(parts: Record<string, string>): void;
  present(on: boolean): void;
}

/** What the page's script tells; see `rnn_explorer.ui.live_figures.live_figures`. */
export interface ViewProps {
  view: string;
  run: string;
  link: string;
  base: string;
  plotly: string;
  ask: [string, any][];
  overrides: [string, string][];
  at: number | null;
  film: boolean;
  status: string;
  message: string;
  sentence: string;
  blocks: [rows: string, least: number, spans: [number, number][]];
  keys: [key: string, words: string][];
  filmed: boolean;
}

export type Report = (name: string, value: any) => void;

/** What a panel needs of the view that it stands on. */
export interface Owner {
  base: string;
  run: string;
  key: string;
  outside: Outside;
  chosen: Record<string, any>;
  status: Partial<Status>;
  panels: Map<string, PanelLike>;
  look: Look;
  scale: number; // of the figures' text, times that on the page
  stacked: boolean;
  time: number | null;
  held: boolean;
  query(): string;
  point(time: number | null): void;
  choose(field: string, value: any): void;
  chooses(field: string): boolean;
  most(field: string): number;
  schedule(): void;
  speak(words: string): void; // to who hears the page
}

export interface PanelLike {
  name: string;
  root: HTMLElement;
  title: HTMLElement;
  tools: HTMLElement;
  ranges: Record<string, any>;
  dirty: boolean;
  whole: boolean;
  drawn: number;
  merge(news: News): void;
  draw(): Promise<void>;
  mark(time: number | null): void;
  enlarge(large: boolean): void;
  redraw(): void;
  purge(): void;
}

declare global {
  interface Window {
    Plotly: any;
    __rnnExplorer: Map<string, any>;
    /** See `ui/early.js`. */
    rnnExplorerTheme: { isDark(): boolean; isChosen(): boolean; choose(dark: boolean): void };
  }
}
