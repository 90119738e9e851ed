// A page (jsdom) and a strict model: reading a trait that Python does not have is an error.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { mock } from "node:test";

const frontend = new URL("../../gladius_widgets/frontend/package.json", import.meta.url);
export const statics = new URL("../../gladius_widgets/components/static/", import.meta.url);
export const sources = new URL("../../gladius_widgets/frontend/src/", import.meta.url);
const { JSDOM } = createRequire(frontend)("jsdom");

const dom = new JSDOM("<!doctype html><body data-voila='voila'></body>", {
  url: "http://127.0.0.1:8866/console?job=abc&token=secret",
  pretendToBeVisual: true,
});
const names = [
  "window", "document", "Node", "Element", "HTMLElement", "HTMLInputElement", "HTMLFormElement", "FormData", "Event",
  "AbortController", "AbortSignal", "CustomEvent", "KeyboardEvent", "MouseEvent", "DOMParser", "localStorage", "getComputedStyle", "location", "history",
];
for (const name of names) {
  Object.defineProperty(globalThis, name, { value: dom.window[name], configurable: true, writable: true });
}
globalThis.requestAnimationFrame = (f) => setTimeout(f, 0);
globalThis.cancelAnimationFrame = clearTimeout;
globalThis.CSS = { escape: (text) => text };
globalThis.ResizeObserver = class {
  observe() {}
  disconnect() {}
};
export const page = dom.window;

/** The module of a component, from its own instance of the bundle, as each kernel has one. */
let loads = 0;
export async function load(name) {
  return (await import(`${new URL("page.js", statics).href}?${++loads}`)).modules[name];
}

export class FakeModel {
  constructor(traits) {
    this.traits = { ...traits };
    this.listeners = [];
    this.sent = [];
    this.saved = [];
    this.unsaved = {};
  }
  get(name) {
    if (!(name in this.traits)) throw new Error(`no trait '${name}'`);
    return this.traits[name];
  }
  set(name, value) {
    this.get(name);
    this.traits[name] = value;
    this.unsaved[name] = value;
    this.fire(`change:${name}`);
  }
  save_changes() {
    this.saved.push(this.unsaved);
    this.unsaved = {};
  }
  send(message) {
    this.sent.push(structuredClone(message));
  }
  on(name, f) {
    this.listeners.push([name, f]);
  }
  off(name, f) {
    const before = this.listeners.length;
    this.listeners = this.listeners.filter(([n, g]) => n !== name || (f && g !== f));
    if (before === this.listeners.length) throw new Error(`off: nothing listens to '${name}'`);
  }
  fire(name, ...values) {
    for (const [n, f] of [...this.listeners]) if (n === name) f(...values);
  }
  /** Python set a trait. */
  receive(name, value) {
    this.get(name);
    this.traits[name] = value;
    this.fire(`change:${name}`);
  }
  /** Python sent a message. */
  message(content, buffers = []) {
    this.fire("msg:custom", content, buffers);
  }
}

const read = (name) => readFileSync(new URL(name, statics), "utf8");

/** The theme of one kernel, started: other components find it under `kernel`. */
export async function start(kernel) {
  const life = new AbortController();
  const model = new FakeModel({ _runtime: kernel, _esm_module: "theme", _style: ".gw-root { color: red }", _icons: read("icons.svg"), mode: "system" });
  (await load("theme")).initialize({ model, signal: life.signal });
  const ui = await globalThis[Symbol.for(`gladius:${kernel}`)].promise;
  return { ui, model, end: () => life.abort() };
}

/** A tree in the page, with what it sent. */
export async function tree(mount) {
  const { ui } = await start(`kernel-${++loads}`);
  const root = document.body.appendChild(document.createElement("div"));
  root.className = "gw-root";
  const life = new AbortController();
  const sent = [];
  const made = new ui.Tree(root, { send: (m) => sent.push(m), signal: life.signal, mount });
  return { root, tree: made, sent, end: () => (life.abort(), root.remove()) };
}

/** h("div", {class: "x"}, "text"), as Python makes it. */
export function h(t, a, ...c) {
  const node = { t };
  if (a) {
    const { on, key, ...attributes } = a;
    if (Object.keys(attributes).length) node.a = attributes;
    if (on) node.on = on;
    if (key) node.k = key;
  }
  if (c.length) node.c = c.flat();
  return node;
}

export function press(target, key, options = {}) {
  const event = new page.KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...options });
  target.dispatchEvent(event);
  return event;
}

/** Dispatch a drag event; jsdom has none of its own. Returns it, with what its transfer was given. */
export function dragEvent(target, type, { y = 0, to = null } = {}) {
  const event = new page.Event(type, { bubbles: true, cancelable: true });
  const given = {};
  const dataTransfer = { setData: (kind, text) => (given[kind] = text), setDragImage: (node) => (given.image = node) };
  Object.assign(event, { clientX: 0, clientY: y, relatedTarget: to, dataTransfer, given });
  target.dispatchEvent(event);
  return event;
}

/** Let promises and zero timers run. */
export async function settle() {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

export const clock = mock.timers;
