// Pointer, wheel and keys over a chart.

const DRAG_PX = 5;
const WHEEL_MS = 50;
const SETTLE_MS = 400;

export class Gestures {
  /** @param {import("./chart.js").Chart} chart @param {{model: any, box: HTMLElement, signal: AbortSignal}} parts */
  constructor(chart, { model, box, signal }) {
    this.chart = chart;
    this.model = model;
    this.box = box;
    /** The pointer moved here since the page was last scrolled: the wheel is meant for the chart. */
    this.meant = false;
    /** @type {{px: number, domain: [number, number], moved: boolean, shift: boolean} | null} */
    this.drag = null;
    /** The range asked for last, until the kernel has answered. @type {{range: [number, number], at: number} | null} */
    this.asked = null;
    this.sending = 0;
    const listen = (/** @type {string} */ name, /** @type {(e: any) => void} */ f) => box.addEventListener(name, f, { signal });
    listen("pointermove", (e) => this.move(e));
    listen("pointerdown", (e) => this.down(e));
    listen("pointerup", (e) => this.up(e));
    listen("pointercancel", () => this.cancel());
    listen("pointerleave", () => this.leave());
    listen("dblclick", () => this.zoomTo(null));
    listen("keydown", (e) => this.key(e));
    listen("blur", () => chart.hide());
    box.addEventListener("wheel", (e) => this.wheel(e), { signal, passive: false });
    window.addEventListener("scroll", () => (this.meant = false), { signal, capture: true, passive: true });
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
  dragged(px) {
    const { drag, chart } = this;
    if (!drag) return;
    if (Math.abs(px - drag.px) >= DRAG_PX) drag.moved = true;
    if (!drag.moved || !this.model.get("zoomable")) return;
    const area = chart.area();
    if (!area) return;
    if (drag.shift) {
      const by = ((drag.px - px) / area.width) * (drag.domain[1] - drag.domain[0]);
      this.zoomTo([drag.domain[0] + by, drag.domain[1] + by], WHEEL_MS);
      chart.hide();
    } else {
      chart.brush = [clamp(drag.px, 0, area.width), clamp(px, 0, area.width)];
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
    const ends = [drag.px, at.px].map((px) => valueAt(drag.domain, clamp(px, 0, area.width) / area.width));
    this.zoomTo([Math.min(...ends), Math.max(...ends)]);
  }

  cancel() {
    this.drag = null;
    this.chart.brush = null;
    this.chart.paint();
  }

  /** @param {number} px */
  click(px) {
    this.chart.show(px, this.chart.pointer);
    this.choose();
  }

  choose() {
    const { point } = this.chart;
    if (!point) return;
    const { x, y, index, series } = point;
    this.chart.ui.send(this.model, { name: "click", event: "click", x, y, index, series: series.name }, "Going to that step");
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
    const extent = /** @type {number[]} */ (this.model.get("_extent"));
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
    /** @type {Record<string, () => void>} */
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
      0: () => this.zoomTo(null),
    };
    if (event.ctrlKey || event.altKey || event.metaKey || !keys[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    keys[event.key]();
  }
}

/** @param {number} value @param {number} low @param {number} high */
function clamp(value, low, high) {
  return Math.max(low, Math.min(high, value));
}

/** @param {[number, number]} domain @param {number} share */
function valueAt(domain, share) {
  return domain[0] + (domain[1] - domain[0]) * share;
}
