// src/chart/points.js
var drawn = (y) => y !== null && y !== void 0 && Number.isFinite(Number(y));
function lowerBound(x, at) {
  let low = 0;
  let high = x.length;
  while (low < high) {
    const middle = low + high >> 1;
    if (x[middle] < at) low = middle + 1;
    else high = middle;
  }
  return low;
}
function nearest(x, y, at) {
  const n = Math.min(x.length, y.length);
  let right = lowerBound(x, at);
  let left = right - 1;
  while (left >= 0 && !drawn(y[left])) left--;
  while (right < n && !drawn(y[right])) right++;
  if (left < 0) return right < n ? right : -1;
  if (right >= n) return left;
  return at - x[left] <= x[right] - at ? left : right;
}
function move(y, from, steps) {
  const by = Math.sign(steps);
  let at = from;
  for (let left = Math.min(Math.abs(steps), y.length); left > 0; left--) {
    let next = at + by;
    while (next >= 0 && next < y.length && !drawn(y[next])) next += by;
    if (next < 0 || next >= y.length) break;
    at = next;
  }
  return at;
}
function fixed(value, decimals) {
  return value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}
function place(x) {
  if (typeof x !== "number") return String(x);
  return x.toLocaleString("en-US", { maximumFractionDigits: 2 });
}

