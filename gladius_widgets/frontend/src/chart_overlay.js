// ChartOverlay: a bqplot figure with a layer over it that reads the figure's scales and marks.

import { Chart } from "./chart/chart.js";
import { Gestures } from "./chart/gestures.js";
import { runtime } from "./runtime.js";

/** @param {{model: any, el: HTMLElement, signal: AbortSignal}} context */
async function render({ model, el, signal }) {
  const ui = await runtime(model.get("_runtime")).promise;
  if (signal.aborted) return;
  ui.root(el, model);
  const box = document.createElement("div");
  const figure = box.appendChild(document.createElement("div"));
  const layer = box.appendChild(document.createElement("div"));
  box.className = "gw-chart";
  figure.className = "gw-mount";
  layer.className = "gw-chart__layer";
  box.setAttribute("role", "img");
  box.tabIndex = 0;
  el.appendChild(box);

  const { view, dispose } = ui.mount(model.widget_manager, model.get("_figure"), figure);
  signal.addEventListener("abort", dispose);
  const chart = new Chart({ model, ui, box, layer, signal });
  new Gestures(chart, { model, box, signal });
  const on = (/** @type {string} */ name, /** @type {(...a: any[]) => void} */ handler) => {
    model.on(name, handler);
    signal.addEventListener("abort", () => model.off(name, handler));
  };
  const name = () => box.setAttribute("aria-label", model.get("label"));
  on("change:label", name);
  on("change:_series", () => chart.refresh());
  on("msg:custom", (/** @type {any} */ message) => {
    if (!message.focus) return;
    box.focus({ preventScroll: true });
    box.scrollIntoView({ block: "nearest" });
  });
  name();
  view.then(
    (/** @type {any} */ made) => chart.attach(made),
    () => {}, // mount has said so
  );
}

export default { render };
