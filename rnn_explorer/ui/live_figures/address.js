// The address holds the place. The page's script writes the settings and the run into it; the browser adds what is
// looked at, under names that no setting has. Streamlit knows nothing of these parts and would lose them: each address
// that it goes to is completed here.

export const PREFIX = "see.";
export const MOST = 4096; // characters that the parts may take in an address; longer ones are refused on some ways
const SHARED = ["sequence", "layer", "direction", "unit", "at"]; // what another page has, too
const PASSED = ["present"]; // parts of others, which stay
const WRITE_EVERY = 400; // ms between two new addresses: browsers refuse more than a hundred in half a minute

/** @typedef {Record<string, string>} Parts */

/**
 * What an address says of what is looked at.
 * @param {string} search
 * @returns {Parts}
 */
export function partsOf(search) {
  /** @type {Parts} */
  const parts = {};
  for (const [name, value] of new URLSearchParams(search)) if (name.startsWith(PREFIX)) parts[name.slice(PREFIX.length)] = value;
  return parts;
}

/**
 * As many parts as an address has room for, the longest left out first; what is empty need not be said.
 * @param {Record<string, any>} parts
 * @returns {{ parts: Parts, left: string[] }}
 */
export function fitting(parts) {
  const all = Object.entries(parts).map(([name, value]) => /** @type {[string, string]} */ ([name, String(value)])).filter(([, value]) => value);
  const size = (/** @type {[string, string]} */ [name, value]) => new URLSearchParams({ [PREFIX + name]: value }).toString().length + 1;
  /** @type {string[]} */
  const left = [];
  let sum = all.reduce((so_far, part) => so_far + size(part), 0);
  for (const part of [...all].sort((a, b) => size(b) - size(a))) {
    if (sum <= MOST) break;
    left.push(part[0]);
    sum -= size(part);
  }
  return { parts: Object.fromEntries(all.filter(([name]) => !left.includes(name))), left };
}

/**
 * A query with these parts in place of those that it has.
 * @param {string} search
 * @param {Parts} parts
 */
export function withParts(search, parts) {
  const query = new URLSearchParams(search);
  for (const name of [...query.keys()]) if (name.startsWith(PREFIX)) query.delete(name);
  for (const [name, value] of Object.entries(parts)) query.set(PREFIX + name, value);
  return query.toString();
}

/**
 * What goes along from one page to another: what is chosen there under the same name.
 * @param {Parts} parts
 * @returns {Parts}
 */
export function shared(parts) {
  // A unit below zero is a word of one page: the mean, or the best.
  return Object.fromEntries(Object.entries(parts).filter(([name, value]) => SHARED.includes(name) && !(name === "unit" && value.startsWith("-"))));
}

/**
 * The address that Streamlit goes to, completed by what stays of the present one.
 * @param {URL} from
 * @param {URL} to
 * @returns {URL}
 */
export function completed(from, to) {
  const before = new URLSearchParams(from.search);
  const query = new URLSearchParams(to.search);
  const parts = from.pathname === to.pathname ? partsOf(from.search) : shared(partsOf(from.search));
  const [old, fresh] = [before.get("run"), query.get("run")];
  if (old && fresh && old !== fresh) delete parts.at; // a step of another run's past
  for (const name of PASSED) {
    const value = before.get(name);
    if (value === null) query.delete(name);
    else query.set(name, value);
  }
  const whole = new URL(to);
  whole.search = withParts(query.toString(), parts);
  return whole;
}

/**
 * The same address, in which the page opens presenting or does not.
 * @param {string} address
 * @param {boolean} on
 */
export function presentedAt(address, on) {
  const url = new URL(address);
  if (on) url.searchParams.set("present", "1");
  else url.searchParams.delete("present");
  return url.href;
}

export class Address {
  /** @param {Pick<Window, "history" | "location">} page */
  constructor(page) {
    this.page = page;
    this.visit = 0; // grows whenever another place is entered
    this.byLink = false; // whether by a link of the page, not by an address
    /** @type {Parts | null} */
    this.unwritten = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.writing = undefined;
    this.written = -Infinity;
    this.push = page.history.pushState.bind(page.history);
    page.history.pushState = (state, title, url) => this.goTo(state, title, url);
  }

  here() {
    return new URL(this.page.location.href);
  }

  /**
   * Streamlit goes to another address. It does so twice for another page: without a query, then with the one that the
   * script has written; of these there is to be one in the history.
   * @param {any} state
   * @param {string} title
   * @param {string | URL | null | undefined} url
   */
  goTo(state, title, url) {
    this.flush();
    const from = this.here();
    const to = completed(from, new URL(url ?? "", from));
    if (from.pathname !== to.pathname) { this.visit += 1; this.byLink = true; }
    const half = from.pathname === to.pathname && !from.searchParams.has("run");
    if (half || from.href === to.href) this.page.history.replaceState(state, title, to.href);
    else this.push(state, title, to.href);
  }

  /** The browser went back or forward. */
  wentBack() {
    clearTimeout(this.writing);
    this.writing = undefined;
    this.unwritten = null; // it was of the place that is left
    this.visit += 1;
    this.byLink = false;
  }

  /**
   * Have the address hold these parts, soon: a slider moves faster than a browser takes addresses.
   * @param {Parts} parts
   */
  write(parts) {
    this.unwritten = parts;
    if (this.writing !== undefined) return;
    this.writing = setTimeout(() => this.flush(), Math.max(0, this.written + WRITE_EVERY - performance.now()));
  }

  /** Now. */
  flush() {
    clearTimeout(this.writing);
    this.writing = undefined;
    if (!this.unwritten) return;
    const here = this.here();
    here.search = withParts(here.search, this.unwritten);
    this.unwritten = null;
    if (here.href === this.page.location.href) return;
    this.written = performance.now();
    try {
      this.page.history.replaceState(this.page.history.state, "", here.href);
    } catch (error) {
      console.warn("The address could not be kept up:", error);
    }
  }

  /** @param {boolean} on whether the page is presented */
  present(on) {
    const address = presentedAt(this.page.location.href, on);
    if (address !== this.page.location.href) this.page.history.replaceState(this.page.history.state, "", address);
  }

  parts() {
    return partsOf(this.page.location.search);
  }

  /**
   * Whether the address is about this run, or about none yet.
   * @param {string} run
   */
  isOf(run) {
    return [null, run].includes(this.here().searchParams.get("run"));
  }
}

/**
 * The links of a place: to this very run, and to its experiment anew, on whatever server.
 * @param {string} page its address without a query
 * @param {string} experiment the query of the experiment
 * @param {string} run
 * @param {Parts} parts what is looked at
 * @param {boolean} presenting whether they open in presenter mode
 * @returns {{ run: string, anew: string }}
 */
export function linksOf(page, experiment, run, parts, presenting) {
  const { at: _, ...lasting } = parts; // a new run has no past
  const more = presenting ? "&present=1" : "";
  const runPart = new URLSearchParams({ run }).toString();
  return { run: `${page}?${withParts(`${experiment}&${runPart}`, parts)}${more}`, anew: `${page}?${withParts(experiment, lasting)}${more}` };
}

/**
 * Whom a link to this host reaches; null: this computer alone.
 * @param {string} host without a port
 * @returns {string | null}
 */
export function reach(host) {
  const loopback = host === "localhost" || host.endsWith(".localhost") || host === "[::1]" || /^127(\.\d+){3}$/.test(host);
  return loopback ? null : host;
}
