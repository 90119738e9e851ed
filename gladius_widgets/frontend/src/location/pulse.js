// The pulse of one kernel: the page pings now and then to say who looks, the kernel beats every
// second, from a thread, so that one that computes is not taken for lost.

const LOOK_MS = 250;
const PING_MS = 10_000;
const RETRY_MS = 2000;
const SILENT_MS = 2500; // with a look: shown less than 3 s after the last word
const FIRST_MS = 15_000; // until the first beat, which a starting kernel may keep back
const LONG_TRIP_S = 2; // the answer of a line that was cut says nothing of the clock
const STALLED_MS = 1500; // this page was held up: it is at fault, not the kernel

export class Pulse {
  /** @param {any} model @param {import("../line.js").Line} line @param {(lost: boolean) => void} show called at each look while lost, and once when found */
  constructor(model, line, show) {
    this.model = model;
    this.line = line;
    this.show = show;
    this.page = line.page;
    this.shown = false;
    this.beats = false; // since something of the kernel is on the page
    this.refused = false; // by the connection to a kernel that has died
    this.heard = this.looked = Date.now();
    this.pinged = 0;
  }

  /** @param {AbortSignal} signal */
  start(signal) {
    const timer = setInterval(() => this.look(), LOOK_MS);
    signal.addEventListener("abort", () => clearInterval(timer));
    window.addEventListener("pagehide", () => this.bye(), { signal });
    document.addEventListener("visibilitychange", () => this.shown && this.ping(), { signal });
  }

  onPage() {
    return document.querySelector(`[data-gw-kernel="${CSS.escape(this.model.get("_runtime"))}"]`) !== null;
  }

  ping() {
    this.pinged = Date.now();
    const visible = document.visibilityState === "visible";
    try {
      this.model.send({ name: "ping", page: this.page, visible, sent: this.pinged / 1000 });
    } catch {
      this.refused = true;
    }
  }

  bye() {
    if (!this.shown) return;
    this.shown = this.beats = false;
    try {
      this.model.send({ name: "bye", page: this.page });
    } catch {
      // nobody is left to say it to
    }
  }

  look() {
    const now = Date.now();
    const stalled = now - this.looked > STALLED_MS;
    this.heard = stalled ? Math.min(now, this.heard + now - this.looked) : this.heard;
    this.looked = now;
    const on = this.onPage();
    if (on !== this.shown) {
      if (!on) return this.bye();
      this.shown = true;
      this.heard = now;
      this.ping();
    }
    if (!on) return;
    if (now - this.pinged >= (this.line.isLost || !this.beats ? RETRY_MS : PING_MS)) this.ping();
    const silent = now - this.heard > (this.beats ? SILENT_MS : FIRST_MS);
    if (silent || this.refused) this.line.lose(this.heard);
    if (this.line.isLost) this.show(true);
  }

  /** Anything from the kernel. @param {number} time its monotonic clock, seconds */
  hear(time) {
    const found = this.line.isLost;
    this.heard = Date.now();
    this.refused = false;
    if (found) this.line.find();
    this.line.hear(time);
    if (found) this.show(false);
  }

  /** @param {number} time the kernel's monotonic clock, seconds */
  beat(time) {
    this.beats = true;
    this.hear(time);
  }

  /** @param {{sent: number, time: number, monotonic: number}} pong */
  pong({ sent, time, monotonic }) {
    const trip = Date.now() / 1000 - sent;
    if (trip < LONG_TRIP_S) this.line.wallOffset = time - (sent + trip / 2);
    this.hear(monotonic);
  }
}
