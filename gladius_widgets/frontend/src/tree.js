// The element tree: JSON nodes → DOM, patched in place. Text only ever becomes a text node.

import { SVG_TAGS, TAGS, attributeAllowed, linkAllowed, styleAllowed } from "./allowed.js";
import { Clocks } from "./clock.js";
import { TreeDrag } from "./tree_drag.js";
import { TreeEvents } from "./tree_events.js";

/**
 * @typedef {{t: string, a?: Record<string, any>, c?: VNode[], k?: string, on?: Record<string, string>}} VElement
 * @typedef {VElement | string} VNode
 * @typedef {(message: Record<string, any>, label: string) => void} Send `label`: what was pressed is called
 * @typedef {(name: string, host: HTMLElement) => () => void} Mount shows a child widget in a host
 */

const SVG = "http://www.w3.org/2000/svg";
const FLASH_MS = 1000;

/** @param {VNode} node */
const keyOf = (node) =>
  typeof node === "string" ? undefined : node.t === "slot" ? `slot:${node.a?.name}` : node.k;

/** @param {VNode} a @param {VNode} b */
const same = (a, b) =>
  typeof a === "string" || typeof b === "string"
    ? typeof a === typeof b
    : a.t === b.t && keyOf(a) === keyOf(b);

export class Tree {
  /**
   * @param {HTMLElement} root the tree becomes its only child
   * @param {{send: Send, signal: AbortSignal, mount?: Mount, now?: () => number}} options
   *   `now`: unix seconds by the kernel's clock, for texts that age
   */
  constructor(root, { send, signal, mount, now = () => Date.now() / 1000 }) {
    this.root = root;
    this.mount = mount;
    /** @type {VNode[]} */
    this.children = [];
    /** @type {WeakMap<Node, VElement>} */
    this.nodes = new WeakMap();
    /** @type {Map<HTMLElement, () => void>} */
    this.mounts = new Map();
    this.clocks = new Clocks(signal, now);
    this.events = new TreeEvents(this, send, signal);
    this.drag = new TreeDrag(this, send, signal);
    /** Buttons that are barred in words only. @type {WeakSet<Element>} */
    this.barred = new WeakSet();
    /** @type {HTMLElement | null} */
    this.toFocus = null;
    /** @type {Element | null} */
    this.toShow = null;
    signal.addEventListener("abort", () => this.update(null));
  }

  /** Show `node` in place of what is shown. @param {VElement | null} node */
  update(node) {
    const focused = /** @type {HTMLElement | null} */ (document.activeElement);
    const held = focused && this.root.contains(focused) ? focused : null;
    const place = held && placeOf(held);
    const next = node ? [node] : [];
    const isFirst = this.children.length === 0;
    this.patchChildren(this.root, this.children, next);
    this.children = next;
    this.sweep();
    this.events.changed();
    this.drag.changed();
    if (this.toFocus) this.toFocus.focus({ preventScroll: !this.toFocus.hasAttribute("data-reveal") });
    else if (held?.isConnected && document.activeElement !== held) held.focus({ preventScroll: true });
    else if (held && place && !held.isConnected) takeOver(held, place);
    if (!isFirst) this.toShow?.scrollIntoView({ block: "nearest" });
    this.toFocus = this.toShow = null;
  }

  /** Set every field back to the tree's value. */
  reset() {
    for (const field of this.root.querySelectorAll("input, select, textarea")) {
      const node = this.nodes.get(field);
      if (!node) continue;
      this.events.typed.delete(field);
      if (node.a && "value" in node.a) /** @type {any} */ (field).value = node.a.value;
      if (node.t === "input") /** @type {HTMLInputElement} */ (field).checked = Boolean(node.a?.checked);
    }
  }

  /** Let go of what is no longer part of the tree. */
  sweep() {
    for (const [host, dispose] of this.mounts) {
      if (this.root.contains(host)) continue;
      this.mounts.delete(host);
      dispose();
    }
    this.clocks.sweep(this.root);
  }

  /** Show the children of a slot anew, its widget having changed. @param {string} name */
  remount(name) {
    for (const [host, dispose] of this.mounts) {
      if (host.dataset.slot !== name) continue;
      dispose();
      this.mounts.set(host, this.mount?.(name, host) ?? (() => {}));
    }
  }

