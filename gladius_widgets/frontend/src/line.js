// The line to the kernel: whether it is up, what the kernel's clock says, and sending over it.
//
// A line may swallow a message and deliver it minutes later, and Jupyter keeps what is sent while
// it reconnects. So each message that acts carries the kernel's own time at which it was sent, by
// which the kernel refuses what was long on its way, and none is sent while the line is down.

/** What reports and does not act: late is better than never. */
const REPORTS = new Set(["change", "dismiss", "focusin", "focusout", "input", "visible"]);
const REMEMBERED = 100; // messages that the kernel may still ask about

/** @typedef {{send(message: any): void}} Sender */
/** @typedef {{model: Sender, message: Record<string, any>, label: string}} Waiting */

export class Line {
  constructor() {
    /** True once a Location watches the line; a page without one has nobody to tell. */
    this.watched = false;
    /** When the kernel was last heard (browser's ms), while the line is down; else null. @type {number | null} */
    this.lostAt = null;
    /** How far the kernel's wall clock is ahead of ours, in s, for texts that age. */
    this.wallOffset = 0;
    /** How far the kernel's monotonic clock is ahead of ours, in s. @type {number | null} */
    this.offset = null;
    /** Pressed before the kernel was first heard. @type {Waiting[]} */
    this.waiting = [];
    /** Sent since the line was last down. @type {string[]} */
    this.sent = [];
    /** Told of each message that is refused. @type {Set<(label: string, lostAt: number) => void>} */
    this.refusals = new Set();
    /** Told when the socket was replaced, so that what came on the old one may be missing. @type {Set<() => void>} */
    this.renewals = new Set();
    this.page = crypto.randomUUID?.() ?? String(Math.random()).slice(2);
    this.count = 0;
  }

  get isLost() {
    return this.lostAt !== null;
  }

  /** Unix seconds by the kernel's clock; it stands still while the line is down. */
  now() {
    return (this.lostAt ?? Date.now()) / 1000 + this.wallOffset;
  }

  /**
   * The kernel was heard. What it says is at best a moment old, so the latest of its clock that
   * fits what was heard is the right one.
   * @param {number} time seconds of the kernel's monotonic clock
   */
  hear(time) {
    const offset = time - performance.now() / 1000;
    if (this.offset === null || offset > this.offset) this.offset = offset;
    for (const { model, message, label } of this.waiting.splice(0)) this.send(model, message, label);
  }

  /** @param {number} lostAt when the kernel was last heard, browser's ms */
  lose(lostAt) {
    if (this.isLost) return;
    this.lostAt = lostAt;
    this.sent = [];
    for (const { label } of this.waiting.splice(0)) this.refuse(label);
  }

  /** The line is up again. Clocks may have slept meanwhile: the kernel's is learnt anew. */
  find() {
    if (!this.isLost) return;
    this.lostAt = null;
    this.offset = null;
  }

  /**
   * Send what the reader did, or refuse it aloud while the line is down.
   * @param {Sender} model @param {Record<string, any>} message @param {string} [label] what it is called on the page
   */
  send(model, message, label = "") {
    if (!this.watched || REPORTS.has(message.event)) return model.send(message);
    if (this.isLost) return this.refuse(label);
    if (this.offset === null) return void this.waiting.push({ model, message, label });
    const id = `${this.page}:${++this.count}`;
    this.sent = [...this.sent.slice(1 - REMEMBERED), id];
    try {
      model.send({ ...message, _sent: { at: performance.now() / 1000 + this.offset, id, label } });
    } catch {
      this.refuse(label); // the connection to a dead kernel refuses at once
    }
  }

  renewed() {
    for (const tell of this.renewals) tell();
  }

  /** @param {string} label */
  refuse(label) {
    for (const tell of this.refusals) tell(label, this.lostAt ?? Date.now());
  }

  /**
   * Whether a message is still meant: the kernel asks when one was long on its way.
   * @param {string} id @returns {boolean | null} null when another page sent it
   */
  isMeant(id) {
    return id.startsWith(`${this.page}:`) ? this.sent.includes(id) : null;
  }
}
