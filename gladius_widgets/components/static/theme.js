// src/clock.js
var UNITS = (
  /** @type {const} */
  [
    ["day", 86400],
    ["hour", 3600],
    ["minute", 60]
  ]
);
function duration(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  if (s >= 3600) return `${Math.floor(s / 3600)}h ${String(Math.floor(s % 3600 / 60)).padStart(2, "0")}m`;
  if (s >= 60) return `${Math.floor(s / 60)}m ${String(s % 60).padStart(2, "0")}s`;
  return `${s}s`;
}
function ahead(seconds) {
  const s = Math.floor(seconds);
  if (s >= 86400) return `${Math.floor(s / 86400)}d ${Math.floor(s % 86400 / 3600)}h`;
  if (s >= 3600) return `${Math.floor(s / 3600)}h ${Math.floor(s % 3600 / 60)}m`;
  return words(s);
}
function words(seconds) {
  for (const [name, size] of UNITS) {
    if (seconds >= size) {
      const n = Math.floor(seconds / size);
      return `${n} ${name}${n === 1 ? "" : "s"}`;
    }
  }
  return `${Math.floor(seconds)}s`;
}
function short(seconds) {
  if (seconds < 60) return `${Math.floor(seconds)}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  return seconds < 86400 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86400)}d`;
}
function clockText(spec, now) {
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
function offset() {
  return (
    /** @type {any} */
    globalThis.gladiusClockOffset ?? 0
  );
}
var Clocks = class {
  /** @param {AbortSignal} signal */
  constructor(signal) {
    this.elements = /* @__PURE__ */ new Set();
    this.timer = void 0;
    signal.addEventListener("abort", () => this.stop());
  }
  /** @param {Element} element */
  show(element) {
    this.elements.add(element);
    this.paint(element);
    this.timer ??= setInterval(() => this.tick(), 1e3);
  }
  tick() {
    for (const element of this.elements) this.paint(element);
  }
  /** @param {Element} element */
  paint(element) {
    const spec = element.getAttribute("data-clock");
    if (spec === null) return;
    const text = clockText(spec, Date.now() / 1e3 + offset());
    if (element.textContent !== text) element.textContent = text;
  }
  /** Forget the elements that left the tree. @param {Node} root */
  sweep(root2) {
    for (const element of this.elements) {
      if (!root2.contains(element) || !element.hasAttribute("data-clock")) this.elements.delete(element);
    }
    if (this.elements.size === 0) this.stop();
  }
  stop() {
    clearInterval(this.timer);
    this.timer = void 0;
  }
};

// src/icon.js
var SVG = "http://www.w3.org/2000/svg";
function icon(name, size = 16) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", size === 16 ? "gw-i" : `gw-i gw-i--${size}`);
  svg.setAttribute("aria-hidden", "true");
  svg.appendChild(document.createElementNS(SVG, "use")).setAttribute("href", `#i-${name}`);
  return svg;
}

// src/mount.js
var LOOK_MS = 20;
function mount(manager, id, host) {
  const life = new AbortController();
  let made = null;
  const dispose = () => {
    if (life.signal.aborted) return;
    life.abort(new Error("disposed"));
    if (made) end(made.luminoWidget);
  };
  const view = (async () => {
    const one = await manager.create_view(await manager.get_model(id));
    if (life.signal.aborted) {
      end(one.luminoWidget);
      throw life.signal.reason;
    }
    made = one;
    await connected(host, life.signal);
    const widget = one.luminoWidget;
    const Lumino = widget.constructor;
    Lumino.attach(widget, host);
    const resized = new ResizeObserver(() => widget.processMessage(Lumino.ResizeMessage.UnknownSize));
    resized.observe(one.el);
    life.signal.addEventListener("abort", () => resized.disconnect());
    return one;
  })();
  view.catch((error) => {
    if (!life.signal.aborted) console.error("[gladius] child widget:", error);
  });
  return { view, dispose };
}
function connected(host, signal) {
  return new Promise((resolve, reject) => {
    const look = () => {
      if (signal.aborted) reject(signal.reason);
      else if (host.isConnected) resolve();
      else setTimeout(look, LOOK_MS);
    };
    look();
  });
}
function end(widget) {
  if (widget.isAttached && !widget.node.isConnected) {
    widget.processMessage({ type: "before-detach" });
    widget.processMessage({ type: "after-detach" });
  }
  widget.dispose();
}

