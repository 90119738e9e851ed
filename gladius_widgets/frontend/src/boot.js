// The module of every component. anywidget gives a module two seconds from the arrival of its
// model, and refuses it for good after that, which a busy computer needs for little: so this one
// starts at once and brings the rest itself, outside of those seconds.
//
// A component's code is in a bundle: `page.js`, which the Theme of its kernel brings for all, or
// one of its own, which comes when the component is first shown. Where `gladius serve` shows the
// page, bundles have an address and are cached by the browser; elsewhere a model carries the text.

import { runtime } from "./runtime.js";

/** @typedef {{initialize?: (context: any) => unknown, render: (context: any) => unknown}} Module */
/** @typedef {{modules: Record<string, Module>}} Bundle */

/** @param {any} model @returns {Promise<Bundle>} */
async function bundle(model) {
  const code = model.get("_esm_code");
  if (!code) return import(new URL(document.body.dataset.gwFiles + model.get("_esm_file"), document.baseURI).href);
  const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  return import(url).finally(() => URL.revokeObjectURL(url));
}

/**
 * Keep the messages of a model for whoever listens later.
 * @param {any} model
 * @returns {{model: any, end: () => void}} a model whose listeners are given them, and the way to stop
 */
function patient(model) {
  /** @type {any[][]} */
  const early = [];
  const keep = (/** @type {any[]} */ ...message) => early.push(message);
  model.on("msg:custom", keep);
  const on = (/** @type {string} */ name, /** @type {(...message: any[]) => void} */ listener) => {
    model.on(name, listener);
    if (name === "msg:custom") for (const message of early) listener(...message);
  };
  return { model: { ...model, on }, end: () => model.off("msg:custom", keep) };
}

/** Bring the code and begin. @param {any} context @returns {Promise<Module>} */
async function begin(context) {
  const { model, end } = patient(context.model);
  const shared = runtime(model.get("_runtime"));
  const name = model.get("_esm_module");
  try {
    const { modules } = model.get("_esm_file") ? await bundle(model) : await shared.promise;
    if (!context.signal.aborted) await modules[name].initialize?.({ ...context, model });
    return modules[name];
  } catch (error) {
    console.error(`[gladius] ${name}:`, error);
    if (name === "theme") shared.reject(error);
    throw error;
  } finally {
    end();
  }
}

/** Say that there is nothing to show, and what to do. @param {HTMLElement} el */
function apologise(el) {
  const text = el.appendChild(document.createElement("p"));
  text.setAttribute("role", "alert");
  text.textContent = "This part of the page could not be loaded. Jobs are not affected. ";
  const again = text.appendChild(document.createElement("button"));
  again.type = "button";
  again.textContent = "Reload the page";
  again.addEventListener("click", () => location.reload());
}

export default () => {
  /** @type {Promise<Module> | undefined} */
  let begun;
  return {
    /** @param {any} context */
    initialize(context) {
      const { model } = context;
      if (model.get("_esm_file") && model.get("_esm_module") !== "theme") return; // it waits to be shown
      begun = begin(context);
      begun.catch(() => {}); // said already; `render` says it to the reader
    },
    /** @param {any} context */
    async render(context) {
      begun ??= begin(context);
      /** @type {Module} */
      let module;
      try {
        module = await begun;
      } catch {
        apologise(context.el);
        return undefined;
      }
      return context.signal.aborted ? undefined : module.render(context);
    },
  };
};
