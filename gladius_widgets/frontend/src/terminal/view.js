// One view of a terminal: takes the output, follows it or lets the reader look around.

import { bookmarks } from "./bookmarks.js";
import { footer, menu, searchBar, toolbar } from "./chrome.js";
import { copyText } from "../copy.js";
import { Find } from "./find.js";
import { handleKey } from "./keys.js";
import { rowsOf } from "./lines.js";
import { Screen } from "./screen.js";

const seconds = () => (performance.timeOrigin + performance.now()) / 1000;

export class TerminalView {
  /** @param {{model: any, ui: any, section: HTMLElement, bar: HTMLElement, search: HTMLElement, host: HTMLElement, foot: HTMLElement, signal: AbortSignal}} parts */
  constructor({ model, ui, section, bar, search, host, foot, signal }) {
    this.model = model;
    this.ui = ui;
    this.section = section;
    this.host = host;
    this.signal = signal;
    this.view = String(Math.random()).slice(2);
    this.screen = new Screen(host);
    this.term = this.screen.term;
    this.marks = bookmarks(model, this.screen);
    this.state = { following: true, fresh: 0, more: false, searching: false, query: "", found: "", collapsed: false };
    /** Row the reader holds on to, having switched auto-scroll off at the end. @type {number | null} */
    this.held = null;
    this.asking = false;
    this.wasAtTop = true;
    this.find = new Find(this);
    this.send = (/** @type {any} */ message) => this.act(message);
    const options = { send: this.send, signal };
    this.trees = { bar: new ui.Tree(bar, options), find: new ui.Tree(search, options), foot: new ui.Tree(foot, options) };
    /** @type {{life: AbortController, row: number} | null} */
    this.menu = null;
    this.painting = 0;
    this.listen();
    this.paint();
    this.attach();
  }

  /** Have the newest lines, and all that follows. */
  attach() {
    this.model.send({ name: "attach", view: this.view });
  }

  listen() {
    const { model, signal, host } = this;
    const on = (/** @type {string} */ name, /** @type {(...a: any[]) => void} */ f) => {
      model.on(name, f);
      signal.addEventListener("abort", () => model.off(name, f));
    };
    on("msg:custom", (message, buffers) => this.receive(message, buffers));
    for (const name of ["title", "subtitle"]) on(`change:${name}`, () => this.paint());
    on("change:bookmarks", () => {
      this.marks.draw();
      this.paint();
    });
    window.addEventListener("keydown", (e) => handleKey(this, e), { signal, capture: true });
    host.addEventListener("wheel", (e) => this.wheel(e), { signal, passive: true });
    host.addEventListener("dblclick", (e) => this.marks.toggle(this.rowAt(e)), { signal });
    host.addEventListener("contextmenu", (e) => this.openMenu(e), { signal });
    this.term.onScroll(() => this.scrolled());
    this.term.onRender(() => this.scrolled());
    const again = () => this.attach(); // lines, or the word that they came, may be missing
    this.ui.line.renewals.add(again);
    const resized = new ResizeObserver(() => this.resize());
    resized.observe(host);
    signal.addEventListener("abort", () => {
      resized.disconnect();
      this.ui.line.renewals.delete(again);
      cancelAnimationFrame(this.painting);
      this.menu?.life.abort();
      model.send({ name: "detach", view: this.view });
      this.term.dispose();
    });
  }

  resize() {
    if (this.host.clientWidth === 0) return;
    this.screen.fitBox();
    this.marks.draw();
  }

  /** @param {any} message @param {DataView[]} buffers */
  receive(message, buffers) {
    if (message.data) this.data(message, buffers[0]);
    else if (message.replay === this.view) this.replay(message, buffers[0]);
    else if (message.older === this.view) this.older(message, buffers[0]);
    else if (message.reveal !== undefined) this.reveal(message, buffers[0]);
    else if (message.clear) {
      this.screen.reset(message.first);
      this.state.fresh = 0;
      this.marks.draw();
      this.paint();
    } else if (message.find !== undefined) this.find.open(message.find);
  }

  /** @param {{first: number, skipped: number, sent: number}} message @param {DataView} bytes */
  data({ first, skipped, sent }, bytes) {
    const received = seconds();
    const { screen, term } = this;
    if (skipped > 0) {
      screen.note(skipped);
      screen.line = first;
    }
    const before = screen.line;
    screen.write(bytes, () => {
      const parsed = seconds();
      this.model.send({ name: "ack", view: this.view, bytes: bytes.byteLength });
      if (this.held !== null && screen.atEnd()) term.scrollToLine(this.held);
      if (this.model.get("measure")) this.measured({ sent, received, parsed });
    });
    if (!this.state.following) this.state.fresh += screen.line - before;
    this.paint();
  }

  /** @param {{sent: number, received: number, parsed: number}} times */
  measured(times) {
    const drawn = this.term.onRender(() => {
      drawn.dispose();
      setTimeout(() => this.model.send({ name: "measured", ...times, painted: seconds() })); // after the frame
    });
  }

  /** @param {{first: number, more: boolean}} message @param {DataView} bytes */
  replay({ first, more }, bytes) {
    this.screen.reset(first);
    this.state.more = more;
    this.screen.write(bytes, () => {
      this.model.send({ name: "ack", view: this.view, bytes: bytes.byteLength });
      this.marks.draw();
      this.follow(true);
    });
  }

