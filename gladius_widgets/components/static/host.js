"use strict";
(() => {
  // src/host.js
  var imported = /* @__PURE__ */ new Map();
  async function widgetOf(text) {
    if (!imported.has(text)) {
      const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
      imported.set(text, import(url).finally(() => URL.revokeObjectURL(url)));
    }
    const made = (await imported.get(text)).default;
    return typeof made === "function" ? made() : made;
  }
  function proxy(model, context) {
    return {
      get: model.get.bind(model),
      set: model.set.bind(model),
      save_changes: model.save_changes.bind(model),
      send: model.send.bind(model),
      on: (name, listener) => model.on(name, listener, context),
      off: (name, listener) => model.off(name, listener, context),
      widget_manager: model.widget_manager
    };
  }
  function atEnd(cleanup, signal) {
    if (typeof cleanup !== "function") return;
    if (signal.aborted) cleanup();
    else signal.addEventListener("abort", () => cleanup());
  }
  function classes({ DOMWidgetModel, DOMWidgetView }) {
    class AnyModel extends DOMWidgetModel {
      /** @param {...any} args */
      initialize(...args) {
        super.initialize(...args);
        const life = new AbortController();
        this.once("destroy", () => life.abort());
        this.begun = this.begin(life.signal);
        this.begun.catch((error) => console.error("[gladius] widget:", error));
      }
      /** @param {AbortSignal} signal */
      async begin(signal) {
        const widget = await widgetOf(this.get("_esm"));
        if (!signal.aborted) atEnd(await widget.initialize?.({ model: proxy(this, widget), signal }), signal);
        return widget;
      }
      /** Messages come in order, and after the module has begun. @param {...any} message */
      async _handle_comm_msg(...message) {
        await this.begun?.catch(() => {
        });
        return super._handle_comm_msg(...message);
      }
    }
    class AnyView extends DOMWidgetView {
      life = new AbortController();
      async render() {
        const { model, el, life: { signal } } = this;
        const widget = await model.begun;
        if (!signal.aborted) atEnd(await widget.render?.({ model: proxy(model, this), el, signal }), signal);
      }
      remove() {
        this.life.abort();
        this.model.off(null, null, this);
        super.remove();
      }
    }
    return { AnyModel, AnyView };
  }
  function isOlder(a, b) {
    const [left, right] = [a, b].map((text) => text.split(/[.+-]/).map((part) => Number(part) || 0));
    const at = left.findIndex((number, index) => number !== (right[index] ?? 0));
    return at >= 0 && left[at] < (right[at] ?? 0);
  }
  async function singleton(versions) {
    const chosen = Object.keys(versions).reduce(
      (best, one) => !versions[best].loaded && isOlder(best, one) ? one : best
    );
    versions[chosen].loaded = true;
    return (await versions[chosen].get())();
  }
  async function plugin(scope2) {
    const base = await singleton(scope2["@jupyter-widgets/base"]);
    return {
      id: "gladius:anywidget",
      requires: [base.IJupyterWidgetRegistry],
      autoStart: true,
      activate(_app, registry) {
        const version = document.body.dataset.gwAnywidget;
        registry.registerWidget({ name: "anywidget", version, exports: classes(base) });
      }
    };
  }
  var scope;
  var place = (
    /** @type {any} */
    globalThis
  );
  (place._JUPYTERLAB ??= {}).anywidget = {
    init(shared) {
      scope = shared;
    },
    async get() {
      const made = await plugin(scope);
      return () => made;
    }
  };
})();
