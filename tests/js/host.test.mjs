// The host of anywidgets on our own pages: a module may take its time, and no message is lost.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { constants, runInThisContext } from "node:vm";
import { settle, statics } from "./page.mjs";

URL.createObjectURL = (blob) => blob.address;
URL.revokeObjectURL = () => {};
globalThis.Blob = class {
  constructor([text]) {
    this.address = `data:text/javascript,${encodeURIComponent(text)}`;
  }
};

/** What the extensions of a page share: as little of @jupyter-widgets/base as the host uses. */
class DOMWidgetModel {
  initialize(state) {
    this.state = state;
    this.handled = [];
    this.listeners = [];
  }
  get(name) {
    return this.state[name];
  }
  set() {}
  save_changes() {}
  send() {}
  once(name, listener) {
    this.on(name, listener);
  }
  on(name, listener, context) {
    this.listeners.push({ name, listener, context });
  }
  off(name, listener, context) {
    const keeps = (one) => (name && one.name !== name) || (listener && one.listener !== listener) || (context && one.context !== context);
    this.listeners = this.listeners.filter(keeps);
  }
  fire(name) {
    for (const one of this.listeners) if (one.name === name) one.listener();
  }
  async _handle_comm_msg(message) {
    this.handled.push(message);
  }
}
class DOMWidgetView {
  constructor(model) {
    this.model = model;
    this.el = document.createElement("div");
  }
  remove() {}
}
const base = { DOMWidgetModel, DOMWidgetView, IJupyterWidgetRegistry: Symbol("registry") };

document.body.dataset.gwAnywidget = "0.11.0";
runInThisContext(readFileSync(new URL("host.js", statics), "utf8"), {
  importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
});
const shared = {
  "6.0.9": { get: async () => () => ({}) },
  "6.0.11": { get: async () => () => base },
  "6.0.2": { get: async () => () => ({}) },
};
globalThis._JUPYTERLAB.anywidget.init({ "@jupyter-widgets/base": shared });
const plugin = (await globalThis._JUPYTERLAB.anywidget.get("./extension"))();
let registered;
plugin.activate(null, { registerWidget: (data) => (registered = data) });
const { AnyModel, AnyView } = registered.exports;

function made(esm) {
  const model = new AnyModel();
  model.initialize({ _esm: esm });
  return model;
}

test("it stands for anywidget, in the version of the kernels", () => {
  assert.equal(registered.name, "anywidget");
  assert.equal(registered.version, "0.11.0");
});

test("it uses the widgets that the other extensions use: the newest, unless another is loaded", async () => {
  assert.deepEqual(plugin.requires, [base.IJupyterWidgetRegistry]);
  const other = { DOMWidgetModel, DOMWidgetView, IJupyterWidgetRegistry: Symbol("other") };
  const loaded = { "6.0.1": { get: async () => () => other, loaded: 1 }, "6.0.11": shared["6.0.11"] };
  globalThis._JUPYTERLAB.anywidget.init({ "@jupyter-widgets/base": loaded });
  const again = (await globalThis._JUPYTERLAB.anywidget.get("./extension"))();
  assert.deepEqual(again.requires, [other.IJupyterWidgetRegistry]);
});

test("a module that takes longer than anywidget would wait begins, and hears all", async () => {
  globalThis.go = {};
  globalThis.go.promise = new Promise((resolve) => (globalThis.go.resolve = resolve));
  const model = made("await globalThis.go.promise; export default { initialize() { globalThis.began = true; }, render({ el }) { el.textContent = 'drawn'; } };");
  const handled = [model._handle_comm_msg("first"), model._handle_comm_msg("second")];
  await new Promise((resolve) => setTimeout(resolve, 2100)); // anywidget's deadline
  assert.deepEqual(model.handled, []);
  globalThis.go.resolve();
  await Promise.all(handled);
  assert.equal(globalThis.began, true);
  assert.deepEqual(model.handled, ["first", "second"]);
  const view = new AnyView(model);
  await view.render();
  assert.equal(view.el.textContent, "drawn");
});

test("a view that is removed ends: its signal, its listeners, its cleanup", async () => {
  globalThis.ended = [];
  const model = made(`export default () => ({
    render({ model, signal }) {
      model.on("change:x", () => {});
      signal.addEventListener("abort", () => globalThis.ended.push("signal"));
      return () => globalThis.ended.push("cleanup");
    },
  })`);
  const view = new AnyView(model);
  await view.render();
  const own = () => model.listeners.filter((one) => one.context === view).length;
  assert.equal(own(), 1);
  view.remove();
  assert.equal(own(), 0);
  assert.deepEqual(globalThis.ended, ["signal", "cleanup"]);
});

test("a model that is destroyed ends", async () => {
  globalThis.over = false;
  const model = made("export default { initialize({ signal }) { signal.addEventListener('abort', () => (globalThis.over = true)); } };");
  await model.begun;
  model.fire("destroy");
  assert.equal(globalThis.over, true);
});

test("models of one text share its import, each with a widget of its own", async () => {
  globalThis.evaluations = 0;
  const text = "globalThis.evaluations += 1; export default () => ({ number: Math.random() });";
  const [one, other] = await Promise.all([made(text).begun, made(text).begun]);
  assert.equal(globalThis.evaluations, 1);
  assert.notEqual(one, other);
});

test("a module that fails is told, and its messages are not held back", async (t) => {
  const told = t.mock.method(console, "error", () => {});
  const model = made("throw new Error('broken');");
  await model._handle_comm_msg("late");
  await settle();
  assert.deepEqual(model.handled, ["late"]);
  assert.equal(told.mock.callCount(), 1);
});
