// Hotkeys: one listener on the window, in the capture phase, so that a key of ours is taken before
// the notebook's command mode or the browser sees it. It needs no view.

import { runtime } from "./runtime.js";

const TEXT_FIELD = "textarea, select, [contenteditable=''], [contenteditable=true]";
const TEXT_INPUTS = new Set(["text", "search", "number", "date", "time", "datetime-local", "email", "url", "tel", "password"]);

/** "Ctrl+Shift+R", as components/hotkeys.py writes it. @param {KeyboardEvent} event */
function combination(event) {
  const single = event.key.length === 1;
  let key = single ? event.key.toUpperCase() : event.key;
  if (event.key === " ") key = "Space";
  // With Shift held, "1" arrives as "!": take the key's own digit.
  if (event.shiftKey && /^Digit\d$/.test(event.code)) key = event.code.slice(5);
  const letterOrName = !single || /^[A-Z0-9]$/.test(key);
  const parts = [];
  if (event.ctrlKey || (event.metaKey && navigator.platform.startsWith("Mac"))) parts.push("Ctrl");
  if (event.altKey) parts.push("Alt");
  if (event.shiftKey && letterOrName) parts.push("Shift");
  if (event.metaKey && !navigator.platform.startsWith("Mac")) parts.push("Meta");
  return [...parts, key].join("+");
}

/** @param {Element} target */
function isTextField(target) {
  if (target.closest(TEXT_FIELD)) return true;
  return target instanceof HTMLInputElement && TEXT_INPUTS.has(target.type);
}

/** In a text field, what types or edits belongs to it. @param {string} combo */
function belongsToField(combo) {
  return !/^(Ctrl\+|Alt\+|Shift\+|Meta\+)*F\d+$/.test(combo) && !/^Ctrl\+(Alt\+)?Shift\+[A-Y]$/.test(combo);
}

/** @param {{model: any, signal: AbortSignal}} context */
function initialize({ model, signal }) {
  /** @type {any} */
  let ui = null;
  runtime(model.get("_runtime")).promise.then((one) => (ui = one));
  /** @param {Element} target */
  const ours = (target) => {
    const root = target.closest(".gw-root");
    if (root) return root.closest("[data-gw-kernel]")?.getAttribute("data-gw-kernel") === model.get("_runtime");
    const shown = document.querySelector(`[data-gw-kernel="${CSS.escape(model.get("_runtime"))}"]`);
    return Boolean(document.body.dataset.voila) && Boolean(shown);
  };
  window.addEventListener(
    "keydown",
    (event) => {
      if (!model.get("enabled") || event.isComposing || !event.key) return;
      const combo = combination(event);
      const name = model.get("bindings")[combo];
      const target = event.target instanceof Element ? event.target : document.body;
      if (!name || !ours(target)) return;
      // Over the dialog of a lost line too a key has its answer: that it does nothing.
      if (!ui || (!ui.line.isLost && document.querySelector(".gw-overlay [aria-modal=true]"))) return;
      if (isTextField(target) && belongsToField(combo)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      if (!event.repeat) ui.send(model, { name, event: "hotkey", key: combo }, combo);
    },
    { signal, capture: true },
  );
}

export default { initialize, render() {} };
