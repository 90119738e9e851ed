// What is shown over the figure: crosshair, points, tooltip; and where things are in it.

import { tidy } from "./bars.js";
import { fixed, move, nearest, place } from "./points.js";

const NEAR_PX = 24;
const TIP_GAP_PX = 12;

/** @typedef {{name: string, color: string, decimals: number, unit: string, log: boolean, view: any}} Series */
/** @typedef {{series: Series, index: number, x: any, y: number, px: number, py: number}} Point */

export class Chart {
  /** @param {{model: any, ui: any, box: HTMLElement, layer: HTMLElement, signal: AbortSignal}} parts */
  constructor({ model, ui, box, layer, signal }) {
    this.model = model;
    this.box = box;
    this.layer = layer;
    this.signal = signal;
    this.ui = ui;
    this.tree = new ui.Tree(layer, { send() {}, signal });
    /** @type {any} */
    this.figure = null;
    /** @type {Series[]} */
    this.series = [];
    /** The point shown. @type {Point | null} */
    this.point = null;
    /** Where the tooltip goes: the pointer, or null for the point itself. @type {{x: number, y: number} | null} */
    this.pointer = null;
    /** Plot-area x of both ends of a drag. @type {[number, number] | null} */
    this.brush = null;
    this.spoken = "";
    this.frame = 0;
    /** The marks along x, once there is one. @type {import("./ledger.js").Ledger | null} */
    this.ledger = null;
    /** The view of the x scale. @type {any} */
    this.axis = null;
    signal.addEventListener("abort", () => cancelAnimationFrame(this.frame));
  }

