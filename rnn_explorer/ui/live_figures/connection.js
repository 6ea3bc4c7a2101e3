// The page's one connection: frames come down, what is chosen goes up. It comes back by itself, and says so in words.

import { decode } from "./codec.js";

export const PROTOCOL = 1;
const CHOOSE_EVERY = 100; // ms between two selections sent
const FIRST_WAIT = 500; // ms before it is tried again; each failure doubles it
const LONGEST_WAIT = 15000; // ms
const SILENCE = 25000; // ms without a word from the server, which speaks at least every ten seconds, after which it is lost
const PATIENCE = 10000; // ms that a server may take to answer
const LOOK_EVERY = 5000; // ms between two looks at whether the server is silent
const RECOVERY = 3000; // ms for which the page says that the connection is back

/**
 * What hears of the connection.
 * @typedef {object} Owner
 * @property {() => Record<string, any>} wish what is to be seen: run, view and query
 * @property {(frame: import("./types").Frame) => void} receive
 * @property {(words: string) => void} line how the connection is; "" when there is nothing to say
 * @property {(words: string) => void} notice a sentence of the server
 * @property {(words: string | null) => void} store how the store of runs is; "" when all is well, null while that is not known
 * @property {() => void} gone the run is not there any more
 */

/** What a browser has; tests have their own. */
const BROWSER = {
  connect: (/** @type {string} */ address) => new WebSocket(address),
  now: () => performance.now(),
  random: () => Math.random(),
  setTimeout: (/** @type {() => void} */ act, /** @type {number} */ wait) => /** @type {any} */ (setTimeout(act, wait)),
  clearTimeout: (/** @type {any} */ timer) => clearTimeout(timer),
};

/**
 * Milliseconds to wait after so many failures: growing, and never the same for all pages of a class.
 * @param {number} failures
 * @param {number} random from 0 to 1
 */
export function waitAfter(failures, random) {
  return Math.min(FIRST_WAIT * 2 ** (failures - 1), LONGEST_WAIT) * (0.75 + 0.25 * random);
}

export class Connection {
  /**
   * @param {Owner} owner
   * @param {typeof BROWSER} tools
   */
  constructor(owner, tools = BROWSER) {
    this.owner = owner;
    this.tools = tools;
    this.address = "";
    /** @type {WebSocket | null} */
    this.socket = null;
    this.live = false; // whether the page wants to be connected, and the server did not send it away
    this.lost = false;
    this.failures = 0;
    this.frame = 0; // number of the newest frame on this socket
    this.arrived = 0;
    this.heard = 0;
    this.retryAt = 0;
    this.chosenAt = -Infinity;
    this.deferred = false; // whether a choice waits to be told
    this.cancel = "";
    /** @type {Record<string, any>} */
    this.timers = {};
  }

  /**
   * Have a timer act once, instead of the one that has its name.
   * @param {string} name
   * @param {number} wait
   * @param {() => void} act
   */
  after(name, wait, act) {
    this.tools.clearTimeout(this.timers[name]);
    this.timers[name] = this.tools.setTimeout(act, wait);
  }

  isOpen() {
    return this.live;
  }

  /**
   * Ask for what the owner wishes to see now, over the socket that there is or a new one.
   * @param {string} address
   */
  open(address) {
    this.live = true;
    this.address = address;
    if (this.socket && this.socket.readyState === 1) this.hello();
    else if (!this.socket) this.connect();
  }

  connect() {
    this.drop();
    this.tools.clearTimeout(this.timers.words);
    const socket = (this.socket = this.tools.connect(this.address));
    socket.binaryType = "arraybuffer";
    this.frame = 0;
    this.heard = this.tools.now();
    socket.onopen = () => {
      this.heard = this.tools.now();
      if (this.lost) {
        this.owner.line("Connected again");
        this.after("words", RECOVERY, () => this.owner.line(""));
      }
      this.lost = false;
      this.owner.store(null);
      this.hello();
    };
    socket.onmessage = (event) => this.hear(event.data);
    socket.onclose = () => this.retry();
    this.after("watch", LOOK_EVERY, () => this.look());
  }

  /** Forget the socket that there is. */
  drop() {
    const socket = this.socket;
    this.socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  /** A line that is cut says nothing: only its silence tells. */
  look() {
    const socket = this.socket;
    if (!socket) return;
    const patience = socket.readyState === 0 ? PATIENCE : SILENCE;
    if (this.tools.now() - this.heard > patience) this.retry();
    else this.after("watch", LOOK_EVERY, () => this.look());
  }

  retry() {
    this.drop();
    if (!this.live) return;
    this.failures += 1;
    this.lost = true;
    this.retryAt = this.tools.now() + waitAfter(this.failures, this.tools.random());
    this.count();
  }

  /** Say how long it takes until it is tried again, and try then. */
  count() {
    const left = this.retryAt - this.tools.now();
    if (left <= 0) {
      this.owner.line("Not connected; trying again now");
      this.connect();
      return;
    }
    this.owner.line(`Not connected; trying again in ${Math.ceil(left / 1000)} s`);
    this.after("words", Math.min(left, 1000), () => this.count());
  }

  /** The network is back, as the browser says: no need to wait. */
  hurry() {
    if (!this.live || this.socket) return;
    this.retryAt = this.tools.now();
    this.count();
  }

  /** @param {Record<string, any>} words */
  say(words) {
    if (this.socket && this.socket.readyState === 1) this.socket.send(JSON.stringify(words));
  }

  hello() {
    this.say({ type: "open", protocol: PROTOCOL, ...this.owner.wish() });
  }

  /**
   * Tell what is chosen now: at once, then at most ten times a second.
   * @param {string} [cancel] a question that need not be answered
   */
  choose(cancel = "") {
    this.cancel = cancel || this.cancel;
    const wait = this.chosenAt + CHOOSE_EVERY - this.tools.now();
    this.deferred = wait > 0;
    if (wait > 0) {
      this.after("choose", wait, () => this.choose());
      return;
    }
    this.chosenAt = this.tools.now();
    const { query } = this.owner.wish();
    this.say({ type: "choose", query: this.cancel ? { ...query, cancel: this.cancel } : query });
    this.cancel = "";
  }

  /**
   * The newest frame is drawn; ask for the next one.
   * @param {string[]} sight the panels that are in sight
   */
  ready(sight) {
    if (this.frame) this.say({ type: "ready", frame: this.frame, took: Math.round(this.tools.now() - this.arrived), sight });
  }

  /** @param {string | ArrayBuffer} data */
  hear(data) {
    this.heard = this.tools.now();
    if (typeof data !== "string") {
      this.failures = 0;
      this.frame += 1;
      this.arrived = this.heard;
      this.owner.receive(decode(data));
      return;
    }
    const { type, text = "" } = JSON.parse(data);
    if (type === "ping") this.say({ type: "ping" });
    else if (type === "gone") {
      this.live = false; // until another run is asked for
      this.owner.gone();
    } else if (type === "full") {
      this.close();
      this.owner.notice(text);
    } else if (type === "error") {
      this.owner.notice(text);
    } else if (type === "store") {
      this.owner.store(text);
    }
  }

  close() {
    this.live = false;
    for (const timer of Object.values(this.timers)) this.tools.clearTimeout(timer);
    this.drop();
  }
}
