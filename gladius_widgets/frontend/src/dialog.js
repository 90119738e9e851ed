// Dialog: an element tree in a layer above the page, keeping the focus until answered.

import { runtime } from "./runtime.js";

const FOCUSABLE = "a[href], button:not(:disabled), input:not(:disabled), select:not(:disabled), textarea:not(:disabled), [tabindex='0']";

/**
 * @param {any} model @param {any} ui @param {AbortSignal} signal ends the dialog
 */
function open(model, ui, signal) {
  const before = /** @type {HTMLElement | null} */ (document.activeElement);
  const root = /** @type {HTMLElement} */ (ui.portal(signal));
  root.dataset.gwKernel = model.get("_runtime");
  const send = (/** @type {any} */ message, /** @type {string} */ label) => ui.send(model, message, label);
  const tree = new ui.Tree(root, { send, signal });
  const paint = () => tree.update({ t: "div", a: { class: "gw-overlay" }, c: [model.get("_tree")] });
  const fields = () => /** @type {HTMLElement[]} */ (Array.from(root.querySelectorAll(FOCUSABLE)));
  const focusFirst = () => {
    const first = root.querySelector("[autofocus]") ?? root.querySelector("[data-focus]:not(:disabled)") ?? fields()[0];
    /** @type {HTMLElement | undefined} */ (first)?.focus({ preventScroll: true });
  };
  // What had the focus may be gone, as when a dialog turns into one with other buttons.
  const repaint = () => {
    paint();
    const focused = document.activeElement;
    const lost = !focused || focused === document.body || (root.contains(focused) && focused.matches(":disabled"));
    if (lost && isTopmost(root)) focusFirst();
  };
  paint();
  model.on("change:_tree", repaint);
  focusFirst();

  // On the window and first of all: neither the page nor the notebook sees a key meanwhile.
  window.addEventListener(
    "keydown",
    (event) => {
      if (!isTopmost(root)) return;
      if (event.key === "Escape") {
        event.preventDefault();
        event.stopImmediatePropagation();
        model.send({ name: "dismiss", event: "dismiss" });
      } else if (event.key === "Tab") {
        event.preventDefault();
        event.stopImmediatePropagation();
        step(fields(), event.shiftKey ? -1 : 1);
      }
    },
    { signal, capture: true },
  );
  // The focus comes back in when it is moved out by any other means.
  document.addEventListener(
    "focusin",
    (event) => {
      if (isTopmost(root) && !root.contains(/** @type {Node} */ (event.target))) fields()[0]?.focus({ preventScroll: true });
    },
    { signal },
  );
  signal.addEventListener("abort", () => {
    model.off("change:_tree", repaint);
    if (before?.isConnected) before.focus({ preventScroll: true });
  });
}

/** @param {HTMLElement} root */
function isTopmost(root) {
  const open = Array.from(document.querySelectorAll(".gw-portal")).filter((p) => p.querySelector(".gw-overlay"));
  return open.pop() === root;
}

/** @param {HTMLElement[]} fields @param {number} by */
function step(fields, by) {
  if (fields.length === 0) return;
  const at = fields.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  fields[(at + by + fields.length) % fields.length].focus();
}

/** @param {{model: any, signal: AbortSignal}} context */
function initialize({ model, signal }) {
  /** @type {AbortController | null} */
  let life = null;
  const update = async () => {
    const ui = await runtime(model.get("_runtime")).promise;
    if (!model.get("shown") || signal.aborted) {
      life?.abort();
      life = null;
    } else if (!life) {
      life = new AbortController();
      open(model, ui, AbortSignal.any([life.signal, signal]));
    }
  };
  model.on("change:shown", update);
  update();
}

export default { initialize, render() {} };