  /** @param {any} figure bqplot's view of the figure */
  async attach(figure) {
    // bqplot makes the views of the marks some time after its own.
    while (!figure.mark_views?.views.length && !this.signal.aborted) {
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
    this.figure = figure;
    figure.listenTo(figure.model, "change:marks", () => setTimeout(() => this.refresh()));
    const resized = new ResizeObserver(() => this.paint());
    resized.observe(this.box);
    // bqplot names each line "curve1"; nothing that we use asks for these names, and ids are unique.
    const unname = () => figure.el.querySelectorAll("[id^=curve]").forEach((/** @type {Element} */ path) => path.removeAttribute("id"));
    const drawn = new MutationObserver(unname);
    drawn.observe(figure.el, { childList: true, subtree: true });
    unname();
    this.signal.addEventListener("abort", () => (resized.disconnect(), drawn.disconnect()));
    await this.refresh();
  }

  /** Find the views of the marks; they come and go with the figure's marks. */
  async refresh() {
    if (!this.figure) return;
    const views = await Promise.all(this.figure.mark_views.views);
    if (this.signal.aborted) return;
    views.forEach(tidy);
    this.series = [];
    for (const one of this.model.get("_series")) {
      const view = views.find((v) => v.model.model_id === one.mark);
      if (!view) continue;
      this.series.push({ ...one, view });
      const changed = () => this.point && this.paint();
      view.listenTo(view.model, "change:x change:y", changed); // ends with the view
    }
    const axis = this.series[0]?.view.scales.x;
    if (axis && axis !== this.axis) axis.listenTo(axis.model, "domain_changed", () => this.paint());
    this.axis = axis ?? null;
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
  nearestOf(series, px) {
    const x = series.view.model.get("x") ?? [];
    const y = series.view.model.get("y") ?? [];
    const scale = series.view.scales.x.scale;
    const index = scale.invert ? nearest(x, y, Number(scale.invert(px))) : nearestListed(x, scale, px);
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
  show(px, pointer) {
    const points = this.series.map((series) => this.nearestOf(series, px)).filter((p) => p !== null);
    points.sort((a, b) => Math.abs(a.px - px) - Math.abs(b.px - px));
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
    const all = this.series.map((series) => (series === point.series ? point : this.nearestOf(series, point.px)));
    const far = this.model.get("lists_all") ? Infinity : NEAR_PX;
    return all.flatMap((p) => (p && Math.abs(p.px - point.px) <= far ? [p] : []));
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
    return name ?? `${this.model.get("x_label")} ${this.placeOf(x)}`.trim();
  }

  /** A sparser series may have its nearest point at another x: say so. @param {Point} p */
  nameOf(p) {
    return p.x === this.point?.x ? p.series.name : `${p.series.name} (${this.placeOf(p.x)})`;
  }

  /** @param {any} x */
  placeOf(x) {
    return place(x, this.model.get("x_kind"));
  }

  /** Lines with their look. */
  legend() {
    return this.series.map(({ name, color, view }) => ({ name, color, dash: view.model.get("line_style") === "dashed" ? "6 4" : "" }));
  }

  /** @param {Point} point */
  value({ series, y }) {
    return `${fixed(series.log ? 10 ** y : y, series.decimals)}${series.unit ? ` ${series.unit}` : ""}`;
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
      // Data or scale may have changed since.
      const { series, index } = this.point;
      const n = series.view.model.get("x").length;
      this.point = n > 0 ? this.at(series, Math.min(index, n - 1)) : null;
    }
    const inside = this.point && this.point.px >= -1 && this.point.px <= area.width + 1;
    const shown = inside ? this.neighbours() : [];
    this.tree.update(
      h("div", {},
        this.brush && h("div", { class: "gw-chart__brush", style: this.brushBox(area) }),
        this.cursorLine(area),
        shown.length > 0 && h("div", { class: "gw-chart__cross", style: px({ left: area.left + (this.point?.px ?? 0), top: area.top, height: area.height }) }),
        shown.filter((p) => Math.abs(p.px - (this.point?.px ?? 0)) <= NEAR_PX).map((p) => h("i", { class: "gw-chart__dot", style: { ...px({ left: area.left + p.px, top: area.top + p.py }), "--c": p.series.color } })),
        shown.length > 0 && this.tip(shown, area),
        h("div", { class: "gw-sr", role: "status", "aria-live": "polite" }, this.spoken)),
    );
    if (shown.length > 0) this.placeTip(area);
    this.ledger?.paint();
  }

  /** The line that all charts of a job point with. @param {{left: number, top: number, width: number, height: number}} area */
  cursorLine(area) {
    const x = this.model.get("cursor");
    const at = x === null ? NaN : this.scale()?.(x);
    if (!(at >= -1 && at <= area.width + 1)) return null;
    return h("div", { class: "gw-chart__cursor", style: px({ left: area.left + at, top: area.top, height: area.height }) });
  }

  /** @param {{left: number, top: number, height: number}} area */
  brushBox(area) {
    const [a, b] = /** @type {[number, number]} */ (this.brush);
    return px({ left: area.left + Math.min(a, b), width: Math.abs(a - b), top: area.top, height: area.height });
  }

  /** @param {Point[]} points @param {{left: number, top: number}} area */
  tip(points, area) {
    const note = this.model.get("x_notes")[String(this.point?.x)];
    const rows = points.flatMap((p) => [
      h("i", { style: { "--c": p.series.color } }), h("dt", {}, this.nameOf(p)), h("dd", {}, this.value(p)),
    ]);
    const at = this.pointer ?? { x: area.left + (this.point ?? points[0]).px, y: area.top + (this.point ?? points[0]).py };
    return h("div", { class: "gw-tip", style: px({ left: at.x + TIP_GAP_PX, top: at.y + TIP_GAP_PX }) },
      h("b", {}, this.title()), h("dl", {}, rows), note && h("div", { class: "gw-soft" }, note));
  }

  /** Flip the tooltip to the other side where it would leave the box. @param {{left: number}} area */
  placeTip(area) {
    const tip = /** @type {HTMLElement | null} */ (this.layer.querySelector(".gw-tip"));
    if (!tip || !this.point) return;
    const at = this.pointer ?? { x: area.left + this.point.px, y: 0 };
    const over = at.x + TIP_GAP_PX + tip.offsetWidth > this.box.clientWidth;
    tip.style.translate = over ? `calc(-100% - ${2 * TIP_GAP_PX}px)` : "";
  }
}

/** On a scale without an inverse (names): look at all. @param {any} x @param {any} scale @param {number} px */
function nearestListed(x, scale, px) {
  const half = scale.bandwidth ? scale.bandwidth() / 2 : 0;
  let best = -1;
  for (let i = 0; i < x.length; i++) {
    if (best < 0 || Math.abs(scale(x[i]) + half - px) < Math.abs(scale(x[best]) + half - px)) best = i;
  }
  return best;
}

/** @param {string} t @param {any} a @param {any[]} c */
function h(t, a, ...c) {
  return { t, a, c: c.flat().filter((x) => x !== null && x !== undefined && x !== false && x !== "") };
}

/** @param {Record<string, number>} lengths */
function px(lengths) {
  return Object.fromEntries(Object.entries(lengths).map(([name, value]) => [name, `${Math.round(value * 10) / 10}px`]));
}
