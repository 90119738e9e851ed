// What a page shows while its line is down: a bar, after some seconds a dialog over the faded page.

const DIALOG_MS = 6000;

/** @typedef {import("./server.js").Cause} Cause */
/** @typedef {{cause: Cause, attempt: number, lostAt: number, now: number}} State */

const TITLES = {
  line: ["Connection lost", "Reconnecting to the page's kernel"],
  server: ["Server not reachable", `No answer from ${location.host}`],
  kernel: ["Kernel died", "This page has stopped"],
  token: ["Not known to the server", "The server asks for its token"],
};
const TEXTS = {
  line: "The job is a process of its own and does not need this page.",
  server: "The job is a process of its own on that machine. Whether it runs, this page cannot tell from here.",
  kernel: "The process that draws this page has ended, again. The job does not need it; a reload starts a new one.",
  token: "Open the address that `gladius serve` printed: it carries the token.",
};

export class Lost {
  /** @param {string} kernel @param {any} ui @param {{retry: () => void, signal: AbortSignal}} options */
  constructor(kernel, ui, { retry, signal }) {
    this.kernel = kernel;
    this.ui = ui;
    this.retry = retry;
    this.signal = signal;
    /** @type {AbortController | null} */
    this.life = null;
    /** @type {any} */
    this.tree = null;
    this.dismissed = false;
    /** What had the focus before the dialog. @type {Element | null} */
    this.before = null;
  }

  /** @param {State} state */
  show(state) {
    const isLong = state.now - state.lostAt >= DIALOG_MS || state.cause === "kernel" || state.cause === "token";
    const isDialog = isLong && !this.dismissed;
    this.fade(true, isDialog);
    if (!this.life) this.open();
    this.tree.update(isDialog ? dialog(state) : bar(state));
  }

  hide() {
    this.fade(false, false);
    this.dismissed = false;
    this.life?.abort();
    this.life = null;
  }

  /** @param {boolean} isLost @param {boolean} isDialog what is below may be old: neither read out nor reached */
  fade(isLost, isDialog) {
    if (isDialog && !this.before) this.before = document.activeElement;
    for (const root of this.roots()) {
      if (isLost) root.dataset.gwLine = "lost";
      else delete root.dataset.gwLine;
      for (const child of root.children) {
        child.classList.toggle("is-stale", isDialog);
        child.toggleAttribute("inert", isDialog);
      }
    }
    if (isDialog || !this.before) return;
    if (this.before instanceof HTMLElement && this.before.isConnected) this.before.focus({ preventScroll: true });
    this.before = null;
  }

  roots() {
    const roots = document.querySelectorAll(`[data-gw-kernel="${CSS.escape(this.kernel)}"]`);
    return /** @type {HTMLElement[]} */ (Array.from(roots).filter((root) => !root.parentElement?.closest(".gw-root")));
  }

  open() {
    this.life = new AbortController();
    const signal = AbortSignal.any([this.signal, this.life.signal]);
    const root = this.ui.portal(signal);
    root.dataset.gwLost = "";
    const send = (/** @type {any} */ { name }) => {
      if (name === "retry") return this.retry();
      if (name === "reload") return location.reload();
      this.dismissed = true;
    };
    this.tree = new this.ui.Tree(root, { send, signal });
  }
}

const h = (/** @type {string} */ t, /** @type {any} */ a, /** @type {any[]} */ ...c) => ({ t, a, c: c.filter(Boolean) });

/** @param {string} name @param {string} [classes] */
const icon = (name, classes = "") =>
  h("svg", { class: `gw-i ${classes}`.trim(), "aria-hidden": "true" }, h("use", { href: `#i-${name}` }));

/** @param {string} name @param {string} label @param {any} [attributes] */
const button = (name, label, { symbol, ...attributes } = {}) => ({
  ...h("button", { type: "button", class: "gw-btn", ...attributes }, symbol && icon(symbol, "gw-i--14"), h("span", {}, label)),
  on: { click: name },
  k: name,
});

/** @param {State} state */
const way = ({ cause }) => (cause === "line" || cause === "server" ? ["retry", "Retry now"] : ["reload", "Reload page"]);

/** @param {number} ms */
const clockTime = (ms) => new Date(ms).toLocaleTimeString();

/** @param {State} state */
function bar(state) {
  const [name, label] = way(state);
  return h("div", { class: `gw-lostbar gw-tone-${state.cause === "line" ? "yellow" : "red"}` },
    icon("wifi-off", ""),
    h("p", { role: "alert" }, h("b", {}, `${TITLES[state.cause][0]}.`), ` Showing the state of ${clockTime(state.lostAt)}. Nothing is sent meanwhile.`),
    h("span", { class: "gw-spacer" }),
    h("span", { class: "gw-small gw-soft" }, `Attempt ${state.attempt}`),
    button(name, label, { class: "gw-btn gw-btn--sm", symbol: "refresh" }));
}

/** @param {State} state */
function dialog(state) {
  const { cause, attempt, lostAt, now } = state;
  const [kicker, title] = TITLES[cause];
  const [name, label] = way(state);
  const down = `${Math.floor((now - lostAt) / 1000)}s, attempt ${attempt}`;
  const command = cause === "server" && [
    h("p", { class: "gw-small gw-muted" }, "If the server was stopped, start it there:"),
    h("code", { class: "gw-mono" }, `gladius serve --port ${location.port || "80"}`),
  ];
  return h("div", { class: "gw-overlay" },
    h("div", { class: `gw-offline gw-lost gw-tone-${cause === "line" ? "yellow" : "red"}`, role: "alertdialog", "aria-modal": "true", "aria-label": kicker },
      h("div", { class: "gw-modal__h" },
        h("span", { class: "gw-modal__ic" }, icon(cause === "kernel" ? "cpu" : "wifi-off", "gw-i--20")),
        h("div", {},
          h("p", { class: "gw-lost__k" }, kicker),
          h("h2", { class: "gw-modal__t" }, title),
          h("p", { class: "gw-soft" }, `${TEXTS[cause]} The figures below are from ${clockTime(lostAt)}.`))),
      h("div", { class: "gw-well gw-lost__w" },
        h("div", { class: "gw-row" },
          (cause === "line" || cause === "server") && icon("spin", "gw-spin gw-t-blue"),
          h("span", {}, `Down for ${down}`)),
        ...(command || [])),
      h("div", { class: "gw-modal__f" },
        button("view", "View last state", { symbol: "eye" }),
        button(name, label, { class: "gw-btn gw-btn--primary", autofocus: true, symbol: "refresh" }))));
}