  /** @param {{first: number, more: boolean}} message @param {DataView} bytes */
  older({ first, more }, bytes) {
    this.state.more = more;
    this.asking = false;
    if (bytes.byteLength === 0) return this.paint();
    this.screen.prepend(new TextDecoder().decode(bytes), first, () => {
      this.marks.draw();
      this.paint();
    });
  }

  /** Go to a line, with the lines around it where they are not here. @param {{reveal: number, first: number}} message @param {DataView} bytes */
  reveal({ reveal, first }, bytes) {
    const { screen, term } = this;
    const go = () => {
      const at = rowsOf(term, screen.cursorLine - reveal);
      if (!at) return;
      this.follow(false);
      term.scrollToLine(Math.max(0, at.row - Math.floor(term.rows / 3)));
      this.held = term.buffer.active.viewportY;
      term.selectLines(at.row, at.row + at.height - 1);
    };
    if (reveal >= screen.first && reveal < screen.cursorLine) return go();
    this.state.more = true;
    screen.showPart(new TextDecoder().decode(bytes), first, () => {
      this.marks.draw();
      go();
    });
  }

  askOlder() {
    if (this.asking || !this.state.more) return;
    this.asking = true;
    this.follow(false);
    this.model.send({ name: "page", view: this.view, first: this.screen.first });
  }

  /** @param {boolean} on */
  follow(on) {
    const { screen, state, term } = this;
    if (on && screen.detached) {
      return this.attach(); // the newest lines are not here
    }
    state.following = on;
    this.held = on ? null : term.buffer.active.viewportY;
    if (on) {
      state.fresh = 0;
      term.scrollToBottom();
    }
    this.paint();
  }

  /** Where the reader has scrolled to decides whether the output is followed. */
  scrolled() {
    const { screen, state } = this;
    const atEnd = screen.atEnd();
    if (state.following && !atEnd) this.follow(false);
    else if (!state.following && !atEnd) this.held = null;
    else if (!state.following && atEnd && this.held === null && !screen.detached) this.follow(true);
    if (this.atTop() !== this.wasAtTop) this.paint();
  }

  atTop() {
    return this.term.buffer.active.viewportY === 0;
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    if (event.deltaY < 0 && this.atTop()) this.askOlder();
  }

  /** @param {{name: string, value?: string, keys?: {shift: boolean}}} message */
  act({ name, value, keys }) {
    /** @type {Record<string, () => void>} */
    const actions = {
      follow: () => this.follow(!this.state.following),
      end: () => this.follow(true),
      older: () => this.askOlder(),
      search: () => this.find.open(this.term.getSelection() || this.state.query),
      find: () => this.find.search(value ?? ""),
      "find-key": () => this.find.next(!keys?.shift),
      "find-next": () => this.find.next(true),
      "find-previous": () => this.find.next(false),
      "find-close": () => this.find.close(),
      copy: () => void copyText(this.term.hasSelection() ? this.term.getSelection() : this.screen.text),
      export: () => this.ui.send(this.model, { name: "export" }, "Export"),
      clear: () => this.ui.send(this.model, { name: "clear" }, "Clear"),
      collapse: () => this.collapse(),
      "bookmark-next": () => this.marks.next(() => this.follow(false)),
      "bookmark-here": () => this.menu && this.marks.toggle(this.menu.row),
    };
    actions[name]?.();
    // What was pressed may be gone with the next painting; the keys stay with the terminal.
    if (name === "end" || name === "older") this.host.focus({ preventScroll: true });
    if (this.menu) this.closeMenu();
  }

  collapse() {
    this.state.collapsed = !this.state.collapsed;
    this.section.classList.toggle("is-collapsed", this.state.collapsed);
    this.paint();
  }

  /** @param {MouseEvent} event */
  openMenu(event) {
    event.preventDefault();
    this.closeMenu();
    const life = new AbortController();
    const root = this.ui.portal(life.signal);
    root.dataset.gwKernel = this.model.get("_runtime");
    this.menu = { life, row: this.rowAt(event) };
    const tree = new this.ui.Tree(root, { send: this.send, signal: life.signal });
    const x = Math.min(event.clientX, innerWidth - 200);
    const y = Math.min(event.clientY, innerHeight - 170);
    tree.update(menu(x, y, this.term.hasSelection()));
  }

  closeMenu() {
    this.menu?.life.abort();
    this.menu = null;
  }

  /** The buffer row under the pointer. @param {MouseEvent} event */
  rowAt(event) {
    const screen = /** @type {HTMLElement} */ (this.host.querySelector(".xterm-screen"));
    const box = screen.getBoundingClientRect();
    const row = Math.floor(((event.clientY - box.top) / box.height) * this.term.rows);
    return this.term.buffer.active.viewportY + Math.max(0, Math.min(this.term.rows - 1, row));
  }

  /** Draw toolbar and footer, once a frame however often asked. @param {boolean} [now] */
  paint(now = false) {
    if (now) {
      cancelAnimationFrame(this.painting);
      this.painting = 0;
      this.paintNow();
    } else {
      this.painting ||= requestAnimationFrame(() => {
        this.painting = 0;
        this.paintNow();
      });
    }
  }

  paintNow() {
    if (this.signal.aborted) return;
    this.wasAtTop = this.atTop();
    const state = {
      ...this.state,
      title: this.model.get("title"),
      subtitle: this.model.get("subtitle"),
      lines: this.screen.line - this.screen.first,
      bookmarks: this.model.get("bookmarks").length,
      atTop: this.wasAtTop,
    };
    this.trees.bar.update(toolbar(state));
    this.trees.find.update(searchBar(state));
    this.trees.foot.update(footer(state));
  }
}
