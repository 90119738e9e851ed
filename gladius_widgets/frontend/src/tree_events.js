// What happens in an element tree: one listener per event type, messages by name.

import { copyText } from "./copy.js";

const TYPES = ["change", "click", "contextmenu", "dblclick", "focusin", "focusout", "input", "keydown", "submit"];
const NAME_LENGTH = 60;
const CONTROL = "a[href], button, input, select, textarea, label, summary";
/** Arrow keys move among these, by the role of their container. @type {Record<string, string>} */
const ROVING = {
  menu: "[role^=menuitem]:not([aria-disabled=true])",
  tablist: "[role=tab]",
  listbox: "[role=option]",
  radiogroup: "[role=radio]",
};

/** @typedef {import("./tree.js").VElement} VElement */

export class TreeEvents {
  /** @param {import("./tree.js").Tree} tree @param {import("./tree.js").Send} send @param {AbortSignal} signal */
  constructor(tree, send, signal) {
    this.tree = tree;
    this.send = send;
    /** Values reported by a field since it was focused. @type {WeakMap<Element, Set<string>>} */
    this.typed = new WeakMap();
    /** @type {WeakMap<Element, ReturnType<typeof setTimeout>>} */
    this.pending = new WeakMap();
    /** What Escape takes away: menus and such. @type {Set<Element>} */
    this.marked = new Set();
    /** Those shown, each with the control that had the focus. @type {Map<Element, Element | null>} */
    this.dismissable = new Map();
    /** What tells when it comes into view and leaves it, and whether it is. @type {Map<Element, boolean>} */
    this.watched = new Map();
    /** @type {IntersectionObserver | null} */
    this.viewer = null;
    /** Tables in which arrow keys move from row to row, each with the row of the Tab key. @type {Map<Element, Element>} */
    this.walked = new Map();
    for (const type of TYPES) tree.root.addEventListener(type, (e) => this.handle(e), { signal });
    signal.addEventListener("abort", () => this.viewer?.disconnect());
    document.addEventListener("pointerdown", (e) => this.dismiss(e.target), { signal, capture: true });
    document.addEventListener("keydown", (e) => this.escape(e), { signal, capture: true });
  }

  /** True if the text is one the reader typed and we reported. @param {Element} field @param {string} value */
  echoes(field, value) {
    return this.typed.get(field)?.has(value) ?? false;
  }

  /** @param {Event} event */
  handle(event) {
    if (/** @type {any} */ (event).gwHandled) return;
    if (event.type === "submit") event.preventDefault();
    if (event.type === "focusin") this.focused(/** @type {Element} */ (event.target));
    if (event.type === "input") this.remember(/** @type {any} */ (event.target));
    for (let dom = /** @type {Element | null} */ (event.target); dom; dom = dom.parentElement) {
      if (isDisabled(dom)) return;
      const name = nameFor(this.tree.nodes.get(dom), event);
      if (name) return this.fire(event, dom, name);
      if (event.type === "keydown" && this.rove(/** @type {KeyboardEvent} */ (event), dom)) return;
      if (event.type === "keydown" && this.walk(/** @type {KeyboardEvent} */ (event), dom)) return;
      if (dom === this.tree.root) return;
      if (blocks(event, dom)) return;
    }
  }

  /** @param {Event} event @param {Element} dom @param {string} name */
  fire(event, dom, name) {
    /** @type {any} */ (event).gwHandled = true;
    const link = event.type === "click" && dom.matches("a[href]");
    const mouse = /** @type {MouseEvent} */ (event);
    if (link && (mouse.ctrlKey || mouse.metaKey || mouse.shiftKey || mouse.button)) return;
    if (link || event.type === "contextmenu" || event.type === "keydown") event.preventDefault();
    const message = this.payload(event, dom, name);
    const delay = Number(dom.getAttribute("data-debounce") ?? 0);
    clearTimeout(this.pending.get(dom));
    const source = event.type === "click" ? dom.getAttribute("data-copy") : null;
    if (source !== null) {
      const text = document.getElementById(source)?.textContent ?? "";
      copyText(text).then((copied) => this.send({ ...message, copied }, nameOf(dom)));
    } else if (event.type === "input" && delay > 0) {
      this.pending.set(dom, setTimeout(() => this.send(this.payload(event, dom, name), nameOf(dom)), delay));
    } else {
      this.send(message, nameOf(dom));
    }
  }

