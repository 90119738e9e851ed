// Location: the page's address, its pulse, and files for the reader. It needs no view: it works
// as long as a component of its kernel is on the page.

import { runtime } from "./runtime.js";

const LOOK_MS = 1000;
const PING_MS = 10_000;
const LOST_MS = 15_000;
const RETRY_MS = 5_000;

/** A page of ours, not a notebook among others. */
const standalone = () => Boolean(document.body.dataset.voila);

/** The query without the access token, which is nobody's business. */
function query() {
  const all = Object.fromEntries(new URLSearchParams(location.search));
  delete all.token;
  return all;
}

/** @param {string} url */
function navigate(url) {
  const to = new URL(url, location.href);
  if (to.protocol !== "http:" && to.protocol !== "https:") return;
  if (standalone()) location.assign(to);
  else window.open(to, "_blank", "noopener");
}

/**
 * @param {Record<string, string | null>} changes
 * @param {boolean} push as a step that the back button takes back
 */
function setQuery(changes, push) {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  if (push && url.href !== location.href) history.pushState(null, "", url);
  else history.replaceState(history.state, "", url);
}

/** @param {{filename: string, mime: string}} file @param {DataView[]} buffers */
function download({ filename, mime }, buffers) {
  const url = URL.createObjectURL(new Blob(/** @type {any} */ (buffers), { type: mime }));
  const link = Object.assign(document.createElement("a"), { href: url, download: filename });
  document.body.appendChild(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Parts of files that are still on their way, by transfer. @type {Map<string, DataView[]>} */
const arriving = new Map();

/**
 * Take one part of a file; with the last one the file is saved.
 * @param {any} model
 * @param {{transfer: string, number: number, last: boolean, filename: string, mime: string}} part
 * @param {DataView[]} buffers
 */
function takePart(model, part, buffers) {
  const parts = part.number === 0 ? [] : arriving.get(part.transfer);
  if (!parts) return; // it began before this page came
  parts.push(...buffers);
  arriving.set(part.transfer, parts);
  if (part.last) {
    arriving.delete(part.transfer);
    download(part, parts);
  }
  model.send({ name: "part", transfer: part.transfer, number: part.number });
}

/** Pings while something of this kernel is shown; tells when the kernel has gone silent. */
class Pulse {
  /** @param {any} model @param {(lost: boolean, attempt: number) => void} show */
  constructor(model, show) {
    this.model = model;
    this.show = show;
    this.page = crypto.randomUUID?.() ?? String(Math.random()).slice(2);
    this.shown = false;
    this.lost = false;
    this.attempt = 0;
    this.heard = Date.now();
    this.pinged = 0;
    this.looked = Date.now();
    /** Sent, not answered; null when the kernel owes nothing. @type {number | null} */
    this.waitingSince = null;
    this.refused = false; // by the connection to a kernel that has died
  }

  onPage() {
    return document.querySelector(`[data-gw-kernel="${CSS.escape(this.model.get("_runtime"))}"]`) !== null;
  }

  ping() {
    this.pinged = Date.now();
    this.waitingSince ??= this.pinged;
    const visible = document.visibilityState === "visible";
    try {
      this.model.send({ name: "ping", page: this.page, visible, sent: this.pinged / 1000 });
    } catch {
      // The connection to a dead kernel refuses at once: no need to wait for the answer.
      this.refused = true;
    }
  }

  bye() {
    if (!this.shown) return;
    this.shown = false;
    this.model.send({ name: "bye", page: this.page });
  }

  look() {
    const now = Date.now();
    // The computer slept, or the tab was throttled: the silence was ours, start afresh.
    if (now - this.looked > 3 * LOOK_MS + RETRY_MS) this.waitingSince = this.waitingSince && now;
    this.looked = now;
    const on = this.onPage();
    if (on !== this.shown) {
      if (!on) return this.bye();
      this.shown = true;
      this.ping();
    }
    if (!on) return;
    if (now - this.pinged >= (this.waitingSince === null ? PING_MS : RETRY_MS)) {
      if (this.lost) this.attempt += 1;
      this.ping();
    }
    const late = this.waitingSince !== null && now - Math.max(this.waitingSince, this.heard) > LOST_MS;
    const silent = this.refused || late;
    if (silent && !this.lost) this.attempt = 1;
    if (silent || this.lost) {
      this.lost = true;
      this.show(true, this.attempt);
    }
  }

  /** Anything from the kernel: an answer, or the beat of its thread while it is busy. */
  hear() {
    this.heard = Date.now();
    this.refused = false;
    if (this.lost) this.show(false, 0);
    this.lost = false;
  }

  /** @param {{sent: number, time: number}} pong */
  pong({ sent, time }) {
    this.waitingSince = null;
    const trip = Date.now() / 1000 - sent;
    /** @type {any} */ (globalThis).gladiusClockOffset = time - (sent + trip / 2);
    this.hear();
  }
}

/** The "Connection Lost" overlay, and the faded page below it. */
class Overlay {
  /** @param {string} kernel @param {() => void} retry @param {AbortSignal} signal */
  constructor(kernel, retry, signal) {
    this.kernel = kernel;
    this.retry = retry;
    this.signal = signal;
    /** @type {AbortController | null} */
    this.life = null;
    /** @type {any} */
    this.tree = null;
    this.dismissed = false;
  }

  roots() {
    const roots = document.querySelectorAll(`[data-gw-kernel="${CSS.escape(this.kernel)}"]`);
    return Array.from(roots).filter((root) => !root.parentElement?.closest(".gw-root"));
  }

  /** @param {any} ui @param {boolean} lost @param {number} attempt @param {number} heard ms */
  show(ui, lost, attempt, heard) {
    for (const root of this.roots()) for (const child of root.children) {
      child.classList.toggle("is-stale", lost);
      child.toggleAttribute("inert", lost); // what it says may be old: neither read out nor reached
    }
    if (!lost) {
      this.dismissed = false;
      this.close();
      return;
    }
    if (this.dismissed) return;
    if (!this.life) this.open(ui);
    this.tree.update(content(attempt, new Date(heard)));
  }

  /** @param {any} ui */
  open(ui) {
    this.life = new AbortController();
    const signal = AbortSignal.any([this.signal, this.life.signal]);
    const root = ui.portal(signal);
    root.dataset.gwLost = "";
    const send = (/** @type {any} */ { name }) => {
      if (name === "retry") return this.retry();
      this.dismissed = true;
      this.close();
    };
    this.tree = new ui.Tree(root, { send, signal });
  }

  close() {
    this.life?.abort();
    this.life = null;
  }
}

/** @param {number} attempt @param {Date} heard */
function content(attempt, heard) {
  const h = (/** @type {string} */ t, /** @type {any} */ a, /** @type {any[]} */ ...c) => ({ t, a, c });
  const icon = (/** @type {string} */ name, /** @type {string} */ classes) =>
    h("svg", { class: `gw-i ${classes}`, "aria-hidden": "true" }, h("use", { href: `#i-${name}` }));
  const text = `Training may still be running on the server. The figures below are from ${heard.toLocaleTimeString()}.`;
  const button = (/** @type {string} */ name, /** @type {any} */ a, /** @type {any[]} */ ...c) => ({
    ...h("button", { type: "button", ...a }, ...c),
    on: { click: name },
  });
  return h("div", { class: "gw-overlay" },
    h("div", { class: "gw-offline", role: "alertdialog", "aria-modal": "true", "aria-label": "Connection Lost" },
      h("div", { class: "gw-modal__h" },
        h("span", { class: "gw-modal__ic" }, icon("wifi-off", "gw-i--20")),
        h("div", {}, h("h2", { class: "gw-modal__t" }, "Connection Lost"), h("p", { class: "gw-soft" }, text))),
      h("div", { class: "gw-well", style: { padding: "12px 16px" } },
        h("div", { class: "gw-row" },
          icon("spin", "gw-spin gw-t-blue"),
          h("span", { "aria-live": "polite" }, `Reconnecting, attempt ${attempt}`),
          h("span", { class: "gw-spacer" }))),
      h("div", { class: "gw-modal__f", style: { "margin-top": "4px" } },
        button("view", { class: "gw-btn" }, "View last state"),
        button("retry", { class: "gw-btn gw-btn--primary", autofocus: true }, icon("refresh", ""), "Retry now"))));
}

/** @param {{model: any, signal: AbortSignal}} context */
function initialize({ model, signal }) {
  const retry = () => (standalone() ? location.reload() : pulse.ping());
  const overlay = new Overlay(model.get("_runtime"), retry, signal);
  const pulse = new Pulse(model, async (lost, attempt) => {
    const ui = await runtime(model.get("_runtime")).promise;
    if (lost === pulse.lost) overlay.show(ui, lost, attempt, pulse.heard);
  });

  model.on("msg:custom", (/** @type {any} */ message, /** @type {DataView[]} */ buffers) => {
    if (message.pong) pulse.pong(message.pong);
    if (message.beat) pulse.hear();
    if (message.navigate) navigate(message.navigate);
    if (message.reload && standalone()) location.reload();
    if (message.query && standalone()) setQuery(message.query, Boolean(message.push));
    if (message.title && standalone()) document.title = message.title;
    if (message.download) download(message.download, buffers);
    if (message.part) takePart(model, message.part, buffers);
  });
  model.send({ name: "ready", query: query(), path: location.pathname, standalone: standalone() });

  const timer = setInterval(() => pulse.look(), LOOK_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  window.addEventListener("popstate", () => standalone() && model.send({ name: "query", query: query() }), { signal });
  window.addEventListener("pagehide", () => pulse.bye(), { signal });
  document.addEventListener("visibilitychange", () => pulse.shown && pulse.ping(), { signal });
}

export default { initialize, render() {} };