// src/portal.js
function portal(signal) {
  const root2 = document.createElement("div");
  root2.className = "gw-root gw-portal";
  document.body.appendChild(root2);
  signal.addEventListener("abort", () => root2.remove());
  return root2;
}

// src/root.js
function root(el, model) {
  el.classList.add("gw-root");
  el.dataset.gwKernel = model.get("_runtime");
  if (!el.hasAttribute("tabindex")) el.tabIndex = -1;
}

// src/runtime.js
function runtime(id) {
  const key = /* @__PURE__ */ Symbol.for(`gladius:${id}`);
  const place = (
    /** @type {any} */
    globalThis
  );
  if (!place[key]) {
    place[key] = {};
    place[key].promise = new Promise((resolve) => place[key].resolve = resolve);
  }
  return place[key];
}

// ../components/static/allowed.json
var allowed_default = {
  tags: [
    "a",
    "abbr",
    "article",
    "aside",
    "b",
    "br",
    "button",
    "caption",
    "circle",
    "code",
    "col",
    "colgroup",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "em",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "g",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "i",
    "input",
    "kbd",
    "label",
    "legend",
    "li",
    "line",
    "main",
    "mark",
    "meter",
    "nav",
    "ol",
    "optgroup",
    "option",
    "output",
    "p",
    "path",
    "polyline",
    "pre",
    "progress",
    "rect",
    "s",
    "section",
    "select",
    "slot",
    "small",
    "span",
    "strong",
    "sub",
    "summary",
    "sup",
    "svg",
    "table",
    "tbody",
    "td",
    "textarea",
    "tfoot",
    "th",
    "thead",
    "time",
    "title",
    "tr",
    "u",
    "ul",
    "use"
  ],
  svg_tags: [
    "circle",
    "g",
    "line",
    "path",
    "polyline",
    "rect",
    "svg",
    "title",
    "use"
  ],
  attributes: [
    "autocomplete",
    "autofocus",
    "checked",
    "class",
    "cols",
    "colspan",
    "cx",
    "cy",
    "d",
    "dir",
    "disabled",
    "download",
    "draggable",
    "fill",
    "for",
    "headers",
    "height",
    "hidden",
    "high",
    "href",
    "id",
    "inputmode",
    "lang",
    "list",
    "low",
    "max",
    "maxlength",
    "min",
    "minlength",
    "multiple",
    "name",
    "open",
    "optimum",
    "pattern",
    "placeholder",
    "points",
    "preserveAspectRatio",
    "r",
    "readonly",
    "rel",
    "required",
    "role",
    "rows",
    "rowspan",
    "rx",
    "ry",
    "scope",
    "selected",
    "span",
    "spellcheck",
    "step",
    "stroke",
    "stroke-dasharray",
    "stroke-linecap",
    "stroke-linejoin",
    "stroke-width",
    "style",
    "tabindex",
    "target",
    "title",
    "transform",
    "type",
    "value",
    "vector-effect",
    "viewBox",
    "width",
    "wrap",
    "x",
    "x1",
    "x2",
    "y",
    "y1",
    "y2"
  ],
  boolean: [
    "autofocus",
    "checked",
    "disabled",
    "hidden",
    "multiple",
    "open",
    "readonly",
    "required",
    "selected"
  ],
  input_types: [
    "button",
    "checkbox",
    "date",
    "datetime-local",
    "number",
    "radio",
    "range",
    "reset",
    "search",
    "submit",
    "text",
    "time"
  ],
  styles: [
    "align-content",
    "align-items",
    "align-self",
    "background",
    "background-color",
    "border",
    "border-bottom",
    "border-color",
    "border-left",
    "border-radius",
    "border-right",
    "border-top",
    "bottom",
    "color",
    "column-gap",
    "cursor",
    "display",
    "fill",
    "flex",
    "flex-basis",
    "flex-direction",
    "flex-grow",
    "flex-shrink",
    "flex-wrap",
    "font-family",
    "font-size",
    "font-weight",
    "gap",
    "grid-area",
    "grid-column",
    "grid-row",
    "grid-template-columns",
    "grid-template-rows",
    "height",
    "inset",
    "justify-content",
    "justify-self",
    "left",
    "letter-spacing",
    "line-height",
    "list-style",
    "margin",
    "margin-bottom",
    "margin-left",
    "margin-right",
    "margin-top",
    "max-height",
    "max-width",
    "min-height",
    "min-width",
    "opacity",
    "order",
    "overflow",
    "overflow-wrap",
    "overflow-x",
    "overflow-y",
    "padding",
    "padding-bottom",
    "padding-left",
    "padding-right",
    "padding-top",
    "place-content",
    "place-items",
    "pointer-events",
    "position",
    "right",
    "row-gap",
    "stroke",
    "stroke-width",
    "text-align",
    "text-overflow",
    "top",
    "transform",
    "transition",
    "vertical-align",
    "visibility",
    "white-space",
    "width",
    "word-break",
    "z-index"
  ],
  events: [
    "change",
    "click",
    "contextmenu",
    "dblclick",
    "dismiss",
    "drop",
    "focusin",
    "focusout",
    "input",
    "keydown",
    "submit",
    "visible"
  ]
};