  /** @param {VNode} node @returns {Node} */
  create(node) {
    if (typeof node === "string") return document.createTextNode(node);
    if (node.t === "slot") return this.createSlot(node);
    if (!TAGS.has(node.t)) throw new Error(`element '${node.t}' is not allowed`);
    const dom = SVG_TAGS.has(node.t) ? document.createElementNS(SVG, node.t) : document.createElement(node.t);
    this.nodes.set(dom, node);
    for (const child of node.c ?? []) dom.appendChild(this.create(child));
    for (const [name, value] of Object.entries(node.a ?? {})) this.setAttribute(dom, node.t, name, value, undefined);
    this.events.mark(dom, node);
    return dom;
  }

  /** @param {VElement} node */
  createSlot(node) {
    const host = document.createElement("div");
    const name = String(node.a?.name ?? "");
    host.className = "gw-mount";
    host.dataset.slot = name;
    this.nodes.set(host, node);
    this.mounts.set(host, this.mount?.(name, host) ?? (() => {}));
    return host;
  }

  /** @param {Node} dom @param {VNode} old @param {VNode} next */
  patch(dom, old, next) {
    if (typeof next === "string") {
      if (old !== next) dom.nodeValue = next;
      return;
    }
    const element = /** @type {Element} */ (dom);
    const before = /** @type {VElement} */ (old);
    this.nodes.set(element, next);
    this.events.mark(element, next);
    if (next.t === "slot") return;
    const a = before.a ?? {};
    const b = next.a ?? {};
    if (!("data-clock" in b)) {
      if ("data-clock" in a) element.textContent = "";
      this.patchChildren(element, "data-clock" in a ? [] : (before.c ?? []), next.c ?? []);
    } else if (!("data-clock" in a)) {
      this.patchChildren(element, before.c ?? [], []);
    }
    for (const name in a) if (!(name in b)) this.setAttribute(element, next.t, name, null, a[name]);
    for (const name in b) {
      if (name === "style" ? !sameStyle(a[name], b[name]) : a[name] !== b[name]) {
        this.setAttribute(element, next.t, name, b[name], a[name]);
      }
    }
  }

  /** @param {Node} parent @param {VNode[]} old @param {VNode[]} next */
  patchChildren(parent, old, next) {
    // The common case, the same children as before, needs no look-up and no list.
    let at = parent.firstChild;
    let aligned = 0;
    while (at && aligned < next.length && aligned < old.length && same(old[aligned], next[aligned])) {
      const following = at.nextSibling;
      this.patch(at, old[aligned], next[aligned]);
      at = following;
      aligned++;
    }
    if (aligned < old.length || aligned < next.length) this.arrange(parent, old, next, aligned);
  }

  /**
   * Move, make and remove children from the first on that differs.
   * @param {Node} parent @param {VNode[]} old @param {VNode[]} next @param {number} aligned
   */
  arrange(parent, old, next, aligned) {
    const doms = Array.from(parent.childNodes);
    /** @type {Map<string, number[]>} */
    const pool = new Map();
    const group = (/** @type {VNode} */ n) => (typeof n === "string" ? "#" : `${n.t}|${keyOf(n) ?? ""}`);
    for (let i = aligned; i < old.length; i++) {
      const name = group(old[i]);
      pool.has(name) ? pool.get(name)?.push(i) : pool.set(name, [i]);
    }
    const kept = next.slice(aligned).map((node) => ({ node, from: pool.get(group(node))?.shift() }));
    for (const left of pool.values()) for (const i of left) parent.removeChild(doms[i]);
    kept.forEach(({ node, from }, i) => {
      const at = parent.childNodes[aligned + i] ?? null;
      const dom = from === undefined ? this.create(node) : doms[from];
      if (from !== undefined) this.patch(dom, old[from], node);
      if (dom === at) return;
      if (from !== undefined && "moveBefore" in parent) /** @type {any} */ (parent).moveBefore(dom, at);
      else parent.insertBefore(dom, at);
    });
  }

