// Hosts anywidgets on the pages of `gladius serve`, in place of anywidget's own extension.
//
// That one refuses for good whatever has not begun two seconds after its model came, which a busy
// computer takes; here a module may take its time, and messages wait for it. It is an extension as
// JupyterLab loads them: a container of module federation, https://webpack.js.org/concepts/module-federation
// The protocol of the modules is https://anywidget.dev/en/afm.

/** @typedef {{initialize?: (context: any) => any, render?: (context: any) => any}} Widget */

/** One import for all models with the same text. @type {Map<string, Promise<any>>} */
const imported = new Map();

/** @param {string} text @returns {Promise<Widget>} */
async function widgetOf(text) {
  if (!imported.has(text)) {
    const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    imported.set(text, import(url).finally(() => URL.revokeObjectURL(url)));
  }
  const made = (await imported.get(text)).default;
  return typeof made === "function" ? made() : made;
}

/** What a module sees of a model; `context` owns its listeners. @param {any} model @param {unknown} context */
function proxy(model, context) {
  return {
    get: model.get.bind(model),
    set: model.set.bind(model),
    save_changes: model.save_changes.bind(model),
    send: model.send.bind(model),
    on: (/** @type {string} */ name, /** @type {any} */ listener) => model.on(name, listener, context),
    off: (/** @type {string} */ name, /** @type {any} */ listener) => model.off(name, listener, context),
    widget_manager: model.widget_manager,
  };
}

/** What may be left to do when a widget or a view ends. @param {unknown} cleanup @param {AbortSignal} signal */
function atEnd(cleanup, signal) {
  if (typeof cleanup !== "function") return;
  if (signal.aborted) cleanup();
  else signal.addEventListener("abort", () => cleanup());
}

/** @param {{DOMWidgetModel: any, DOMWidgetView: any}} base */
function classes({ DOMWidgetModel, DOMWidgetView }) {
  class AnyModel extends DOMWidgetModel {
    /** @param {...any} args */
    initialize(...args) {
      super.initialize(...args);
      const life = new AbortController();
      this.once("destroy", () => life.abort());
      /** @type {Promise<Widget>} */
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
      await this.begun?.catch(() => {});
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

/** @param {string} a @param {string} b whether version `a` is older */
function isOlder(a, b) {
  const [left, right] = [a, b].map((text) => text.split(/[.+-]/).map((part) => Number(part) || 0));
  const at = left.findIndex((number, index) => number !== (right[index] ?? 0));
  return at >= 0 && left[at] < (right[at] ?? 0);
}

/**
 * The one instance of a package that all extensions use, chosen as webpack chooses it: the one that
 * is loaded, else the newest. Another instance would have another token of the widget registry.
 * @param {Record<string, {get: () => Promise<() => any>, loaded?: unknown}>} versions
 */
async function singleton(versions) {
  const chosen = Object.keys(versions).reduce((best, one) =>
    !versions[best].loaded && isOlder(best, one) ? one : best,
  );
  versions[chosen].loaded = true;
  return (await versions[chosen].get())();
}

/** @param {any} scope what the page's extensions share */
async function plugin(scope) {
  const base = await singleton(scope["@jupyter-widgets/base"]);
  return {
    id: "gladius:anywidget",
    requires: [base.IJupyterWidgetRegistry],
    autoStart: true,
    activate(/** @type {unknown} */ _app, /** @type {any} */ registry) {
      const version = document.body.dataset.gwAnywidget; // that of the kernels
      registry.registerWidget({ name: "anywidget", version, exports: classes(base) });
    },
  };
}

/** @type {any} */
let scope;
const place = /** @type {any} */ (globalThis);
(place._JUPYTERLAB ??= {}).anywidget = {
  init(/** @type {any} */ shared) {
    scope = shared;
  },
  async get() {
    const made = await plugin(scope);
    return () => made;
  },
};