  /** @param {Event} event @param {Element} dom @param {string} name */
  payload(event, dom, name) {
    const field = /** @type {any} */ (event.target);
    const keyed = this.keyed(dom);
    const e = /** @type {KeyboardEvent} */ (event);
    /** @type {Record<string, any>} */
    const message = {
      event: event.type,
      name,
      key: keyed,
      value: "value" in field && typeof field.value === "string" ? field.value : null,
      checked: field.type === "checkbox" || field.type === "radio" ? field.checked : null,
      data: { .../** @type {HTMLElement} */ (dom).dataset },
      keys: { key: e.key ?? null, ctrl: !!e.ctrlKey, shift: !!e.shiftKey, alt: !!e.altKey, meta: !!e.metaKey },
    };
    if (dom instanceof HTMLFormElement) message.values = Object.fromEntries(new FormData(dom));
    return message;
  }

  /** @param {Element} dom */
  keyed(dom) {
    for (let at = /** @type {Element | null} */ (dom); at && at !== this.tree.root; at = at.parentElement) {
      const key = this.tree.nodes.get(at)?.k;
      if (key !== undefined) return key;
    }
    return null;
  }

  /** @param {HTMLInputElement} field */
  remember(field) {
    const values = this.typed.get(field) ?? new Set();
    this.typed.set(field, values.add(field.value));
  }

  /** Arrow keys inside a menu, a tab list, a list box. @param {KeyboardEvent} event @param {Element} dom */
  rove(event, dom) {
    const selector = ROVING[dom.getAttribute("role") ?? ""];
    if (!selector) return false;
    const items = /** @type {HTMLElement[]} */ (Array.from(dom.querySelectorAll(selector)));
    const at = items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const last = items.length - 1;
    /** @type {Record<string, number>} */
    const moves = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: last };
    if (last < 0 || !(event.key in moves)) return false;
    const to = moves[event.key];
    items[to < 0 ? last : to > last ? 0 : to].focus();
    event.preventDefault();
    event.stopPropagation();
    return true;
  }

  /** Arrow keys among the rows of a table with `data-rows`. @param {KeyboardEvent} event @param {Element} dom */
  walk(event, dom) {
    if (!this.walked.has(dom)) return false;
    const rows = rowsOf(dom);
    const row = /** @type {Element} */ (event.target).closest("tr");
    const at = rows.findIndex((one) => one === row);
    if (at < 0) return false;
    /** @type {Record<string, number>} */
    const moves = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 };
    const to = rows[moves[event.key]];
    if (!(event.key in moves)) return false;
    to?.focus();
    event.preventDefault();
    return true;
  }

  /** @param {Element} target */
  focused(target) {
    this.typed.delete(target);
    for (const body of this.walked.keys()) {
      if (!body.contains(target)) continue;
      const row = rowsOf(body).find((one) => one === target);
      if (row) this.walked.set(body, row);
      this.stop(body);
    }
  }

  /** One row is a stop of the Tab key: the one that had the focus last. @param {Element} body */
  stop(body) {
    const rows = rowsOf(body);
    const at = rows.find((row) => row === this.walked.get(body)) ?? rows[0];
    for (const row of rows) row.tabIndex = row === at ? 0 : -1;
  }

  /** @param {Element} dom */
  watch(dom) {
    if (typeof IntersectionObserver === "undefined") return;
    this.viewer ??= new IntersectionObserver((entries) => entries.forEach((entry) => this.seen(entry)));
    this.watched.set(dom, true);
    this.viewer.observe(dom);
  }

  /** @param {IntersectionObserverEntry} entry */
  seen({ target, isIntersecting }) {
    const name = this.tree.nodes.get(target)?.on?.visible;
    if (!target.isConnected || !name || this.watched.get(target) === isIntersecting) return;
    this.watched.set(target, isIntersecting);
    this.send({ event: "visible", name, key: this.keyed(target), visible: isIntersecting }, "");
  }

  /** @param {Element} dom @param {VElement} node */
  mark(dom, node) {
    if (node.on?.visible && !this.watched.has(dom)) this.watch(dom);
    if (node.a && "data-rows" in node.a && !this.walked.has(dom)) this.walked.set(dom, dom);
    if (node.on?.dismiss) this.marked.add(dom);
    else if (this.marked.size > 0) this.marked.delete(dom);
  }

  /** After a patch: note what opened, give the focus back for what closed. */
  changed() {
    for (const dom of this.watched.keys()) {
      if (this.tree.root.contains(dom)) continue;
      this.watched.delete(dom);
      this.viewer?.unobserve(dom);
    }
    for (const body of this.walked.keys()) {
      if (this.tree.root.contains(body)) this.stop(body);
      else this.walked.delete(body);
    }
    for (const dom of this.marked) {
      if (!this.tree.root.contains(dom)) this.marked.delete(dom);
      else if (!this.dismissable.has(dom)) this.dismissable.set(dom, document.activeElement);
    }
    for (const [dom, opener] of this.dismissable) {
      if (this.marked.has(dom)) continue;
      this.dismissable.delete(dom);
      const lost = document.activeElement === null || document.activeElement === document.body;
      if (lost && opener instanceof HTMLElement && opener.isConnected) opener.focus({ preventScroll: true });
    }
  }

  /** @param {EventTarget | null} target */
  dismiss(target) {
    for (const dom of this.dismissable.keys()) {
      const host = dom.closest(".gw-menuhost") ?? dom;
      if (!host.contains(/** @type {Node} */ (target))) this.sendDismiss(dom);
    }
  }

  /** @param {KeyboardEvent} event */
  escape(event) {
    if (event.key !== "Escape" || this.dismissable.size === 0) return;
    const inside = this.tree.root.contains(/** @type {Node} */ (event.target)) || event.target === document.body;
    if (!inside) return;
    event.stopImmediatePropagation();
    const last = Array.from(this.dismissable.keys()).pop();
    if (last) this.sendDismiss(last);
  }

  /** @param {Element} dom */
  sendDismiss(dom) {
    const name = this.tree.nodes.get(dom)?.on?.dismiss;
    if (name) this.send({ event: "dismiss", name, key: this.keyed(dom) }, "");
  }
}