  /** @param {Element} dom @param {string} tag @param {string} name @param {any} value @param {any} old */
  setAttribute(dom, tag, name, value, old) {
    if (!attributeAllowed(name)) throw new Error(`attribute '${name}' is not allowed`);
    if (name === "style") return setStyle(/** @type {HTMLElement} */ (dom), value ?? {}, old ?? {});
    if (name === "disabled" && dom.tagName === "BUTTON") return this.bar(/** @type {HTMLElement} */ (dom), Boolean(value));
    if (name === "value" || name === "checked" || name === "selected") return this.setField(dom, name, value);
    if (name === "href" && value !== null && !linkAllowed(tag, String(value))) throw new Error("link is not allowed");
    if (value === null || value === undefined) dom.removeAttribute(name);
    else if (name === "class" && dom.classList.contains("is-updated")) dom.setAttribute("class", `${value} is-updated`);
    else dom.setAttribute(name, value === true ? "" : String(value));
    if (name === "data-clock" && value !== null) this.clocks.show(dom);
    if (name === "data-flash" && old !== undefined && value !== null) flash(dom);
    if (name === "data-show" && value !== null) this.toShow = dom;
    if (name === "autofocus" && value) this.toFocus = /** @type {HTMLElement} */ (dom);
  }

  /**
   * Bar a button, or not. One that has the focus would drop it, as when its own press bars it for
   * a while: it is barred in words (`TreeEvents` heeds them) until the focus has left it.
   * @param {HTMLElement} dom @param {boolean} barred
   */
  bar(dom, barred) {
    const keeps = barred && dom === document.activeElement;
    dom.toggleAttribute("disabled", barred && !keeps);
    dom.toggleAttribute("data-barred", keeps);
    if (keeps) {
      dom.setAttribute("aria-disabled", "true");
      dom.addEventListener("blur", () => this.bar(dom, Boolean(this.nodes.get(dom)?.a?.disabled)), { once: true });
      this.barred.add(dom);
    } else if (this.barred.delete(dom)) {
      dom.removeAttribute("aria-disabled");
    }
  }

  /**
   * Typed text belongs to the reader: a value that the tree merely echoes does not replace it.
   * @param {Element} dom @param {string} name @param {any} value
   */
  setField(dom, name, value) {
    const field = /** @type {any} */ (dom);
    if (name !== "value") field[name] = Boolean(value);
    else if (!("value" in field) || dom.tagName === "BUTTON") dom.setAttribute("value", value ?? "");
    else if (dom !== document.activeElement || !this.events.echoes(dom, String(value ?? ""))) {
      field.value = value ?? "";
    }
  }
}

/** Where an element stands, should it be replaced. @param {Element} dom */
function placeOf(dom) {
  const parent = dom.parentElement;
  return parent && { parent, index: Array.from(parent.children).indexOf(dom) };
}

/**
 * Give the focus of an element that is gone to one of its kind in its place: "Resume" for "Pause".
 * A dialog chooses for itself: what comes next in it may be harder than what was pressed.
 * @param {Element} gone @param {{parent: Element, index: number}} place
 */
function takeOver(gone, { parent, index }) {
  const next = parent.children[index];
  if (parent.closest("[aria-modal=true]")) return;
  const isFree = document.activeElement === null || document.activeElement === document.body;
  if (isFree && next instanceof HTMLElement && next.tagName === gone.tagName) next.focus({ preventScroll: true });
}

/** @param {Record<string, string> | undefined} a @param {Record<string, string>} b */
function sameStyle(a, b) {
  const names = Object.keys(b);
  return a !== undefined && names.length === Object.keys(a).length && names.every((n) => a[n] === b[n]);
}

/** @param {HTMLElement} dom @param {Record<string, string>} value @param {Record<string, string>} old */
function setStyle(dom, value, old) {
  for (const name of Object.keys(old)) if (!(name in value)) dom.style.removeProperty(name);
  for (const [name, text] of Object.entries(value)) {
    if (!styleAllowed(name, String(text))) throw new Error(`style '${name}' is not allowed`);
    dom.style.setProperty(name, String(text));
  }
}

/** @type {WeakMap<Element, ReturnType<typeof setTimeout>>} */
const flashing = new WeakMap();

/** @param {Element} dom */
function flash(dom) {
  clearTimeout(flashing.get(dom));
  dom.classList.add("is-updated");
  flashing.set(dom, setTimeout(() => dom.classList.remove("is-updated"), FLASH_MS));
}