// src/chart/chart.js
var NEAR_PX = 24;
var TIP_GAP_PX = 12;
var Chart = class {
  /** @param {{model: any, ui: any, box: HTMLElement, layer: HTMLElement, signal: AbortSignal}} parts */
  constructor({ model, ui, box, layer, signal }) {
    this.model = model;
    this.box = box;
    this.layer = layer;
    this.signal = signal;
    this.tree = new ui.Tree(layer, { send() {
    }, signal });
    this.figure = null;
    this.series = [];
    this.point = null;
    this.pointer = null;
    this.brush = null;
    this.spoken = "";
    this.frame = 0;
    signal.addEventListener("abort", () => cancelAnimationFrame(this.frame));
  }
  /** @param {any} figure bqplot's view of the figure */
  async attach(figure) {
    while (!figure.mark_views?.views.length && !this.signal.aborted) {
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
    this.figure = figure;
    figure.listenTo(figure.model, "change:marks", () => setTimeout(() => this.refresh()));
    await this.refresh();
  }
  /** Find the views of the marks; they come and go with the figure's marks. */
  async refresh() {
    if (!this.figure) return;
    const views = await Promise.all(this.figure.mark_views.views);
    if (this.signal.aborted) return;
    this.series = [];
    for (const one of this.model.get("_series")) {
      const view = views.find((v) => v.model.model_id === one.mark);
      if (!view) continue;
      this.series.push({ ...one, view });
      const changed = () => this.point && this.paint();
      view.listenTo(view.model, "change:x change:y", changed);
    }
    this.paint();
  }
  /** The plot area, in the box's pixels. */
  area() {
    const plot = this.figure?.el.querySelector(".plotarea_background");
    if (!plot) return null;
    const outer = this.box.getBoundingClientRect();
    const inner = plot.getBoundingClientRect();
    return { left: inner.left - outer.left, top: inner.top - outer.top, width: inner.width, height: inner.height };
  }
  /** The x scale, d3's. */
  scale() {
    return this.series[0]?.view.scales.x?.scale ?? null;
  }
  /** The shown range. @returns {[number, number] | null} */
  domain() {
    const domain = this.scale()?.domain();
    return domain && typeof domain[0] === "number" ? [domain[0], domain[domain.length - 1]] : null;
  }
  /** @param {Series} series @param {number} px of the plot area @returns {Point | null} */
  nearestOf(series, px2) {
    const x = series.view.model.get("x") ?? [];
    const y = series.view.model.get("y") ?? [];
    const scale = series.view.scales.x.scale;
    const index = scale.invert ? nearest(x, y, Number(scale.invert(px2))) : nearestListed(x, scale, px2);
    return index < 0 ? null : this.at(series, index);
  }
  /** @param {Series} series @param {number} index @returns {Point} */
  at(series, index) {
    const { model, scales } = series.view;
    const x = model.get("x")[index];
    const y = Number(model.get("y")[index]);
    const half = scales.x.scale.bandwidth ? scales.x.scale.bandwidth() / 2 : 0;
    return { series, index, x, y, px: scales.x.scale(x) + half, py: scales.y.scale(y) };
  }
  /** Show what is nearest to a place of the plot area. @param {number} px @param {{x: number, y: number} | null} pointer */
  show(px2, pointer) {
    const points = this.series.map((series) => this.nearestOf(series, px2)).filter((p) => p !== null);
    points.sort((a, b) => Math.abs(a.px - px2) - Math.abs(b.px - px2));
    this.point = points[0] ?? null;
    this.pointer = pointer;
    this.paint();
  }
  /** Move along the series of the shown point, by keys. @param {number} steps */
  step(steps) {
    const area = this.area();
    if (!this.series.length || !area) return;
    const found = this.point !== null;
    if (!found) this.show(steps > 0 ? 0 : area.width, null);
    if (this.point && (found || !Number.isFinite(steps))) {
      const { series, index } = this.point;
      this.point = this.at(series, move(series.view.model.get("y"), index, steps));
    }
    this.pointer = null;
    this.paint();
    this.speak();
  }
  hide() {
    this.point = null;
    this.spoken = "";
    this.paint();
  }
  /** One point a series, at about the same x. @returns {Point[]} */
  neighbours() {
    if (!this.point) return [];
    const { point } = this;
    const all = this.series.map((series) => series === point.series ? point : this.nearestOf(series, point.px));
    return all.flatMap((p) => p && Math.abs(p.px - point.px) <= NEAR_PX ? [p] : []);
  }
  /** For a screen reader, after a key. */
  speak() {
    const texts = this.neighbours().map((p) => `${this.nameOf(p)} ${this.value(p)}`);
    this.spoken = this.point ? `${this.title()}: ${texts.join(", ")}` : "";
    this.paint();
  }
  title() {
    const x = this.point?.x;
    const name = this.model.get("x_names")[String(x)];
    return name ?? `${this.model.get("x_label")} ${place(x)}`.trim();
  }
  /** A sparser series may have its nearest point at another x: say so. @param {Point} p */
  nameOf(p) {
    return p.x === this.point?.x ? p.series.name : `${p.series.name} (${place(p.x)})`;
  }
  /** @param {Point} point */
  value({ series, y }) {
    return `${fixed(y, series.decimals)}${series.unit ? ` ${series.unit}` : ""}`;
  }
  /** Once a frame, however often asked. */
  paint() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.paintNow();
    });
  }
  paintNow() {
    const area = this.area();
    if (!area || this.signal.aborted) return;
    if (this.point) {
      const { series, index } = this.point;
      const n = series.view.model.get("x").length;
      this.point = n > 0 ? this.at(series, Math.min(index, n - 1)) : null;
    }
    const inside = this.point && this.point.px >= -1 && this.point.px <= area.width + 1;
    const shown = inside ? this.neighbours() : [];
    this.tree.update(
      h(
        "div",
        {},
        this.brush && h("div", { class: "gw-chart__brush", style: this.brushBox(area) }),
        shown.length > 0 && h("div", { class: "gw-chart__cross", style: px({ left: area.left + shown[0].px, top: area.top, height: area.height }) }),
        shown.map((p) => h("i", { class: "gw-chart__dot", style: { ...px({ left: area.left + p.px, top: area.top + p.py }), "--c": p.series.color } })),
        shown.length > 0 && this.tip(shown, area),
        h("div", { class: "gw-sr", role: "status", "aria-live": "polite" }, this.spoken)
      )
    );
    if (shown.length > 0) this.placeTip(area);
  }
  /** @param {{left: number, top: number, height: number}} area */
  brushBox(area) {
    const [a, b] = (
      /** @type {[number, number]} */
      this.brush
    );
    return px({ left: area.left + Math.min(a, b), width: Math.abs(a - b), top: area.top, height: area.height });
  }
  /** @param {Point[]} points @param {{left: number, top: number}} area */
  tip(points, area) {
    const note = this.model.get("x_notes")[String(this.point?.x)];
    const rows = points.flatMap((p) => [
      h("i", { style: { "--c": p.series.color } }),
      h("dt", {}, this.nameOf(p)),
      h("dd", {}, this.value(p))
    ]);
    const at = this.pointer ?? { x: area.left + points[0].px, y: area.top + points[0].py };
    return h(
      "div",
      { class: "gw-tip", style: px({ left: at.x + TIP_GAP_PX, top: at.y + TIP_GAP_PX }) },
      h("b", {}, this.title()),
      h("dl", {}, rows),
      note && h("div", { class: "gw-soft" }, note)
    );
  }
  /** Flip the tooltip to the other side where it would leave the box. @param {{left: number}} area */
  placeTip(area) {
    const tip = (
      /** @type {HTMLElement | null} */
      this.layer.querySelector(".gw-tip")
    );
    if (!tip || !this.point) return;
    const at = this.pointer ?? { x: area.left + this.point.px, y: 0 };
    const over = at.x + TIP_GAP_PX + tip.offsetWidth > this.box.clientWidth;
    tip.style.translate = over ? `calc(-100% - ${2 * TIP_GAP_PX}px)` : "";
  }
};
function nearestListed(x, scale, px2) {
  const half = scale.bandwidth ? scale.bandwidth() / 2 : 0;
  let best = -1;
  for (let i = 0; i < x.length; i++) {
    if (best < 0 || Math.abs(scale(x[i]) + half - px2) < Math.abs(scale(x[best]) + half - px2)) best = i;
  }
  return best;
}
function h(t, a, ...c) {
  return { t, a, c: c.flat().filter((x) => x !== null && x !== void 0 && x !== false && x !== "") };
}
function px(lengths) {
  return Object.fromEntries(Object.entries(lengths).map(([name, value]) => [name, `${Math.round(value * 10) / 10}px`]));
}