// src/allowed.js
var SVG_TAGS = new Set(allowed_default.svg_tags);
var TAGS = new Set(allowed_default.tags);
var ATTRIBUTES = new Set(allowed_default.attributes);
var STYLES = new Set(allowed_default.styles);
var PREFIXED = /^(aria|data)-[a-z0-9_.-]+$/;
var UNSAFE_STYLE = /[;{}<>\\]|url\(|expression|\/\*/i;
function attributeAllowed(name) {
  return PREFIXED.test(name) || ATTRIBUTES.has(name);
}
function styleAllowed(name, value) {
  return (name.startsWith("--") || STYLES.has(name)) && !UNSAFE_STYLE.test(value);
}
function linkAllowed(tag, href) {
  const trimmed = href.replace(/[\x00-\x20]/g, "");
  if (tag === "use") return trimmed.startsWith("#");
  const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(trimmed);
  if (scheme && !/^https?:$/i.test(scheme[0])) return false;
  return !trimmed.startsWith("//") && !trimmed.startsWith("\\") && !trimmed.startsWith("/\\");
}

// src/tree_drag.js
var TYPE = "application/x-gladius";
var TreeDrag = class {
  /** @param {import("./tree.js").Tree} tree @param {import("./tree.js").Send} send @param {AbortSignal} signal */
  constructor(tree, send, signal) {
    this.tree = tree;
    this.send = send;
    this.drag = null;
    this.marked = null;
    const { root: root2 } = tree;
    root2.addEventListener("dragstart", (e) => this.start(e), { signal });
    root2.addEventListener("dragover", (e) => this.over(e), { signal });
    root2.addEventListener("dragleave", (e) => this.leave(e), { signal });
    root2.addEventListener("drop", (e) => this.drop(e), { signal });
    root2.addEventListener("dragend", () => this.end(), { signal });
    signal.addEventListener("abort", () => this.end());
  }
  /** @param {DragEvent} event */
  start(event) {
    const handle = event.target instanceof Element ? event.target.closest("[data-drag]") : null;
    const group = handle?.getAttribute("data-drag") ?? "";
    const container = handle && this.containerOf(handle, group);
    const item = container && childWith(container, handle);
    const key = item && this.tree.nodes.get(item)?.k;
    if (!handle || !item || !key) return;
    event.stopPropagation();
    if (handle.getAttribute("aria-disabled") === "true") return event.preventDefault();
    this.drag = { group, key, item };
    const transfer = event.dataTransfer;
    if (transfer) {
      const box = item.getBoundingClientRect();
      transfer.setData(TYPE, key);
      transfer.effectAllowed = "move";
      transfer.setDragImage(item, event.clientX - box.left, event.clientY - box.top);
    }
    setTimeout(() => this.drag?.item === item && item.setAttribute("data-gw-dragged", ""));
  }
  /** @param {DragEvent} event */
  over(event) {
    const place = this.placeAt(event);
    this.mark(place);
    if (!place) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.dataTransfer) event.dataTransfer.dropEffect = "move";
  }
  /** @param {DragEvent} event */
  leave(event) {
    const to = (
      /** @type {Node | null} */
      event.relatedTarget
    );
    if (this.marked && !this.marked.parentElement?.contains(to)) this.mark(null);
  }
  /** @param {DragEvent} event */
  drop(event) {
    const place = this.placeAt(event);
    const { drag } = this;
    this.end();
    if (!place || !drag) return;
    event.preventDefault();
    event.stopPropagation();
    const { container, children, at } = place;
    const from = children.indexOf(drag.item);
    if (from >= 0 && (at === from || at === from + 1)) return;
    const name = this.tree.nodes.get(container)?.on?.drop;
    const before = at < children.length ? this.tree.nodes.get(children[at])?.k : null;
    if (name) this.send({ event: "drop", name, key: this.tree.events.keyed(container), dragged: drag.key, before });
  }
  end() {
    this.mark(null);
    this.drag?.item.removeAttribute("data-gw-dragged");
    this.drag = null;
  }
  /** After a patch: what is dragged may have left; its dragend would not arrive here. */
  changed() {
    if (this.drag && !this.tree.root.contains(this.drag.item)) this.end();
  }
  /** Where the pointer would drop what is dragged. @param {DragEvent} event @returns {Place | null} */
  placeAt(event) {
    if (!this.drag || !(event.target instanceof Element)) return null;
    const container = this.containerOf(event.target, this.drag.group);
    if (!container) return null;
    const children = Array.from(container.children).filter((child) => this.tree.nodes.get(child)?.k);
    const after = children.findIndex((child) => {
      const box = child.getBoundingClientRect();
      return event.clientY < box.top + box.height / 2;
    });
    return { container, children, at: after < 0 ? children.length : after };
  }
  /** @param {Place | null} place */
  mark(place) {
    const child = place && (place.children[place.at] ?? place.children.at(-1));
    const side = place && place.at < place.children.length ? "before" : "after";
    if (this.marked && this.marked !== child) this.marked.removeAttribute("data-gw-over");
    this.marked = child ?? null;
    if (this.marked && this.marked.getAttribute("data-gw-over") !== side) this.marked.setAttribute("data-gw-over", side);
  }
  /** The nearest container of that group, in this tree. @param {Element} dom @param {string} group */
  containerOf(dom, group) {
    for (let at = (
      /** @type {Element | null} */
      dom
    ); at && this.tree.root.contains(at); at = at.parentElement) {
      if (at.getAttribute("data-drop") === group && this.tree.nodes.has(at)) return at;
    }
    return null;
  }
};
function childWith(container, dom) {
  return Array.from(container.children).find((child) => child.contains(dom)) ?? null;
}

