// What the reader typed and the kernel does not have: put back into its field after a reload.

const SETTLE_MS = 120_000; // a page under load
const FIELDS = "input[id], select[id], textarea[id]";

/** @typedef {{value: string, at: number, isReported: boolean}} Typed */
/** @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Field */

export class TypedFields {
  /** @param {AbortSignal} signal */
  constructor(signal) {
    /** By id of the field. @type {Map<string, Typed>} */
    this.fields = new Map();
    for (const type of ["input", "change"]) {
      document.addEventListener(type, (event) => this.note(event), { signal, capture: true });
    }
  }

  /** @param {Event} event */
  note({ type, target }) {
    const field = /** @type {Field} */ (target);
    if (!field.matches(FIELDS) || !field.closest(".gw-root") || field.type === "checkbox") return;
    this.fields.set(field.id, { value: field.value, at: Date.now(), isReported: type === "change" });
  }

  /**
   * What a kernel that was last heard then cannot have, by id.
   * @param {number} heard ms @returns {Record<string, string>}
   */
  unsent(heard) {
    const some = [...this.fields].filter(([, typed]) => !typed.isReported || typed.at >= heard);
    return Object.fromEntries(some.map(([id, typed]) => [id, typed.value]));
  }
}

/** Type it again, each as soon as its field is there. @param {Record<string, string>} values @param {AbortSignal} signal */
export function typeAgain(values, signal) {
  const left = new Map(Object.entries(values));
  if (left.size === 0) return;
  const life = new AbortController();
  const look = () => {
    for (const [id, value] of left) {
      const field = /** @type {Field | null} */ (document.getElementById(id));
      if (!field?.matches(FIELDS)) continue;
      left.delete(id);
      field.value = value;
      for (const type of ["input", "change"]) field.dispatchEvent(new Event(type, { bubbles: true }));
    }
    if (left.size === 0) life.abort();
  };
  const seen = new MutationObserver(look);
  seen.observe(document.body, { childList: true, subtree: true });
  const overtaken = (/** @type {Event} */ event) => event.isTrusted && left.delete(/** @type {Element} */ (event.target).id);
  document.addEventListener("input", overtaken, { signal: life.signal, capture: true });
  const late = setTimeout(() => life.abort(), SETTLE_MS);
  signal.addEventListener("abort", () => life.abort());
  life.signal.addEventListener("abort", () => (clearTimeout(late), seen.disconnect()));
  look();
}
