// Element: an element tree in the widget's own box, with child widgets in its slots.

import { runtime } from "./runtime.js";

/** @param {{model: any, el: HTMLElement, signal: AbortSignal}} context */
async function render({ model, el, signal }) {
  const { Tree, mount, root, send } = await runtime(model.get("_runtime")).promise;
  if (signal.aborted) return;
  root(el, model);
  const tree = new Tree(el, {
    signal,
    send: (/** @type {any} */ message, /** @type {string} */ label) => send(model, message, label),
    mount(/** @type {string} */ name, /** @type {HTMLElement} */ host) {
      const id = model.get("_slots")[name];
      return id ? mount(model.widget_manager, id, host).dispose : () => {};
    },
  });

  /** @type {Record<string, string>} */
  let slots = model.get("_slots");
  let classes = /** @type {string[]} */ ([]);
  const on = (/** @type {string} */ name, /** @type {(...a: any[]) => void} */ handler) => {
    model.on(name, handler);
    signal.addEventListener("abort", () => model.off(name, handler));
  };
  const dress = () => {
    el.classList.remove(...classes);
    classes = model.get("root_class").split(/\s+/).filter(Boolean);
    el.classList.add(...classes);
  };
  on("change:tree", () => tree.update(model.get("tree")));
  on("change:root_class", dress);
  on("change:_slots", () => {
    const now = model.get("_slots");
    for (const name of Object.keys({ ...slots, ...now })) if (slots[name] !== now[name]) tree.remount(name);
    slots = now;
  });
  on("msg:custom", (message) => message.reset && tree.reset());
  dress();
  tree.update(model.get("tree"));
}

export default { render };
