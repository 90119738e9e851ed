// Element as a widget: its model, its slots, its end.

import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeModel, h, load, settle, start } from "./page.mjs";

/** A view as ipywidgets makes it: of a library we know nothing of. */
class ForeignView {
  constructor(id) {
    this.log = [];
    const view = this;
    class Widget {
      static ResizeMessage = { UnknownSize: { type: "resize" } };
      static attach(widget, host) {
        if (!host.isConnected) throw new Error("Host is not attached.");
        host.appendChild(widget.node);
        widget.isAttached = true;
        view.log.push("attached");
      }
      node = Object.assign(document.createElement("div"), { id });
      isAttached = false;
      processMessage(message) {
        view.log.push(message.type);
        if (message.type === "after-detach") this.isAttached = false;
      }
      dispose() {
        if (this.isAttached && !this.node.isConnected) throw new Error("Widget is not attached.");
        this.node.remove();
        view.log.push("disposed");
      }
    }
    this.luminoWidget = new Widget();
    this.el = this.luminoWidget.node;
  }
}

async function element(traits) {
  const { end } = await start("element");
  const model = new FakeModel({ _runtime: "element", tree: h("div"), root_class: "", _slots: {}, ...traits });
  const views = {};
  model.widget_manager = {
    get_model: async (id) => ({ id }),
    create_view: async ({ id }) => (views[id] = new ForeignView(id)),
  };
  const life = new AbortController();
  const el = document.createElement("div");
  await (await load("element")).render({ model, el, signal: life.signal });
  await settle();
  return { model, el, views, end: () => (life.abort(), end()) };
}

test("draws, patches, sends and dresses", async () => {
  const { model, el, end } = await element({ tree: h("button", { on: { click: "go" } }, "a"), root_class: "x y" });
  document.body.append(el);
  assert.equal(el.className, "gw-root x y");
  assert.equal(el.dataset.gwKernel, "element");
  el.querySelector("button").click();
  assert.equal(model.sent[0].name, "go");
  model.receive("tree", h("button", null, "b"));
  model.receive("root_class", "z");
  assert.equal(el.textContent, "b");
  assert.equal(el.className, "gw-root z");
  end();
  assert.deepEqual(model.listeners, []);
  el.remove();
});

test("a child waits for the page, is replaced, and ends with its slot", async () => {
  const tree = h("div", null, h("slot", { name: "plot" }));
  const { model, el, views, end } = await element({ tree, _slots: { plot: "fig-1" } });
  assert.deepEqual(views["fig-1"].log, []); // not on the page yet
  document.body.append(el);
  while (!views["fig-1"].log.length) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(el.querySelector("[data-slot=plot] > div").id, "fig-1");
  model.receive("_slots", { plot: "fig-2" });
  while (!views["fig-2"]?.log.length) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(views["fig-1"].log, ["attached", "disposed"]);
  model.receive("tree", h("div"));
  assert.deepEqual(views["fig-2"].log, ["attached", "before-detach", "after-detach", "disposed"]);
  end();
  el.remove();
});

test("a view that ends before its child came leaves nothing", async () => {
  const tree = h("div", null, h("slot", { name: "plot" }));
  const { views, end } = await element({ tree, _slots: { plot: "fig" } });
  end();
  await settle();
  assert.deepEqual(views.fig.log, ["disposed"]);
});
