// What happened along x: a row of marks above the plot, each with its story; close ones are one.

const GAP_PX = 17;
const MOST_LINES = 6;
const TONES = ["red", "yellow", "orange", "blue", "green", "purple", "gray"];

/** @typedef {{x: number, icon: string, tone: string, lines: string[], name: string, count: number}} Mark */
/** @typedef {{px: number, x: number, icon: string, tone: string, lines: string[], name: string, count: number}} Group */

/**
 * Those that would overlap as one, at the place of the first, in the tone of the worst.
 * @param {Mark[]} marks ascending in x @param {(x: number) => number} px @param {number} width of the plot @param {number} [gap]
 * @returns {Group[]}
 */
export function cluster(marks, px, width, gap = GAP_PX) {
  /** @type {Group[]} */
  const groups = [];
  for (const mark of marks) {
    const at = px(mark.x);
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

/** What a group says, a line each. @param {Group} group */
export function story(group) {
  if (group.count === 1) return group.lines;
  const shown = group.lines.slice(0, MOST_LINES);
  const left = group.count - shown.length;
  return [`${group.count} events:`, ...shown, ...(left > 0 ? [`and ${left} more`] : [])];
}

export class Ledger {
  /** @param {import("./chart.js").Chart} chart @param {{model: any, ui: any, strip: HTMLElement, signal: AbortSignal}} parts */
  constructor(chart, { model, ui, strip, signal }) {
    this.chart = chart;
    this.model = model;
    this.strip = strip;
    /** @type {Group[]} */
    this.groups = [];
    /** The mark whose story is shown. @type {number | null} */
    this.told = null;
    /** The mark that Tab comes to. */
    this.stop = 0;
    this.tree = new ui.Tree(strip, { send: (/** @type {any} */ m) => this.act(m), signal });
    const listen = (/** @type {string} */ name, /** @type {(e: any) => void} */ f) => strip.addEventListener(name, f, { signal });
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
    if (group) this.chart.ui.send(this.model, { name: "mark", event: "mark", mark: group.name, x: group.x }, "Opening that mark");
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const last = this.groups.length - 1;
    const from = this.indexOf(event.target) ?? 0;
    /** @type {Record<string, number>} */
    const to = { ArrowRight: Math.min(from + 1, last), ArrowLeft: Math.max(from - 1, 0), Home: 0, End: last };
    if (!(event.key in to) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.stop = to[event.key];
    this.paint();
    /** @type {HTMLElement | undefined} */ (this.strip.querySelectorAll("button")[this.stop])?.focus({ preventScroll: true });
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
    const told = this.told === null ? undefined : this.groups[this.told];
    const tip = this.strip.querySelector(".gw-tip");
    if (tip instanceof HTMLElement && told) {
      const over = area.left + told.px + 12 + tip.offsetWidth > this.chart.box.clientWidth;
      tip.style.translate = over ? "calc(-100% - 24px)" : "";
    }
  }

  /** @param {Group} group @param {number} index @param {{left: number, top: number, height: number}} area */
  button(group, index, area) {
    const lines = story(group);
    const px = `${Math.round((area.left + group.px) * 10) / 10}px`;
    const face = group.count > 1
      ? group.count > 9 ? "9+" : String(group.count)
      : { t: "svg", a: { class: "gw-i gw-i--12", "aria-hidden": "true" }, c: [{ t: "use", a: { href: `#i-${group.icon}` } }] };
    const told = index === this.told;
    return {
      t: "div",
      k: group.name,
      a: { class: `gw-chart__mark gw-tone-${group.tone}`, style: { left: px, top: `${area.top}px`, height: `${area.height}px` } },
      c: [
        {
          t: "button",
          a: { type: "button", "aria-label": lines.join(" "), "data-index": String(index), tabindex: index === this.stop ? "0" : "-1" },
          c: [face],
          on: { click: "mark" },
        },
        told && { t: "div", a: { class: "gw-tip gw-chart__story" }, c: lines.map((text, i) => ({ t: i === 0 && group.count > 1 ? "b" : "div", c: [text] })) },
      ].filter(Boolean),
    };
  }
}
