// The module of every component: begins at once, brings the rest, loses no message, says a failure.

import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeModel, settle, statics } from "./page.mjs";

const { default: boot } = await import(new URL("boot.js", statics).href);

let kernels = 0;
const bundle = (text) => `data:text/javascript,${encodeURIComponent(text)}`;
/** Blobs are not importable in node: an address stands for each. */
function importable() {
  URL.createObjectURL = (blob) => blob.address;
  URL.revokeObjectURL = () => {};
  globalThis.Blob = class {
    constructor([text]) {
      this.address = bundle(text);
    }
  };
}
importable();

/** A model of a component, with the traits that Python gives all. */
function model(traits) {
  const made = new FakeModel({ _esm_file: "", _esm_code: "", ...traits });
  const bound = {};
  for (const name of ["get", "set", "send", "on", "off", "save_changes"]) bound[name] = made[name].bind(made);
  return { made, bound };
}

const context = (bound) => ({ model: bound, signal: new AbortController().signal });
const THEME = (body = "") => `
  import "data:text/javascript,";
  const place = (id) => globalThis[Symbol.for("gladius:" + id)];
  ${body}
  export const modules = {
    theme: { initialize({ model }) { place(model.get("_runtime")).resolve({ modules }); }, render() {} },
    heard: { initialize({ model }) { model.on("msg:custom", (m) => globalThis.heard.push(m)); }, render({ el }) { el.textContent = "shown"; } },
  };`;

test("messages that come before the code are heard, in order, and once", async () => {
  const kernel = `boot-${++kernels}`;
  globalThis.heard = [];
  const component = model({ _esm_module: "heard", _runtime: kernel });
  const widget = boot();
  assert.equal(widget.initialize(context(component.bound)), undefined); // anywidget has not to wait
  component.made.message({ first: 1 });
  const theme = model({ _esm_module: "theme", _runtime: kernel, _esm_file: "page.js", _esm_code: THEME() });
  boot().initialize(context(theme.bound));
  component.made.message({ second: 2 });
  await settle();
  component.made.message({ third: 3 });
  assert.deepEqual(globalThis.heard, [{ first: 1 }, { second: 2 }, { third: 3 }]);
  const el = document.createElement("div");
  await widget.render({ ...context(component.bound), el });
  assert.equal(el.textContent, "shown");
});

test("a component with a bundle of its own brings it when it is shown", async () => {
  globalThis.evaluated = 0;
  const code = `globalThis.evaluated += 1; export const modules = { own: { render({ el }) { el.textContent = "own"; } } };`;
  const { bound } = model({ _esm_module: "own", _runtime: `boot-${++kernels}`, _esm_file: "own.js", _esm_code: code });
  const widget = boot();
  widget.initialize(context(bound));
  await settle();
  assert.equal(globalThis.evaluated, 0);
  const el = document.createElement("div");
  await widget.render({ ...context(bound), el });
  assert.equal(globalThis.evaluated, 1);
  assert.equal(el.textContent, "own");
});

test("what cannot be loaded says so, in every part that waits for it", async (t) => {
  t.mock.method(console, "error", () => {});
  const kernel = `boot-${++kernels}`;
  const component = model({ _esm_module: "heard", _runtime: kernel });
  const widget = boot();
  widget.initialize(context(component.bound));
  const theme = model({ _esm_module: "theme", _runtime: kernel, _esm_file: "page.js", _esm_code: THEME("throw new Error('broken');") });
  boot().initialize(context(theme.bound));
  const el = document.createElement("div");
  await widget.render({ ...context(component.bound), el });
  assert.match(el.textContent, /could not be loaded/);
  assert.equal(el.querySelector("[role=alert] button").textContent, "Reload the page");
});