/** What a control is called on the page. @param {Element} dom */
function nameOf(dom) {
  const text = ownText(dom) || dom.querySelector("span:not(.gw-kbd, .gw-sr)")?.textContent;
  return (dom.getAttribute("aria-label") || text || dom.getAttribute("title") || "").trim().slice(0, NAME_LENGTH);
}

/** @param {Element} dom */
function ownText(dom) {
  const own = Array.from(dom.childNodes).filter((node) => node.nodeType === Node.TEXT_NODE);
  return own.map((node) => node.nodeValue).join(" ");
}

/** The rows of a table that can have the focus. @param {Element} body @returns {HTMLElement[]} */
function rowsOf(body) {
  return /** @type {HTMLElement[]} */ (Array.from(body.children).filter((row) => row.hasAttribute("tabindex")));
}

/** @param {Element} dom */
function isDisabled(dom) {
  return /** @type {any} */ (dom).disabled === true || dom.getAttribute("aria-disabled") === "true";
}

/** @param {VElement | undefined} node @param {Event} event */
function nameFor(node, event) {
  if (!node?.on) return undefined;
  const key = /** @type {KeyboardEvent} */ (event).key;
  return node.on[event.type] ?? (event.type === "keydown" ? node.on[`keydown:${key}`] : undefined);
}

/** A control keeps its clicks, Enter and Space to itself. @param {Event} event @param {Element} dom */
function blocks(event, dom) {
  const { key } = /** @type {KeyboardEvent} */ (event);
  const pressed = event.type === "keydown" && (key === "Enter" || key === " ");
  return (pressed || event.type === "click" || event.type === "dblclick") && dom.matches(CONTROL);
}
