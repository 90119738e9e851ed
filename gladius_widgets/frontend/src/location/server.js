// While the line is down: whether the server answers, and whether it still has the page's kernel.
//
// Jupyter tries again after random waits that double, and gives up after seven; this asks the
// server every few seconds instead, and has Jupyter connect once there is something to connect to.

import { standalone } from "./address.js";
import { reload } from "./kept.js";
import { TypedFields } from "./typed.js";

const WAITS_MS = [0, 1000, 1000, 2000, 2000, 3000]; // before each attempt, then the last
const AWAY_MS = 10_000; // without an answer: it is the server, not only the line
const ANSWER_MS = 2500;
const DEAD_SOCKET_MS = 4000; // the server answers, and yet the socket stays silent

/**
 * What stands in the way: `line` nothing known but the silence, `server` no answer, `kernel` the
 * kernel is gone and a reload did not help, `token` the server no longer knows this browser.
 * @typedef {"line" | "server" | "kernel" | "token"} Cause
 */

export class Server {
  /** @param {any} model @param {import("../line.js").Line} line @param {AbortSignal} signal */
  constructor(model, line, signal) {
    this.line = line;
    this.typed = new TypedFields(signal);
    this.kernel = model.widget_manager?.kernel;
    /** @type {Cause} */
    this.cause = "line";
    this.attempt = 0;
    this.next = 0; // when to ask again, ms
    this.asking = false;
    /** Since when the server has answered during this silence. @type {number | null} */
    this.answersSince = null;
    this.reconnected = 0; // when Jupyter was last made to connect, ms
    this.broken = false; // the socket was replaced: what was sent on the old one may be lost
    const changed = (/** @type {any} */ _, /** @type {string} */ status) => (this.broken ||= status !== "connected");
    this.kernel?.connectionStatusChanged?.connect(changed);
    signal.addEventListener("abort", () => this.kernel?.connectionStatusChanged?.disconnect(changed));
  }

  /** Called again and again while the line is down. */
  look() {
    if (!this.asking && Date.now() >= this.next && this.cause !== "kernel") this.check();
  }

  /** The line is up. @returns {boolean} whether the socket was replaced meanwhile */
  found() {
    const was = this.broken;
    this.cause = "line";
    this.attempt = this.next = 0;
    this.answersSince = null;
    this.broken = false;
    return was;
  }

  /** @param {boolean} [byHand] the reader asked for it */
  async check(byHand = false) {
    this.attempt += 1;
    this.next = Date.now() + WAITS_MS[Math.min(this.attempt, WAITS_MS.length - 1)];
    // In JupyterLab the line is that of the whole notebook: only the reader may have it renewed.
    if (!standalone() || !this.kernel) return byHand ? this.reconnect() : undefined;
    this.asking = true;
    const answer = await ask(this.kernel.id);
    this.asking = false;
    this.next = Date.now() + WAITS_MS[Math.min(this.attempt, WAITS_MS.length - 1)];
    if (this.line.lostAt === null) return;
    if (answer === "gone") this.cause = reload(this.typed.unsent(this.line.lostAt)) ? "line" : "kernel";
    else if (answer === "here") this.connect();
    else if (answer === "token" || Date.now() - this.line.lostAt > AWAY_MS) this.cause = answer;
  }

  /** The server has the kernel: connect to it, where that is not so already. */
  connect() {
    this.cause = "line";
    const now = Date.now();
    this.answersSince ??= now;
    const isClosed = this.kernel.connectionStatus !== "connected";
    const since = isClosed ? this.reconnected : Math.max(this.reconnected, this.answersSince);
    if (now - since > DEAD_SOCKET_MS) this.reconnect(); // else it may be about to answer
  }

  reconnect() {
    this.broken = true;
    this.reconnected = Date.now();
    this.kernel?.reconnect().catch(() => {}); // the next look tries again
  }
}

/** @param {string} kernel its id @returns {Promise<"here" | "gone" | "token" | "server">} */
async function ask(kernel) {
  const url = `${document.body.dataset.baseUrl ?? "/voila/"}kernel/${kernel}`;
  try {
    const answer = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) });
    if (answer.status === 403) return "token";
    if (!answer.ok) return "server";
    return (await answer.json()).alive ? "here" : "gone";
  } catch {
    return "server"; // nothing listens there, or nothing comes through
  }
}