// src/copy.js
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyByCommand(text);
  }
}
function copyByCommand(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.style.cssText = "position:fixed;opacity:0";
  document.body.appendChild(area);
  area.select();
  try {
    return document.execCommand("copy");
  } catch {
    return false;
  } finally {
    area.remove();
  }
}

// src/tree_events.js
var TYPES = ["change", "click", "contextmenu", "dblclick", "focusin", "focusout", "input", "keydown", "submit"];
var CONTROL = "a[href], button, input, select, textarea, label, summary";
var ROVING = {
  menu: "[role^=menuitem]:not([aria-disabled=true])",
  tablist: "[role=tab]",
  listbox: "[role=option]",
  radiogroup: "[role=radio]"
};
var TreeEvents = class {
  /** @param {import("./tree.js").Tree} tree @param {import("./tree.js").Send} send @param {AbortSignal} signal */
  constructor(tree, send, signal) {
    this.tree = tree;
    this.send = send;
    this.typed = /* @__PURE__ */ new WeakMap();
    this.pending = /* @__PURE__ */ new WeakMap();
    this.marked = /* @__PURE__ */ new Set();
    this.dismissable = /* @__PURE__ */ new Map();
    this.watched = /* @__PURE__ */ new Map();
    this.viewer = null;
    this.walked = /* @__PURE__ */ new Map();
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
    if (
      /** @type {any} */
      event.gwHandled
    ) return;
    if (event.type === "submit") event.preventDefault();
    if (event.type === "focusin") this.focused(
      /** @type {Element} */
      event.target
    );
    if (event.type === "input") this.remember(
      /** @type {any} */
      event.target
    );
    for (let dom = (
      /** @type {Element | null} */
      event.target
    ); dom; dom = dom.parentElement) {
      if (isDisabled(dom)) return;
      const name = nameFor(this.tree.nodes.get(dom), event);
      if (name) return this.fire(event, dom, name);
      if (event.type === "keydown" && this.rove(
        /** @type {KeyboardEvent} */
        event,
        dom
      )) return;
      if (event.type === "keydown" && this.walk(
        /** @type {KeyboardEvent} */
        event,
        dom
      )) return;
      if (dom === this.tree.root) return;
      if (blocks(event, dom)) return;
    }
  }
  /** @param {Event} event @param {Element} dom @param {string} name */
  fire(event, dom, name) {
    event.gwHandled = true;
    const link = event.type === "click" && dom.matches("a[href]");
    const mouse = (
      /** @type {MouseEvent} */
      event
    );
    if (link && (mouse.ctrlKey || mouse.metaKey || mouse.shiftKey || mouse.button)) return;
    if (link || event.type === "contextmenu" || event.type === "keydown") event.preventDefault();
    const message = this.payload(event, dom, name);
    const delay = Number(dom.getAttribute("data-debounce") ?? 0);
    clearTimeout(this.pending.get(dom));
    const source = event.type === "click" ? dom.getAttribute("data-copy") : null;
    if (source !== null) {
      const text = document.getElementById(source)?.textContent ?? "";
      copyText(text).then((copied) => this.send({ ...message, copied }));
    } else if (event.type === "input" && delay > 0) {
      this.pending.set(dom, setTimeout(() => this.send(this.payload(event, dom, name)), delay));
    } else {
      this.send(message);
    }
  }
  /** @param {Event} event @param {Element} dom @param {string} name */
  payload(event, dom, name) {
    const field = (
      /** @type {any} */
      event.target
    );
    const keyed = this.keyed(dom);
    const e = (
      /** @type {KeyboardEvent} */
      event
    );
    const message = {
      event: event.type,
      name,
      key: keyed,
      value: "value" in field && typeof field.value === "string" ? field.value : null,
      checked: field.type === "checkbox" || field.type === "radio" ? field.checked : null,
      data: { .../** @type {HTMLElement} */
      dom.dataset },
      keys: { key: e.key ?? null, ctrl: !!e.ctrlKey, shift: !!e.shiftKey, alt: !!e.altKey, meta: !!e.metaKey }
    };
    if (dom instanceof HTMLFormElement) message.values = Object.fromEntries(new FormData(dom));
    return message;
  }
  /** @param {Element} dom */
  keyed(dom) {
    for (let at = (
      /** @type {Element | null} */
      dom
    ); at && at !== this.tree.root; at = at.parentElement) {
      const key = this.tree.nodes.get(at)?.k;
      if (key !== void 0) return key;
    }
    return null;
  }
  /** @param {HTMLInputElement} field */
  remember(field) {
    const values = this.typed.get(field) ?? /* @__PURE__ */ new Set();
    this.typed.set(field, values.add(field.value));
  }
  /** Arrow keys inside a menu, a tab list, a list box. @param {KeyboardEvent} event @param {Element} dom */
  rove(event, dom) {
    const selector = ROVING[dom.getAttribute("role") ?? ""];
    if (!selector) return false;
    const items = (
      /** @type {HTMLElement[]} */
      Array.from(dom.querySelectorAll(selector))
    );
    const at = items.indexOf(
      /** @type {HTMLElement} */
      document.activeElement
    );
    const last = items.length - 1;
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
    const row = (
      /** @type {Element} */
      event.target.closest("tr")
    );
    const at = rows.findIndex((one) => one === row);
    if (at < 0) return false;
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
    this.send({ event: "visible", name, key: this.keyed(target), visible: isIntersecting });
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
      if (!host.contains(
        /** @type {Node} */
        target
      )) this.sendDismiss(dom);
    }
  }
  /** @param {KeyboardEvent} event */
  escape(event) {
    if (event.key !== "Escape" || this.dismissable.size === 0) return;
    const inside = this.tree.root.contains(
      /** @type {Node} */
      event.target
    ) || event.target === document.body;
    if (!inside) return;
    event.stopImmediatePropagation();
    const last = Array.from(this.dismissable.keys()).pop();
    if (last) this.sendDismiss(last);
  }
  /** @param {Element} dom */
  sendDismiss(dom) {
    const name = this.tree.nodes.get(dom)?.on?.dismiss;
    if (name) this.send({ event: "dismiss", name, key: this.keyed(dom) });
  }
};
function rowsOf(body) {
  return (
    /** @type {HTMLElement[]} */
    Array.from(body.children).filter((row) => row.hasAttribute("tabindex"))
  );
}
function isDisabled(dom) {
  return (
    /** @type {any} */
    dom.disabled === true || dom.getAttribute("aria-disabled") === "true"
  );
}
function nameFor(node, event) {
  if (!node?.on) return void 0;
  const key = (
    /** @type {KeyboardEvent} */
    event.key
  );
  return node.on[event.type] ?? (event.type === "keydown" ? node.on[`keydown:${key}`] : void 0);
}
function blocks(event, dom) {
  const { key } = (
    /** @type {KeyboardEvent} */
    event
  );
  const pressed = event.type === "keydown" && (key === "Enter" || key === " ");
  return (pressed || event.type === "click" || event.type === "dblclick") && dom.matches(CONTROL);
}

