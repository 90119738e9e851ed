// Texts that age: elapsed times and ages, kept current without a message.

const UNITS = /** @type {const} */ ([
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
]);

/** "6h 23m", "3m 42s", "42s". @param {number} seconds */
export function duration(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  if (s >= 3600) return `${Math.floor(s / 3600)}h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")}m`;
  if (s >= 60) return `${Math.floor(s / 60)}m ${String(s % 60).padStart(2, "0")}s`;
  return `${s}s`;
}

/** "8 minutes", "30s"; people plan by "3h 20m" and "1d 22h". @param {number} seconds */
function ahead(seconds) {
  const s = Math.floor(seconds);
  if (s >= 86400) return `${Math.floor(s / 86400)}d ${Math.floor((s % 86400) / 3600)}h`;
  if (s >= 3600) return `${Math.floor(s / 3600)}h ${Math.floor((s % 3600) / 60)}m`;
  return words(s);
}

/** "8 minutes", "30s". @param {number} seconds */
function words(seconds) {
  for (const [name, size] of UNITS) {
    if (seconds >= size) {
      const n = Math.floor(seconds / size);
      return `${n} ${name}${n === 1 ? "" : "s"}`;
    }
  }
  return `${Math.floor(seconds)}s`;
}

/** "12s", "3m", "2h", "5d". @param {number} seconds */
function short(seconds) {
  if (seconds < 60) return `${Math.floor(seconds)}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  return seconds < 86400 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86400)}d`;
}

/**
 * @param {string} spec the JSON of a data-clock attribute
 * @param {number} now unix seconds, by the kernel's clock
 */
export function clockText(spec, now) {
  let since, kind;
  try {
    ({ since, kind } = JSON.parse(spec));
  } catch {
    return "–";
  }
  if (typeof since !== "number" || !Number.isFinite(since)) return "–";
  const past = Math.max(0, now - since);
  if (kind === "ago") return past < 1 ? "just now" : `${words(past)} ago`;
  if (kind === "age") return `${short(past)} ago`;
  if (kind === "in") return since > now ? `in ${ahead(since - now)}` : "now";
  return duration(past);
}

/** A set of clock elements and the one timer that serves them. */
export class Clocks {
  /** @param {AbortSignal} signal @param {() => number} now unix seconds, by the kernel's clock */
  constructor(signal, now) {
    this.now = now;
    /** @type {Set<Element>} */
    this.elements = new Set();
    /** @type {ReturnType<typeof setInterval> | undefined} */
    this.timer = undefined;
    signal.addEventListener("abort", () => this.stop());
  }

  /** @param {Element} element */
  show(element) {
    this.elements.add(element);
    this.paint(element);
    this.timer ??= setInterval(() => this.tick(), 1000);
  }

  tick() {
    for (const element of this.elements) this.paint(element);
  }

  /** @param {Element} element */
  paint(element) {
    const spec = element.getAttribute("data-clock");
    if (spec === null) return;
    const text = clockText(spec, this.now());
    if (element.textContent !== text) element.textContent = text;
  }

  /** Forget the elements that left the tree. @param {Node} root */
  sweep(root) {
    for (const element of this.elements) {
      if (!root.contains(element) || !element.hasAttribute("data-clock")) this.elements.delete(element);
    }
    if (this.elements.size === 0) this.stop();
  }

  stop() {
    clearInterval(this.timer);
    this.timer = undefined;
  }
}
