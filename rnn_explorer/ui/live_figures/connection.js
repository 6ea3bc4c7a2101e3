// The way to the server: frames come down an event stream, what is chosen goes up.

const PAUSE = 100; // ms between two words to the server

export class Connection {
  /**
   * @param {{ receive: (frame: any, run: string) => void, full: (text: string) => void, gone: () => void,
   *   lost: () => void }} owner who hears what comes
   * @param {string} name of this stream, which nobody else has
   */
  constructor(owner, name) {
    this.owner = owner;
    this.name = name;
    this.base = "";
    this.run = "";
    /** @type {() => string} */
    this.query = () => "";
    /** @type {EventSource | null} */
    this.source = null;
    this.failures = 0;
    this.sending = false;
    this.again = false;
    this.extra = "";
  }

  isOpen() {
    return this.source !== null && this.source.readyState !== EventSource.CLOSED;
  }

  /**
   * @param {string} base
   * @param {string} run
   * @param {() => string} query what is chosen now
   */
  open(base, run, query) {
    this.close();
    this.base = base;
    this.run = run;
    this.query = query;
    const source = (this.source = new EventSource(`${base}/explorer/live/${run}?stream=${this.name}&${query()}`));
    source.onmessage = (event) => { this.failures = 0; this.owner.receive(JSON.parse(event.data), run); };
    source.addEventListener("full", (event) => { source.close(); this.owner.full(JSON.parse(event.data)); });
    source.addEventListener("gone", () => { source.close(); this.owner.gone(); });
    source.onopen = () => {
      // It comes back with the address of its beginning, which is what was chosen then.
      if (this.failures) this.send();
    };
    source.onerror = () => {
      // EventSource tries again by itself; only a lasting silence is worth a word.
      this.failures += 1;
      if (this.failures > 2) this.owner.lost();
    };
  }

  /**
   * Tell the open stream what is wanted now; it goes on with all that it has drawn.
   * @param {string} [extra] more of the query, this once
   */
  send(extra = "") {
    if (extra) this.extra = extra;
    if (this.sending) { this.again = true; return; }
    this.sending = true;
    const address = `${this.base}/explorer/choose/${this.name}?${this.query()}${this.extra}`;
    this.extra = "";
    const next = () => setTimeout(() => {
      this.sending = false;
      if (this.again) { this.again = false; this.send(); }
    }, PAUSE);
    fetch(address, { method: "POST" }).then((answer) => { if (!answer.ok) this.open(this.base, this.run, this.query); next(); }, next);
  }

  close() {
    if (this.source) this.source.close();
  }
}
