// ChartOverlay: a bqplot figure with a layer over it that reads the figure's scales and marks.

import { Chart } from "./chart/chart.js";
import { Gestures } from "./chart/gestures.js";
import { Ledger } from "./chart/ledger.js";
import { picture } from "./chart/picture.js";
import { runtime } from "./runtime.js";

/** @param {{model: any, el: HTMLElement, signal: AbortSignal}} context */
async function render({ model, el, signal }) {
  const ui = await runtime(model.get("_runtime")).promise;
  if (signal.aborted) return;
  ui.root(el, model);
  const frame = document.createElement("div"); // marks are buttons, and an image has no buttons in it
  const box = frame.appendChild(document.createElement("div"));
  const strip = frame.appendChild(document.createElement("div"));
  const figure = box.appendChild(document.createElement("div"));
  const layer = box.appendChild(document.createElement("div"));
  box.className = "gw-chart";
  figure.className = "gw-mount";
  layer.className = "gw-chart__layer";
  box.setAttribute("role", "img");
  box.tabIndex = 0;
  frame.className = "gw-chartframe";
  strip.className = "gw-chart__marks";
  strip.setAttribute("role", "toolbar");
  strip.setAttribute("aria-label", "Events on the chart");
  strip.hidden = true;
  el.appendChild(frame);

  const { view, dispose } = ui.mount(model.widget_manager, model.get("_figure"), figure);
  signal.addEventListener("abort", dispose);
  const chart = new Chart({ model, ui, box, layer, signal });
  chart.ledger = new Ledger(chart, { model, ui, strip, signal });
  new Gestures(chart, { model, box, signal });
  const on = (/** @type {string} */ name, /** @type {(...a: any[]) => void} */ handler) => {
    model.on(name, handler);
    signal.addEventListener("abort", () => model.off(name, handler));
  };
  const name = () => box.setAttribute("aria-label", model.get("label"));
  on("change:label", name);
  on("change:_series", () => chart.refresh());
  on("change:cursor change:_marks change:x_kind change:x_label", () => chart.paint());
  on("msg:custom", (/** @type {any} */ message) => {
    if (message.picture !== undefined && chart.figure) void send(message.picture);
    if (!message.focus) return;
    box.focus({ preventScroll: true });
    box.scrollIntoView({ block: "nearest" });
  });
  const send = async (/** @type {string} */ title) => {
    const png = await picture(chart.figure, box, title, chart.legend());
    model.send({ name: "picture" }, undefined, [png]);
  };
  name();
  view.then(
    (/** @type {any} */ made) => chart.attach(made),
    () => {}, // mount has said so
  );
}

export default { render };
