// Child widgets: views of other models inside ours.

import { freeOnRemove } from "./free_views.js";

const LOOK_MS = 20;

/**
 * Show a child widget, of whatever library, in `host`. Attaching goes through Lumino, which tells
 * the child when it is on the page and how large it is; bqplot draws nothing before that.
 * @param {any} manager @param {string} id @param {HTMLElement} host
 * @returns {{view: Promise<any>, dispose: () => void}} the attached view, and the way to end it
 */
export function mount(manager, id, host) {
  const life = new AbortController();
  /** @type {any} */
  let made = null;
  const dispose = () => {
    if (life.signal.aborted) return;
    life.abort(new Error("disposed"));
    if (made) end(made.luminoWidget);
  };
  const view = (async () => {
    const one = await manager.create_view(await manager.get_model(id));
    if (life.signal.aborted) {
      end(one.luminoWidget);
      throw life.signal.reason;
    }
    made = one;
    freeOnRemove(one);
    await connected(host, life.signal);
    const widget = one.luminoWidget;
    const Lumino = widget.constructor;
    Lumino.attach(widget, host);
    follow(one, host, life.signal, () => widget.processMessage(Lumino.ResizeMessage.UnknownSize));
    return one;
  })();
  view.catch((error) => {
    if (!life.signal.aborted) console.error("[gladius] child widget:", error);
  });
  return { view, dispose };
}

/**
 * Wait until an element is on the page: before that it has neither size nor style.
 * @param {HTMLElement} host @param {AbortSignal} signal @returns {Promise<void>}
 */
export function connected(host, signal) {
  return new Promise((resolve, reject) => {
    const look = () => {
      if (signal.aborted) reject(signal.reason);
      else if (host.isConnected) resolve();
      else setTimeout(look, LOOK_MS);
    };
    look();
  });
}

/**
 * Have a view resized while it is shown. One in a hidden tab is not counted among its model's
 * views, by which the kernel knows that nobody sees what it would paint.
 * @param {any} view @param {HTMLElement} host @param {AbortSignal} signal @param {() => void} resize
 */
function follow(view, host, signal, resize) {
  /** @type {HTMLElement | null} */
  const tab = host.closest("[role=tabpanel]");
  let isCounted = true;
  const count = (/** @type {boolean} */ isShown) => {
    const views = view.model.get("_view_count");
    if (isShown === isCounted || typeof views !== "number") return;
    isCounted = isShown;
    view.model.set("_view_count", views + (isShown ? 1 : -1));
    view.model.save_changes();
  };
  const resized = new ResizeObserver(() => tab?.hidden || resize());
  const turned = new MutationObserver(() => count(!tab?.hidden));
  resized.observe(view.el);
  if (tab) turned.observe(tab, { attributeFilter: ["hidden"] });
  signal.addEventListener("abort", () => {
    resized.disconnect();
    turned.disconnect();
    count(true); // a view that ends takes itself off the count
  });
}

/** Lumino refuses to detach what has left the page already; then it is only told. @param {any} widget */
function end(widget) {
  if (widget.isAttached && !widget.node.isConnected) {
    widget.processMessage({ type: "before-detach" });
    widget.processMessage({ type: "after-detach" });
  }
  widget.dispose();
}