// src/tree.js
var SVG2 = "http://www.w3.org/2000/svg";
var FLASH_MS = 1e3;
var keyOf = (node) => typeof node === "string" ? void 0 : node.t === "slot" ? `slot:${node.a?.name}` : node.k;
var same = (a, b) => typeof a === "string" || typeof b === "string" ? typeof a === typeof b : a.t === b.t && keyOf(a) === keyOf(b);
var Tree = class {
  /**
   * @param {HTMLElement} root the tree becomes its only child
   * @param {{send: Send, signal: AbortSignal, mount?: Mount}} options
   */
  constructor(root2, { send, signal, mount: mount2 }) {
    this.root = root2;
    this.mount = mount2;
    this.children = [];
    this.nodes = /* @__PURE__ */ new WeakMap();
    this.mounts = /* @__PURE__ */ new Map();
    this.clocks = new Clocks(signal);
    this.events = new TreeEvents(this, send, signal);
    this.drag = new TreeDrag(this, send, signal);
    this.toFocus = null;
    this.toShow = null;
    signal.addEventListener("abort", () => this.update(null));
  }
  /** Show `node` in place of what is shown. @param {VElement | null} node */
  update(node) {
    const focused = (
      /** @type {HTMLElement | null} */
      document.activeElement
    );
    const held = focused && this.root.contains(focused) ? focused : null;
    const next = node ? [node] : [];
    const isFirst = this.children.length === 0;
    this.patchChildren(this.root, this.children, next);
    this.children = next;
    this.sweep();
    this.events.changed();
    this.drag.changed();
    if (this.toFocus) this.toFocus.focus({ preventScroll: !this.toFocus.hasAttribute("data-reveal") });
    else if (held?.isConnected && document.activeElement !== held) held.focus({ preventScroll: true });
    if (!isFirst) this.toShow?.scrollIntoView({ block: "nearest" });
    this.toFocus = this.toShow = null;
  }
  /** Set every field back to the tree's value. */
  reset() {
    for (const field of this.root.querySelectorAll("input, select, textarea")) {
      const node = this.nodes.get(field);
      if (!node) continue;
      this.events.typed.delete(field);
      if (node.a && "value" in node.a) field.value = node.a.value;
      if (node.t === "input") field.checked = Boolean(node.a?.checked);
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
      this.mounts.set(host, this.mount?.(name, host) ?? (() => {
      }));
    }
  }
  /** @param {VNode} node @returns {Node} */
  create(node) {
    if (typeof node === "string") return document.createTextNode(node);
    if (node.t === "slot") return this.createSlot(node);
    if (!TAGS.has(node.t)) throw new Error(`element '${node.t}' is not allowed`);
    const dom = SVG_TAGS.has(node.t) ? document.createElementNS(SVG2, node.t) : document.createElement(node.t);
    this.nodes.set(dom, node);
    for (const child of node.c ?? []) dom.appendChild(this.create(child));
    for (const [name, value] of Object.entries(node.a ?? {})) this.setAttribute(dom, node.t, name, value, void 0);
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
    this.mounts.set(host, this.mount?.(name, host) ?? (() => {
    }));
    return host;
  }
  /** @param {Node} dom @param {VNode} old @param {VNode} next */
  patch(dom, old, next) {
    if (typeof next === "string") {
      if (old !== next) dom.nodeValue = next;
      return;
    }
    const element = (
      /** @type {Element} */
      dom
    );
    const before = (
      /** @type {VElement} */
      old
    );
    this.nodes.set(element, next);
    this.events.mark(element, next);
    if (next.t === "slot") return;
    const a = before.a ?? {};
    const b = next.a ?? {};
    if (!("data-clock" in b)) {
      if ("data-clock" in a) element.textContent = "";
      this.patchChildren(element, "data-clock" in a ? [] : before.c ?? [], next.c ?? []);
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
    const pool = /* @__PURE__ */ new Map();
    const group = (n) => typeof n === "string" ? "#" : `${n.t}|${keyOf(n) ?? ""}`;
    for (let i = aligned; i < old.length; i++) {
      const name = group(old[i]);
      pool.has(name) ? pool.get(name)?.push(i) : pool.set(name, [i]);
    }
    const kept = next.slice(aligned).map((node) => ({ node, from: pool.get(group(node))?.shift() }));
    for (const left of pool.values()) for (const i of left) parent.removeChild(doms[i]);
    kept.forEach(({ node, from }, i) => {
      const at = parent.childNodes[aligned + i] ?? null;
      const dom = from === void 0 ? this.create(node) : doms[from];
      if (from !== void 0) this.patch(dom, old[from], node);
      if (dom === at) return;
      if (from !== void 0 && "moveBefore" in parent) parent.moveBefore(dom, at);
      else parent.insertBefore(dom, at);
    });
  }
  /** @param {Element} dom @param {string} tag @param {string} name @param {any} value @param {any} old */
  setAttribute(dom, tag, name, value, old) {
    if (!attributeAllowed(name)) throw new Error(`attribute '${name}' is not allowed`);
    if (name === "style") return setStyle(
      /** @type {HTMLElement} */
      dom,
      value ?? {},
      old ?? {}
    );
    if (name === "value" || name === "checked" || name === "selected") return this.setField(dom, name, value);
    if (name === "href" && value !== null && !linkAllowed(tag, String(value))) throw new Error("link is not allowed");
    if (value === null || value === void 0) dom.removeAttribute(name);
    else if (name === "class" && dom.classList.contains("is-updated")) dom.setAttribute("class", `${value} is-updated`);
    else dom.setAttribute(name, value === true ? "" : String(value));
    if (name === "data-clock" && value !== null) this.clocks.show(dom);
    if (name === "data-flash" && old !== void 0 && value !== null) flash(dom);
    if (name === "data-show" && value !== null) this.toShow = dom;
    if (name === "autofocus" && value) this.toFocus = /** @type {HTMLElement} */
    dom;
  }
  /**
   * Typed text belongs to the reader: a value that the tree merely echoes does not replace it.
   * @param {Element} dom @param {string} name @param {any} value
   */
  setField(dom, name, value) {
    const field = (
      /** @type {any} */
      dom
    );
    if (name !== "value") field[name] = Boolean(value);
    else if (!("value" in field) || dom.tagName === "BUTTON") dom.setAttribute("value", value ?? "");
    else if (dom !== document.activeElement || !this.events.echoes(dom, String(value ?? ""))) {
      field.value = value ?? "";
    }
  }
};
function sameStyle(a, b) {
  const names = Object.keys(b);
  return a !== void 0 && names.length === Object.keys(a).length && names.every((n) => a[n] === b[n]);
}
function setStyle(dom, value, old) {
  for (const name of Object.keys(old)) if (!(name in value)) dom.style.removeProperty(name);
  for (const [name, text] of Object.entries(value)) {
    if (!styleAllowed(name, String(text))) throw new Error(`style '${name}' is not allowed`);
    dom.style.setProperty(name, String(text));
  }
}
var flashing = /* @__PURE__ */ new WeakMap();
function flash(dom) {
  clearTimeout(flashing.get(dom));
  dom.classList.add("is-updated");
  flashing.set(dom, setTimeout(() => dom.classList.remove("is-updated"), FLASH_MS));
}

// src/theme.js
var STORE = "gladius-theme";
var SVG3 = "image/svg+xml";
var SUPPRESS = "data-lm-suppress-shortcuts";
function inject(model) {
  const style = document.getElementById("gw-style") ?? document.head.appendChild(document.createElement("style"));
  style.id = "gw-style";
  const css = model.get("_style");
  if (style.textContent !== css) style.textContent = css;
  if (!document.getElementById("gw-icons")) {
    const sprite = new DOMParser().parseFromString(model.get("_icons"), SVG3).documentElement;
    sprite.id = "gw-icons";
    sprite.setAttribute("width", "0");
    sprite.setAttribute("height", "0");
    sprite.setAttribute("style", "position: absolute");
    sprite.setAttribute("aria-hidden", "true");
    document.body.prepend(document.importNode(sprite, true));
  }
  if (document.body.dataset.voila) {
    document.body.classList.add("gw-page");
    delete document.body.dataset.jpThemeLight;
  }
}
function stored() {
  try {
    const mode = localStorage.getItem(STORE);
    return mode === "light" || mode === "dark" ? mode : "system";
  } catch {
    return "system";
  }
}
function apply(mode) {
  for (const place of [document.documentElement, document.body]) {
    if (mode === "system") delete place.dataset.gwTheme;
    else place.dataset.gwTheme = mode;
  }
}
function choose(mode) {
  try {
    if (mode === "system") localStorage.removeItem(STORE);
    else localStorage.setItem(STORE, mode);
  } catch {
  }
  apply(mode);
  window.dispatchEvent(new CustomEvent("gw-theme", { detail: mode }));
}
function keepPlainKey(event) {
  const { target } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || !(target instanceof Element)) return;
  if (!target.closest(".gw-root") || target.hasAttribute(SUPPRESS)) return;
  target.setAttribute(SUPPRESS, "");
  setTimeout(() => target.removeAttribute(SUPPRESS));
}
function isDark() {
  return getComputedStyle(document.body).getPropertyValue("--gw-scheme").trim() === "dark";
}
function initialize({ model, signal }) {
  inject(model);
  apply(stored());
  const tell = () => {
    if (model.get("mode") === stored()) return;
    model.set("mode", stored());
    model.save_changes();
  };
  tell();
  model.on("msg:custom", (message) => message.switch && choose(message.switch));
  window.addEventListener("gw-theme", tell, { signal });
  window.addEventListener("storage", (e) => e.key === STORE && apply(stored()), { signal });
  window.addEventListener("keydown", keepPlainKey, { signal, capture: true });
  document.addEventListener(
    "click",
    (e) => {
      const event = (
        /** @type {MouseEvent & {gwToggled?: boolean}} */
        e
      );
      if (event.gwToggled || !/** @type {Element} */
      e.target.closest?.("[data-gw-toggle]")) return;
      event.gwToggled = true;
      choose(isDark() ? "light" : "dark");
    },
    { signal }
  );
  runtime(model.get("_runtime")).resolve({ Tree, clockText, connected, duration, icon, mount, portal, root });
}
var theme_default = { initialize, render() {
} };
export {
  theme_default as default
};