// src/chart/gestures.js
var DRAG_PX = 5;
var WHEEL_MS = 50;
var SETTLE_MS = 400;
var Gestures = class {
  /** @param {import("./chart.js").Chart} chart @param {{model: any, box: HTMLElement, signal: AbortSignal}} parts */
  constructor(chart, { model, box, signal }) {
    this.chart = chart;
    this.model = model;
    this.box = box;
    this.meant = false;
    this.drag = null;
    this.asked = null;
    this.sending = 0;
    const listen = (name, f) => box.addEventListener(name, f, { signal });
    listen("pointermove", (e) => this.move(e));
    listen("pointerdown", (e) => this.down(e));
    listen("pointerup", (e) => this.up(e));
    listen("pointercancel", () => this.cancel());
    listen("pointerleave", () => this.leave());
    listen("dblclick", () => this.zoomTo(null));
    listen("keydown", (e) => this.key(e));
    listen("blur", () => chart.hide());
    box.addEventListener("wheel", (e) => this.wheel(e), { signal, passive: false });
    window.addEventListener("scroll", () => this.meant = false, { signal, capture: true, passive: true });
    signal.addEventListener("abort", () => clearTimeout(this.sending));
  }
  /** Place in the plot area; null outside. @param {MouseEvent} event */
  place(event) {
    const area = this.chart.area();
    if (!area) return null;
    const outer = this.box.getBoundingClientRect();
    const x = event.clientX - outer.left;
    const y = event.clientY - outer.top;
    const inside = x >= area.left - 4 && x <= area.left + area.width + 4 && y >= area.top - 4 && y <= area.top + area.height + 4;
    return { px: x - area.left, width: area.width, x, y, inside };
  }
  /** @param {PointerEvent} event */
  move(event) {
    const at = this.place(event);
    if (!at) return;
    if (event.movementX || event.movementY) this.meant = true;
    if (this.drag) this.dragged(at.px);
    else if (at.inside) this.chart.show(at.px, { x: at.x, y: at.y });
    else this.chart.hide();
  }
  leave() {
    if (!this.drag) this.chart.hide();
    this.meant = false;
  }
  /** @param {PointerEvent} event */
  down(event) {
    const at = this.place(event);
    const domain = this.chart.domain();
    if (event.button !== 0 || !at?.inside || !domain) return;
    this.drag = { px: at.px, domain, moved: false, shift: event.shiftKey };
    this.box.setPointerCapture(event.pointerId);
  }
  /** @param {number} px */
  dragged(px2) {
    const { drag, chart } = this;
    if (!drag) return;
    if (Math.abs(px2 - drag.px) >= DRAG_PX) drag.moved = true;
    if (!drag.moved || !this.model.get("zoomable")) return;
    const area = chart.area();
    if (!area) return;
    if (drag.shift) {
      const by = (drag.px - px2) / area.width * (drag.domain[1] - drag.domain[0]);
      this.zoomTo([drag.domain[0] + by, drag.domain[1] + by], WHEEL_MS);
      chart.hide();
    } else {
      chart.brush = [clamp(drag.px, 0, area.width), clamp(px2, 0, area.width)];
      chart.paint();
    }
  }
  /** @param {PointerEvent} event */
  up(event) {
    const { drag, chart } = this;
    const at = this.place(event);
    const area = chart.area();
    this.cancel();
    if (!drag || !at || !area) return;
    if (!drag.moved) return this.click(at.px);
    if (drag.shift || !this.model.get("zoomable")) return;
    const ends = [drag.px, at.px].map((px2) => valueAt(drag.domain, clamp(px2, 0, area.width) / area.width));
    this.zoomTo([Math.min(...ends), Math.max(...ends)]);
  }
  cancel() {
    this.drag = null;
    this.chart.brush = null;
    this.chart.paint();
  }
  /** @param {number} px */
  click(px2) {
    this.chart.show(px2, this.chart.pointer);
    this.choose();
  }
  choose() {
    const { point } = this.chart;
    if (point) this.model.send({ name: "click", event: "click", x: point.x, y: point.y, index: point.index, series: point.series.name });
  }
  /** @param {WheelEvent} event */
  wheel(event) {
    const at = this.place(event);
    const domain = this.range();
    if (!this.model.get("zoomable") || !at?.inside || !domain) return;
    if (!this.meant && document.activeElement !== this.box && !event.ctrlKey) return;
    event.preventDefault();
    const pixels = event.deltaMode === 1 ? event.deltaY * 16 : event.deltaY;
    this.zoomAround(valueAt(domain, at.px / at.width), Math.exp(clamp(pixels, -200, 200) / 400), WHEEL_MS);
  }
  /** @param {number} centre @param {number} factor @param {number} [wait] ms */
  zoomAround(centre, factor, wait = 0) {
    const domain = this.range();
    if (domain) this.zoomTo([centre - (centre - domain[0]) * factor, centre + (domain[1] - centre) * factor], wait);
  }
  /** The range shown, or the one on its way. @returns {[number, number] | null} */
  range() {
    if (this.asked && Date.now() - this.asked.at < SETTLE_MS) return this.asked.range;
    return this.chart.domain();
  }
  /** @param {[number, number] | null} range null for all @param {number} [wait] ms, to gather wheel steps */
  zoomTo(range, wait = 0) {
    if (!this.model.get("zoomable")) return;
    const bounded = range && this.bound(range);
    this.asked = bounded && { range: bounded, at: Date.now() };
    const send = () => {
      this.sending = 0;
      const last = this.asked?.range ?? [null, null];
      this.model.send({ name: "zoom", x0: last[0], x1: last[1] });
    };
    if (wait === 0) {
      clearTimeout(this.sending);
      send();
    } else {
      this.sending ||= setTimeout(send, wait);
    }
  }
  /** @param {[number, number]} range @returns {[number, number]} */
  bound([a, b]) {
    const extent = (
      /** @type {number[]} */
      this.model.get("_extent")
    );
    if (extent.length !== 2) return [a, b];
    const width = Math.min(b - a, extent[1] - extent[0]);
    const start = clamp(a, extent[0], extent[1] - width);
    return [start, start + width];
  }
  /** @param {KeyboardEvent} event */
  key(event) {
    const many = event.shiftKey ? 10 : 1;
    const domain = this.range();
    const middle = domain ? (domain[0] + domain[1]) / 2 : 0;
    const keys = {
      ArrowLeft: () => this.chart.step(-many),
      ArrowRight: () => this.chart.step(many),
      Home: () => this.chart.step(-Infinity),
      End: () => this.chart.step(Infinity),
      Enter: () => this.choose(),
      Escape: () => this.chart.hide(),
      "+": () => this.zoomAround(middle, 0.5),
      "=": () => this.zoomAround(middle, 0.5),
      "-": () => this.zoomAround(middle, 2),
      0: () => this.zoomTo(null)
    };
    if (event.ctrlKey || event.altKey || event.metaKey || !keys[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    keys[event.key]();
  }
};
function clamp(value, low, high) {
  return Math.max(low, Math.min(high, value));
}
function valueAt(domain, share) {
  return domain[0] + (domain[1] - domain[0]) * share;
}

// src/runtime.js
function runtime(id) {
  const key = /* @__PURE__ */ Symbol.for(`gladius:${id}`);
  const place2 = (
    /** @type {any} */
    globalThis
  );
  if (!place2[key]) {
    place2[key] = {};
    place2[key].promise = new Promise((resolve) => place2[key].resolve = resolve);
  }
  return place2[key];
}

// src/chart_overlay.js
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
  const on = (name2, handler) => {
    model.on(name2, handler);
    signal.addEventListener("abort", () => model.off(name2, handler));
  };
  const name = () => box.setAttribute("aria-label", model.get("label"));
  on("change:label", name);
  on("change:_series", () => chart.refresh());
  on("msg:custom", (message) => {
    if (!message.focus) return;
    box.focus({ preventScroll: true });
    box.scrollIntoView({ block: "nearest" });
  });
  name();
  view.then(
    (made) => chart.attach(made),
    () => {
    }
    // mount has said so
  );
}
var chart_overlay_default = { render };
export {
  chart_overlay_default as default
};
