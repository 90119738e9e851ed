// src/clock.js
function duration(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  if (s >= 3600) return `${Math.floor(s / 3600)}h ${String(Math.floor(s % 3600 / 60)).padStart(2, "0")}m`;
  if (s >= 60) return `${Math.floor(s / 60)}m ${String(s % 60).padStart(2, "0")}s`;
  return `${s}s`;
}

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
function place(x, kind = "number") {
  if (typeof x !== "number") return String(x);
  if (kind === "duration") return x < 10 ? `${fixed(x, 1)}s` : duration(x);
  if (kind === "count") return x.toLocaleString("en-US", { notation: "compact", maximumSignificantDigits: 5 });
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
    this.ledger = null;
    this.axis = null;
    signal.addEventListener("abort", () => cancelAnimationFrame(this.frame));
  }
  /** @param {any} figure bqplot's view of the figure */
  async attach(figure) {
    while (!figure.mark_views?.views.length && !this.signal.aborted) {
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
    this.figure = figure;
    figure.listenTo(figure.model, "change:marks", () => setTimeout(() => this.refresh()));
    const resized = new ResizeObserver(() => this.paint());
    resized.observe(this.box);
    this.signal.addEventListener("abort", () => resized.disconnect());
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
    const far = this.model.get("lists_all") ? Infinity : NEAR_PX;
    return all.flatMap((p) => p && Math.abs(p.px - point.px) <= far ? [p] : []);
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
        this.cursorLine(area),
        shown.length > 0 && h("div", { class: "gw-chart__cross", style: px({ left: area.left + (this.point?.px ?? 0), top: area.top, height: area.height }) }),
        shown.filter((p) => Math.abs(p.px - (this.point?.px ?? 0)) <= NEAR_PX).map((p) => h("i", { class: "gw-chart__dot", style: { ...px({ left: area.left + p.px, top: area.top + p.py }), "--c": p.series.color } })),
        shown.length > 0 && this.tip(shown, area),
        h("div", { class: "gw-sr", role: "status", "aria-live": "polite" }, this.spoken)
      )
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
    const at = this.pointer ?? { x: area.left + (this.point ?? points[0]).px, y: area.top + (this.point ?? points[0]).py };
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
  /** Hide the point; without one, let go of the cursor. */
  escape() {
    if (!this.chart.point && this.model.get("cursor") !== null) this.model.send({ name: "clear", event: "clear" });
    this.chart.hide();
  }
  /** Move by a share of what is shown. @param {number} share */
  pan(share) {
    const domain = this.range();
    const by = domain ? (domain[1] - domain[0]) * share : 0;
    if (domain) this.zoomTo([domain[0] + by, domain[1] + by]);
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
      Escape: () => this.escape(),
      PageUp: () => this.pan(-0.5),
      PageDown: () => this.pan(0.5),
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

// src/chart/ledger.js
var GAP_PX = 17;
var MOST_LINES = 6;
var TONES = ["red", "yellow", "orange", "blue", "green", "purple", "gray"];
function cluster(marks, px2, width, gap = GAP_PX) {
  const groups = [];
  for (const mark of marks) {
    const at = px2(mark.x);
    if (!(at >= -1 && at <= width + 1)) continue;
    const last = groups[groups.length - 1];
    if (!last || at - last.px >= gap) {
      groups.push({ ...mark, lines: [...mark.lines], px: at });
      continue;
    }
    last.count += mark.count;
    last.lines.push(...mark.lines);
    if (TONES.indexOf(mark.tone) < TONES.indexOf(last.tone)) {
      Object.assign(last, { tone: mark.tone, icon: mark.icon, name: mark.name, x: mark.x });
    }
  }
  return groups;
}
function story(group) {
  if (group.count === 1) return group.lines;
  const shown = group.lines.slice(0, MOST_LINES);
  const left = group.count - shown.length;
  return [`${group.count} events:`, ...shown, ...left > 0 ? [`and ${left} more`] : []];
}
var Ledger = class {
  /** @param {import("./chart.js").Chart} chart @param {{model: any, ui: any, strip: HTMLElement, signal: AbortSignal}} parts */
  constructor(chart, { model, ui, strip, signal }) {
    this.chart = chart;
    this.model = model;
    this.strip = strip;
    this.groups = [];
    this.told = null;
    this.stop = 0;
    this.tree = new ui.Tree(strip, { send: (m) => this.act(m), signal });
    const listen = (name, f) => strip.addEventListener(name, f, { signal });
    listen("pointerover", (e) => this.tell(this.indexOf(e.target)));
    listen("pointerleave", () => this.tell(null));
    listen("focusin", (e) => this.tell(this.indexOf(e.target)));
    listen("focusout", () => this.tell(null));
    listen("keydown", (e) => this.key(e));
  }
  /** @param {EventTarget | null} target */
  indexOf(target) {
    const button = target instanceof Element ? target.closest("button") : null;
    return button ? Number(button.dataset.index) : null;
  }
  /** @param {number | null} index */
  tell(index) {
    if (index === this.told) return;
    this.told = index;
    if (index !== null) this.chart.hide();
    this.chart.paint();
  }
  /** @param {{name: string, data: {index: string}}} message */
  act({ data }) {
    const group = this.groups[Number(data.index)];
    if (group) this.model.send({ name: "mark", event: "mark", mark: group.name, x: group.x });
  }
  /** @param {KeyboardEvent} event */
  key(event) {
    const last = this.groups.length - 1;
    const from = this.indexOf(event.target) ?? 0;
    const to = { ArrowRight: Math.min(from + 1, last), ArrowLeft: Math.max(from - 1, 0), Home: 0, End: last };
    if (!(event.key in to) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.stop = to[event.key];
    this.paint();
    this.strip.querySelectorAll("button")[this.stop]?.focus({ preventScroll: true });
  }
  /** Draw the row; the place of the plot may have changed. */
  paint() {
    const area = this.chart.area();
    const scale = this.chart.scale();
    const marks = this.model.get("_marks");
    if (!area || !scale) return;
    this.groups = cluster(marks, (x) => scale(x), area.width);
    this.stop = Math.max(0, Math.min(this.stop, this.groups.length - 1));
    this.strip.hidden = this.groups.length === 0;
    this.tree.update({ t: "div", c: this.groups.map((group, index) => this.button(group, index, area)) });
    const told = this.told === null ? void 0 : this.groups[this.told];
    const tip = this.strip.querySelector(".gw-tip");
    if (tip instanceof HTMLElement && told) {
      const over = area.left + told.px + 12 + tip.offsetWidth > this.chart.box.clientWidth;
      tip.style.translate = over ? "calc(-100% - 24px)" : "";
    }
  }
  /** @param {Group} group @param {number} index @param {{left: number, top: number, height: number}} area */
  button(group, index, area) {
    const lines = story(group);
    const px2 = `${Math.round((area.left + group.px) * 10) / 10}px`;
    const face = group.count > 1 ? group.count > 9 ? "9+" : String(group.count) : { t: "svg", a: { class: "gw-i gw-i--12", "aria-hidden": "true" }, c: [{ t: "use", a: { href: `#i-${group.icon}` } }] };
    const told = index === this.told;
    return {
      t: "div",
      k: group.name,
      a: { class: `gw-chart__mark gw-tone-${group.tone}`, style: { left: px2, top: `${area.top}px`, height: `${area.height}px` } },
      c: [
        {
          t: "button",
          a: { type: "button", "aria-label": lines.join(" "), "data-index": String(index), tabindex: index === this.stop ? "0" : "-1" },
          c: [face],
          on: { click: "mark" }
        },
        told && { t: "div", a: { class: "gw-tip gw-chart__story" }, c: lines.map((text, i) => ({ t: i === 0 && group.count > 1 ? "b" : "div", c: [text] })) }
      ].filter(Boolean)
    };
  }
};

// src/chart/picture.js
var SCALE = 2;
var HEAD_PX = 44;
var PAD_PX = 16;
var STYLES = [
  "fill",
  "fill-opacity",
  "stroke",
  "stroke-width",
  "stroke-opacity",
  "stroke-dasharray",
  "stroke-linecap",
  "stroke-linejoin",
  "opacity",
  "font-family",
  "font-size",
  "font-weight",
  "text-anchor",
  "dominant-baseline",
  "display",
  "visibility",
  "clip-path"
];
var SVG = "http://www.w3.org/2000/svg";
async function picture(figure, box, title, legend) {
  const { width, height } = box.getBoundingClientRect();
  const whole = { width: width + 2 * PAD_PX, height: height + HEAD_PX + PAD_PX };
  const svg = make("svg", { xmlns: SVG, width: whole.width, height: whole.height });
  const colours = getComputedStyle(box);
  svg.append(make("rect", { width: "100%", height: "100%", fill: background(box) }));
  heading(svg, box, colours, title, legend, whole.width);
  const plot = make("g", { transform: `translate(${PAD_PX}, ${HEAD_PX})` });
  for (const layer of [figure.svg_background?.node(), figure.svg?.node()]) if (layer) plot.append(resolved(layer));
  svg.append(plot);
  const image = await load(`data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(svg))}`);
  const canvas = document.createElement("canvas");
  canvas.width = whole.width * SCALE;
  canvas.height = whole.height * SCALE;
  const context = canvas.getContext("2d");
  context?.scale(SCALE, SCALE);
  context?.drawImage(image, 0, 0);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  return (
    /** @type {Blob} */
    blob.arrayBuffer()
  );
}
function heading(svg, box, style, title, legend, width) {
  const font = { "font-family": style.fontFamily, fill: style.color };
  svg.append(make("text", { ...font, x: PAD_PX, y: 26, "font-size": 14, "font-weight": 600 }, title));
  let right = width - PAD_PX;
  for (const { name, color, dash } of [...legend].reverse()) {
    const size = measure(name, style.fontFamily);
    const words = { ...font, x: right - size, y: 26, "font-size": 12 };
    const stroke = { stroke: coloured(box, color), "stroke-width": 2, "stroke-dasharray": dash || "none" };
    svg.append(make("text", words, name), make("line", { ...stroke, x1: right - size - 28, x2: right - size - 6, y1: 22, y2: 22 }));
    right -= size + 44;
  }
}
function resolved(source) {
  const copy = (
    /** @type {Element} */
    source.cloneNode(true)
  );
  const all = [source, ...source.querySelectorAll("*")];
  const copies = [copy, ...copy.querySelectorAll("*")];
  all.forEach((element, i) => {
    const style = getComputedStyle(element);
    copies[i].setAttribute("style", STYLES.map((name) => `${name}:${style.getPropertyValue(name)}`).join(";"));
  });
  copy.setAttribute("overflow", "visible");
  return copy;
}
function coloured(box, color) {
  const probe = box.appendChild(document.createElement("i"));
  probe.style.color = color;
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}
function background(box) {
  return coloured(box, "var(--gw-surface)");
}
function measure(text, family) {
  const context = document.createElement("canvas").getContext("2d");
  if (!context) return text.length * 6;
  context.font = `12px ${family}`;
  return context.measureText(text).width;
}
function make(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  if (text) element.textContent = text;
  return element;
}
function load(url) {
  return new Promise((done, failed) => {
    const image = new Image();
    image.onload = () => done(image);
    image.onerror = () => failed(new Error("The chart could not be drawn as a picture."));
    image.src = url;
  });
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
  const frame = document.createElement("div");
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
  const on = (name2, handler) => {
    model.on(name2, handler);
    signal.addEventListener("abort", () => model.off(name2, handler));
  };
  const name = () => box.setAttribute("aria-label", model.get("label"));
  on("change:label", name);
  on("change:_series", () => chart.refresh());
  on("change:cursor change:_marks change:x_kind change:x_label", () => chart.paint());
  on("msg:custom", (message) => {
    if (message.picture !== void 0 && chart.figure) void send(message.picture);
    if (!message.focus) return;
    box.focus({ preventScroll: true });
    box.scrollIntoView({ block: "nearest" });
  });
  const send = async (title) => {
    const png = await picture(chart.figure, box, title, chart.legend());
    model.send({ name: "picture" }, void 0, [png]);
  };
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
