// Toasts: short messages at the bottom right. It needs no view.

import { runtime } from "./runtime.js";

const LONGEST = 3;
/** Seconds by tone; errors stay. @type {Record<string, number>} */
const SECONDS = { blue: 2, gray: 2, green: 4, yellow: 6, orange: 6 };

/** @typedef {{id: string, title: string, text: string, tone: string, icon: string, action: string, seconds?: number | null}} Toast */

/** @param {Toast} toast */
function node(toast) {
  const h = (/** @type {string} */ t, /** @type {any} */ a, /** @type {any[]} */ ...c) => ({ t, a, c: c.filter(Boolean) });
  const icon = (/** @type {string} */ name, /** @type {string} */ classes) =>
    h("svg", { class: `gw-i ${classes}`, "aria-hidden": "true" }, h("use", { href: `#i-${name}` }));
  const urgent = toast.tone === "red" ? { role: "alert" } : {};
  return {
    ...h("div", { class: `gw-toast gw-tone-${toast.tone}`, ...urgent },
      icon(toast.icon, ""),
      h("p", {},
        h("b", { class: "gw-strong" }, toast.title),
        toast.text && h("br", {}),
        toast.text && h("span", { class: "gw-soft gw-small" }, toast.text)),
      toast.action && {
        ...h("button", { type: "button", class: "gw-linkbtn" }, toast.action),
        on: { click: "action" },
      },
      {
        ...h("button", { type: "button", class: "gw-btn gw-btn--sm gw-btn--icon gw-btn--ghost", "aria-label": "Dismiss" }, icon("x", "gw-i--14")),
        on: { click: "dismiss" },
      }),
    k: toast.id,
  };
}

/** @param {{model: any, signal: AbortSignal}} context */
async function start({ model, signal }) {
  const ui = await runtime(model.get("_runtime")).promise;
  if (signal.aborted) return;
  const root = ui.portal(signal);
  /** Refusals that the page tells by itself, the line being down. @type {Toast[]} */
  let own = [];
  let refused = 0;
  const send = (/** @type {any} */ { name, key: id }) => {
    if (own.some((toast) => toast.id === id)) {
      own = own.filter((toast) => toast.id !== id);
      show();
    } else if (name === "action") {
      ui.send(model, { name, id }, "That");
    } else {
      model.send({ name, id });
    }
  };
  const tree = new ui.Tree(root, { send, signal });
  /** @type {Map<string, ReturnType<typeof setTimeout>>} */
  const timers = new Map();
  const rest = () => {
    for (const timer of timers.values()) clearTimeout(timer);
    timers.clear();
  };
  const run = () => {
    for (const toast of /** @type {Toast[]} */ (model.get("items"))) {
      const seconds = toast.seconds ?? SECONDS[toast.tone];
      if (!seconds || timers.has(toast.id)) continue;
      timers.set(toast.id, setTimeout(() => model.send({ name: "expire", id: toast.id }), seconds * 1000));
    }
  };
  const show = () => {
    const items = /** @type {Toast[]} */ ([...model.get("items"), ...own]);
    const c = items.slice(-LONGEST).map(node);
    tree.update({ t: "div", a: { class: "gw-toasts", role: "status", "aria-live": "polite" }, c });
    run();
  };
  const refuse = (/** @type {string} */ label, /** @type {number} */ lostAt) => {
    const title = `${label || "That"} was refused`;
    const text = `No connection since ${new Date(lostAt).toLocaleTimeString()}: nothing was sent and nothing is queued.`;
    const again = own.filter((toast) => toast.title !== title);
    own = [...again, { id: `refused-${++refused}`, title, text, tone: "red", icon: "wifi-off", action: "" }];
    show();
  };
  ui.line.refusals.add(refuse);
  signal.addEventListener("abort", () => ui.line.refusals.delete(refuse));
  // While the reader is at a toast, none goes away.
  root.addEventListener("pointerenter", rest, { signal, capture: true });
  root.addEventListener("focusin", rest, { signal });
  root.addEventListener("pointerleave", run, { signal });
  root.addEventListener("focusout", run, { signal });
  signal.addEventListener("abort", rest);
  model.on("change:items", show);
  show();
}

/** @param {{model: any, signal: AbortSignal}} context */
function initialize(context) {
  start(context); // not awaited: anywidget gives a module two seconds to initialise
}

export default { initialize, render() {} };
