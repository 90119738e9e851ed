// src/runtime.js
function runtime(id) {
  const key = /* @__PURE__ */ Symbol.for(`gladius:${id}`);
  const places = (
    /** @type {any} */
    globalThis
  );
  if (!places[key]) {
    const place2 = places[key] = /** @type {any} */
    {};
    place2.promise = new Promise((resolve, reject) => Object.assign(place2, { resolve, reject }));
    place2.promise.catch(() => {
    });
  }
  return places[key];
}

// src/dialog.js
var FOCUSABLE = "a[href], button:not(:disabled), input:not(:disabled), select:not(:disabled), textarea:not(:disabled), [tabindex='0']";
function open(model, ui, signal) {
  const before = (
    /** @type {HTMLElement | null} */
    document.activeElement
  );
  const root2 = (
    /** @type {HTMLElement} */
    ui.portal(signal)
  );
  root2.dataset.gwKernel = model.get("_runtime");
  const send = (message, label) => ui.send(model, message, label);
  const tree = new ui.Tree(root2, { send, signal });
  const paint = () => tree.update({ t: "div", a: { class: "gw-overlay" }, c: [model.get("_tree")] });
  const fields = () => (
    /** @type {HTMLElement[]} */
    Array.from(root2.querySelectorAll(FOCUSABLE))
  );
  const focusFirst = () => {
    const first = root2.querySelector("[autofocus]") ?? root2.querySelector("[data-focus]:not(:disabled)") ?? fields()[0];
    first?.focus({ preventScroll: true });
  };
  const repaint = () => {
    paint();
    const focused = document.activeElement;
    const lost = !focused || focused === document.body || root2.contains(focused) && focused.matches(":disabled");
    if (lost && isTopmost(root2)) focusFirst();
  };
  paint();
  model.on("change:_tree", repaint);
  focusFirst();
  window.addEventListener(
    "keydown",
    (event) => {
      if (!isTopmost(root2)) return;
      if (event.key === "Escape") {
        event.preventDefault();
        event.stopImmediatePropagation();
        model.send({ name: "dismiss", event: "dismiss" });
      } else if (event.key === "Tab") {
        event.preventDefault();
        event.stopImmediatePropagation();
        step(fields(), event.shiftKey ? -1 : 1);
      }
    },
    { signal, capture: true }
  );
  document.addEventListener(
    "focusin",
    (event) => {
      if (isTopmost(root2) && !root2.contains(
        /** @type {Node} */
        event.target
      )) fields()[0]?.focus({ preventScroll: true });
    },
    { signal }
  );
  signal.addEventListener("abort", () => {
    model.off("change:_tree", repaint);
    if (before?.isConnected) before.focus({ preventScroll: true });
  });
}
function isTopmost(root2) {
  const open3 = Array.from(document.querySelectorAll(".gw-portal")).filter((p) => p.querySelector(".gw-overlay"));
  return open3.pop() === root2;
}
function step(fields, by) {
  if (fields.length === 0) return;
  const at = fields.indexOf(
    /** @type {HTMLElement} */
    document.activeElement
  );
  fields[(at + by + fields.length) % fields.length].focus();
}
function initialize({ model, signal }) {
  let life = null;
  const update = async () => {
    const ui = await runtime(model.get("_runtime")).promise;
    if (!model.get("shown") || signal.aborted) {
      life?.abort();
      life = null;
    } else if (!life) {
      life = new AbortController();
      open(model, ui, AbortSignal.any([life.signal, signal]));
    }
  };
  model.on("change:shown", update);
  update();
}
var dialog_default = { initialize, render() {
} };

// src/element.js
async function render({ model, el, signal }) {
  const { Tree: Tree2, mount: mount2, root: root2, send } = await runtime(model.get("_runtime")).promise;
  if (signal.aborted) return;
  root2(el, model);
  const tree = new Tree2(el, {
    signal,
    send: (message, label) => send(model, message, label),
    mount(name, host) {
      const id = model.get("_slots")[name];
      return id ? mount2(model.widget_manager, id, host).dispose : () => {
      };
    }
  });
  let slots = model.get("_slots");
  let classes = (
    /** @type {string[]} */
    []
  );
  const on = (name, handler) => {
    model.on(name, handler);
    signal.addEventListener("abort", () => model.off(name, handler));
  };
  const dress = () => {
    el.classList.remove(...classes);
    classes = model.get("root_class").split(/\s+/).filter(Boolean);
    el.classList.add(...classes);
  };
  on("change:tree", () => tree.update(model.get("tree")));
  on("change:root_class", dress);
  on("change:_slots", () => {
    const now = model.get("_slots");
    for (const name of Object.keys({ ...slots, ...now })) if (slots[name] !== now[name]) tree.remount(name);
    slots = now;
  });
  on("msg:custom", (message) => message.reset && tree.reset());
  dress();
  tree.update(model.get("tree"));
}
var element_default = { render };

// src/hotkeys.js
var TEXT_FIELD = "textarea, select, [contenteditable=''], [contenteditable=true]";
var TEXT_INPUTS = /* @__PURE__ */ new Set(["text", "search", "number", "date", "time", "datetime-local", "email", "url", "tel", "password"]);
function combination(event) {
  const single = event.key.length === 1;
  let key = single ? event.key.toUpperCase() : event.key;
  if (event.key === " ") key = "Space";
  if (event.shiftKey && /^Digit\d$/.test(event.code)) key = event.code.slice(5);
  const letterOrName = !single || /^[A-Z0-9]$/.test(key);
  const parts = [];
  if (event.ctrlKey || event.metaKey && navigator.platform.startsWith("Mac")) parts.push("Ctrl");
  if (event.altKey) parts.push("Alt");
  if (event.shiftKey && letterOrName) parts.push("Shift");
  if (event.metaKey && !navigator.platform.startsWith("Mac")) parts.push("Meta");
  return [...parts, key].join("+");
}
function isTextField(target) {
  if (target.closest(TEXT_FIELD)) return true;
  return target instanceof HTMLInputElement && TEXT_INPUTS.has(target.type);
}
function belongsToField(combo) {
  return !/^(Ctrl\+|Alt\+|Shift\+|Meta\+)*F\d+$/.test(combo) && !/^Ctrl\+(Alt\+)?Shift\+[A-Y]$/.test(combo);
}
function initialize2({ model, signal }) {
  let ui = null;
  runtime(model.get("_runtime")).promise.then((one) => ui = one);
  const ours = (target) => {
    const root2 = target.closest(".gw-root");
    if (root2) return root2.closest("[data-gw-kernel]")?.getAttribute("data-gw-kernel") === model.get("_runtime");
    const shown = document.querySelector(`[data-gw-kernel="${CSS.escape(model.get("_runtime"))}"]`);
    return Boolean(document.body.dataset.voila) && Boolean(shown);
  };
  window.addEventListener(
    "keydown",
    (event) => {
      if (!model.get("enabled") || event.isComposing || !event.key) return;
      const combo = combination(event);
      const name = model.get("bindings")[combo];
      const target = event.target instanceof Element ? event.target : document.body;
      if (!name || !ours(target)) return;
      if (!ui || !ui.line.isLost && document.querySelector(".gw-overlay [aria-modal=true]")) return;
      if (isTextField(target) && belongsToField(combo)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      if (!event.repeat) ui.send(model, { name, event: "hotkey", key: combo }, combo);
    },
    { signal, capture: true }
  );
}
var hotkeys_default = { initialize: initialize2, render() {
} };

// src/location/address.js
var standalone = () => Boolean(document.body.dataset.voila);
function query() {
  const all = Object.fromEntries(new URLSearchParams(location.search));
  delete all.token;
  return all;
}
function navigate(url) {
  const to = new URL(url, location.href);
  if (to.protocol !== "http:" && to.protocol !== "https:") return;
  if (standalone()) location.assign(to);
  else window.open(to, "_blank", "noopener");
}
function setQuery(changes, push) {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  if (push && url.href !== location.href) history.pushState(null, "", url);
  else history.replaceState(history.state, "", url);
}
function download({ filename, mime }, buffers) {
  const url = URL.createObjectURL(new Blob(
    /** @type {any} */
    buffers,
    { type: mime }
  ));
  const link = Object.assign(document.createElement("a"), { href: url, download: filename });
  document.body.appendChild(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 6e4);
}
var arriving = /* @__PURE__ */ new Map();
function takePart(model, part, buffers) {
  const parts = part.number === 0 ? [] : arriving.get(part.transfer);
  if (!parts) return;
  parts.push(...buffers);
  arriving.set(part.transfer, parts);
  if (part.last) {
    arriving.delete(part.transfer);
    download(part, parts);
  }
  model.send({ name: "part", transfer: part.transfer, number: part.number });
}

// src/location/typed.js
var SETTLE_MS = 12e4;
var FIELDS = "input[id], select[id], textarea[id]";
var TypedFields = class {
  /** @param {AbortSignal} signal */
  constructor(signal) {
    this.fields = /* @__PURE__ */ new Map();
    for (const type of ["input", "change"]) {
      document.addEventListener(type, (event) => this.note(event), { signal, capture: true });
    }
  }
  /** @param {Event} event */
  note({ type, target }) {
    const field = (
      /** @type {Field} */
      target
    );
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
};
function typeAgain(values, signal) {
  const left = new Map(Object.entries(values));
  if (left.size === 0) return;
  const life = new AbortController();
  const look = () => {
    for (const [id, value] of left) {
      const field = (
        /** @type {Field | null} */
        document.getElementById(id)
      );
      if (!field?.matches(FIELDS)) continue;
      left.delete(id);
      field.value = value;
      for (const type of ["input", "change"]) field.dispatchEvent(new Event(type, { bubbles: true }));
    }
    if (left.size === 0) life.abort();
  };
  const seen = new MutationObserver(look);
  seen.observe(document.body, { childList: true, subtree: true });
  const overtaken = (event) => event.isTrusted && left.delete(
    /** @type {Element} */
    event.target.id
  );
  document.addEventListener("input", overtaken, { signal: life.signal, capture: true });
  const late = setTimeout(() => life.abort(), SETTLE_MS);
  signal.addEventListener("abort", () => life.abort());
  life.signal.addEventListener("abort", () => (clearTimeout(late), seen.disconnect()));
  look();
}

// src/location/kept.js
var PLACE = "gladius-place";
var RELOADED = "gladius-reloaded";
var KEPT = "gladius-kept:";
var LOOP_MS = 3e4;
var BONES = "#bones, .gw-late[aria-busy=true]";
var SETTLE_MS2 = 12e4;
function tab(use) {
  try {
    return use();
  } catch {
    return null;
  }
}
function keep(name, value) {
  tab(() => value === null ? sessionStorage.removeItem(KEPT + name) : sessionStorage.setItem(KEPT + name, JSON.stringify(value)));
}
function kept() {
  const names = tab(() => Object.keys(sessionStorage).filter((key) => key.startsWith(KEPT))) ?? [];
  return Object.fromEntries(names.map((key) => [key.slice(KEPT.length), tab(() => JSON.parse(sessionStorage[key]))]));
}
var scroller = () => document.getElementById("rendered_cells") ?? document.documentElement;
function reload(typed) {
  const before = Number(tab(() => sessionStorage.getItem(RELOADED)) ?? 0);
  if (Date.now() - before < LOOP_MS) return false;
  tab(() => sessionStorage.setItem(RELOADED, String(Date.now())));
  const place2 = { url: location.href, y: scroller().scrollTop, typed };
  tab(() => sessionStorage.setItem(PLACE, JSON.stringify(place2)));
  location.reload();
  return true;
}
function restore(signal) {
  const place2 = tab(() => JSON.parse(sessionStorage.getItem(PLACE) ?? "null"));
  tab(() => sessionStorage.removeItem(PLACE));
  if (!place2 || place2.url !== location.href) return;
  typeAgain(place2.typed, signal);
  if (place2.y > 0) scrollOnce(place2.y, signal);
}
function scrollOnce(y, signal) {
  const life = new AbortController();
  const look = () => {
    const box = scroller();
    if (document.querySelector(BONES) || box.scrollHeight < y + box.clientHeight) return;
    if (box.scrollTop === 0) box.scrollTo({ top: y, behavior: "instant" });
    life.abort();
  };
  const seen = new MutationObserver(look);
  seen.observe(document.body, { childList: true, subtree: true });
  const late = setTimeout(() => life.abort(), SETTLE_MS2);
  signal.addEventListener("abort", () => life.abort());
  life.signal.addEventListener("abort", () => (clearTimeout(late), seen.disconnect()));
}

// src/location/lost.js
var DIALOG_MS = 6e3;
var TITLES = {
  line: ["Connection lost", "Reconnecting to the page's kernel"],
  server: ["Server not reachable", `No answer from ${location.host}`],
  kernel: ["Kernel died", "This page has stopped"],
  token: ["Not known to the server", "The server asks for its token"]
};
var TEXTS = {
  line: "The job is a process of its own and does not need this page.",
  server: "The job is a process of its own on that machine. Whether it runs, this page cannot tell from here.",
  kernel: "The process that draws this page has ended, again. The job does not need it; a reload starts a new one.",
  token: "Open the address that `gladius serve` printed: it carries the token."
};
var Lost = class {
  /** @param {string} kernel @param {any} ui @param {{retry: () => void, signal: AbortSignal}} options */
  constructor(kernel, ui, { retry, signal }) {
    this.kernel = kernel;
    this.ui = ui;
    this.retry = retry;
    this.signal = signal;
    this.life = null;
    this.tree = null;
    this.dismissed = false;
    this.before = null;
  }
  /** @param {State} state */
  show(state2) {
    const isLong = state2.now - state2.lostAt >= DIALOG_MS || state2.cause === "kernel" || state2.cause === "token";
    const isDialog = isLong && !this.dismissed;
    this.fade(true, isDialog);
    if (!this.life) this.open();
    this.tree.update(isDialog ? dialog(state2) : bar(state2));
  }
  hide() {
    this.fade(false, false);
    this.dismissed = false;
    this.life?.abort();
    this.life = null;
  }
  /** @param {boolean} isLost @param {boolean} isDialog what is below may be old: neither read out nor reached */
  fade(isLost, isDialog) {
    if (isDialog && !this.before) this.before = document.activeElement;
    for (const root2 of this.roots()) {
      if (isLost) root2.dataset.gwLine = "lost";
      else delete root2.dataset.gwLine;
      for (const child of root2.children) {
        child.classList.toggle("is-stale", isDialog);
        child.toggleAttribute("inert", isDialog);
      }
    }
    if (isDialog || !this.before) return;
    if (this.before instanceof HTMLElement && this.before.isConnected) this.before.focus({ preventScroll: true });
    this.before = null;
  }
  roots() {
    const roots = document.querySelectorAll(`[data-gw-kernel="${CSS.escape(this.kernel)}"]`);
    return (
      /** @type {HTMLElement[]} */
      Array.from(roots).filter((root2) => !root2.parentElement?.closest(".gw-root"))
    );
  }
  open() {
    this.life = new AbortController();
    const signal = AbortSignal.any([this.signal, this.life.signal]);
    const root2 = this.ui.portal(signal);
    root2.dataset.gwLost = "";
    const send = ({ name }) => {
      if (name === "retry") return this.retry();
      if (name === "reload") return location.reload();
      this.dismissed = true;
    };
    this.tree = new this.ui.Tree(root2, { send, signal });
  }
};
var h = (t, a, ...c) => ({ t, a, c: c.filter(Boolean) });
var icon = (name, classes = "") => h("svg", { class: `gw-i ${classes}`.trim(), "aria-hidden": "true" }, h("use", { href: `#i-${name}` }));
var button = (name, label, { symbol, ...attributes } = {}) => ({
  ...h("button", { type: "button", class: "gw-btn", ...attributes }, symbol && icon(symbol, "gw-i--14"), h("span", {}, label)),
  on: { click: name },
  k: name
});
var way = ({ cause }) => cause === "line" || cause === "server" ? ["retry", "Retry now"] : ["reload", "Reload page"];
var clockTime = (ms) => new Date(ms).toLocaleTimeString();
function bar(state2) {
  const [name, label] = way(state2);
  return h(
    "div",
    { class: `gw-lostbar gw-tone-${state2.cause === "line" ? "yellow" : "red"}` },
    icon("wifi-off", ""),
    h("p", { role: "alert" }, h("b", {}, `${TITLES[state2.cause][0]}.`), ` Showing the state of ${clockTime(state2.lostAt)}. Nothing is sent meanwhile.`),
    h("span", { class: "gw-spacer" }),
    h("span", { class: "gw-small gw-soft" }, `Attempt ${state2.attempt}`),
    button(name, label, { class: "gw-btn gw-btn--sm", symbol: "refresh" })
  );
}
function dialog(state2) {
  const { cause, attempt, lostAt, now } = state2;
  const [kicker, title] = TITLES[cause];
  const [name, label] = way(state2);
  const down = `${Math.floor((now - lostAt) / 1e3)}s, attempt ${attempt}`;
  const command = cause === "server" && [
    h("p", { class: "gw-small gw-muted" }, "If the server was stopped, start it there:"),
    h("code", { class: "gw-mono" }, `gladius serve --port ${location.port || "80"}`)
  ];
  return h(
    "div",
    { class: "gw-overlay" },
    h(
      "div",
      { class: `gw-offline gw-lost gw-tone-${cause === "line" ? "yellow" : "red"}`, role: "alertdialog", "aria-modal": "true", "aria-label": kicker },
      h(
        "div",
        { class: "gw-modal__h" },
        h("span", { class: "gw-modal__ic" }, icon(cause === "kernel" ? "cpu" : "wifi-off", "gw-i--20")),
        h(
          "div",
          {},
          h("p", { class: "gw-lost__k" }, kicker),
          h("h2", { class: "gw-modal__t" }, title),
          h("p", { class: "gw-soft" }, `${TEXTS[cause]} The figures below are from ${clockTime(lostAt)}.`)
        )
      ),
      h(
        "div",
        { class: "gw-well gw-lost__w" },
        h(
          "div",
          { class: "gw-row" },
          (cause === "line" || cause === "server") && icon("spin", "gw-spin gw-t-blue"),
          h("span", {}, `Down for ${down}`)
        ),
        ...command || []
      ),
      h(
        "div",
        { class: "gw-modal__f" },
        button("view", "View last state", { symbol: "eye" }),
        button(name, label, { class: "gw-btn gw-btn--primary", autofocus: true, symbol: "refresh" })
      )
    )
  );
}

// src/location/pulse.js
var LOOK_MS = 250;
var PING_MS = 1e4;
var RETRY_MS = 2e3;
var SILENT_MS = 2500;
var FIRST_MS = 15e3;
var LONG_TRIP_S = 2;
var STALLED_MS = 1500;
var Pulse = class {
  /** @param {any} model @param {import("../line.js").Line} line @param {(lost: boolean) => void} show called at each look while lost, and once when found */
  constructor(model, line, show) {
    this.model = model;
    this.line = line;
    this.show = show;
    this.page = line.page;
    this.shown = false;
    this.beats = false;
    this.refused = false;
    this.heard = this.looked = Date.now();
    this.pinged = 0;
  }
  /** @param {AbortSignal} signal */
  start(signal) {
    const timer = setInterval(() => this.look(), LOOK_MS);
    signal.addEventListener("abort", () => clearInterval(timer));
    window.addEventListener("pagehide", () => this.bye(), { signal });
    document.addEventListener("visibilitychange", () => this.shown && this.ping(), { signal });
  }
  onPage() {
    return document.querySelector(`[data-gw-kernel="${CSS.escape(this.model.get("_runtime"))}"]`) !== null;
  }
  ping() {
    this.pinged = Date.now();
    const visible = document.visibilityState === "visible";
    try {
      this.model.send({ name: "ping", page: this.page, visible, sent: this.pinged / 1e3 });
    } catch {
      this.refused = true;
    }
  }
  bye() {
    if (!this.shown) return;
    this.shown = this.beats = false;
    try {
      this.model.send({ name: "bye", page: this.page });
    } catch {
    }
  }
  look() {
    const now = Date.now();
    const stalled = now - this.looked > STALLED_MS;
    this.heard = stalled ? Math.min(now, this.heard + now - this.looked) : this.heard;
    this.looked = now;
    const on = this.onPage();
    if (on !== this.shown) {
      if (!on) return this.bye();
      this.shown = true;
      this.heard = now;
      this.ping();
    }
    if (!on) return;
    if (now - this.pinged >= (this.line.isLost || !this.beats ? RETRY_MS : PING_MS)) this.ping();
    const silent = now - this.heard > (this.beats ? SILENT_MS : FIRST_MS);
    if (silent || this.refused) this.line.lose(this.heard);
    if (this.line.isLost) this.show(true);
  }
  /** Anything from the kernel. @param {number} time its monotonic clock, seconds */
  hear(time) {
    const found = this.line.isLost;
    this.heard = Date.now();
    this.refused = false;
    if (found) this.line.find();
    this.line.hear(time);
    if (found) this.show(false);
  }
  /** @param {number} time the kernel's monotonic clock, seconds */
  beat(time) {
    this.beats = true;
    this.hear(time);
  }
  /** @param {{sent: number, time: number, monotonic: number}} pong */
  pong({ sent, time, monotonic }) {
    const trip = Date.now() / 1e3 - sent;
    if (trip < LONG_TRIP_S) this.line.wallOffset = time - (sent + trip / 2);
    this.hear(monotonic);
  }
};

// src/location/server.js
var WAITS_MS = [0, 1e3, 1e3, 2e3, 2e3, 3e3];
var AWAY_MS = 1e4;
var ANSWER_MS = 2500;
var DEAD_SOCKET_MS = 4e3;
var Server = class {
  /** @param {any} model @param {import("../line.js").Line} line @param {AbortSignal} signal */
  constructor(model, line, signal) {
    this.line = line;
    this.typed = new TypedFields(signal);
    this.kernel = model.widget_manager?.kernel;
    this.cause = "line";
    this.attempt = 0;
    this.next = 0;
    this.asking = false;
    this.answersSince = null;
    this.reconnected = 0;
    this.broken = false;
    const changed = (_, status) => this.broken ||= status !== "connected";
    this.kernel?.connectionStatusChanged?.connect(changed);
    signal.addEventListener("abort", () => this.kernel?.connectionStatusChanged?.disconnect(changed));
  }
  /** Called again and again while the line is down. */
  look() {
    if (!this.asking && Date.now() >= this.next && this.cause !== "kernel") this.check();
  }
  /** The line is up. @returns {boolean} whether the socket was replaced meanwhile */
  found() {
    const was = this.broken;
    this.cause = "line";
    this.attempt = this.next = 0;
    this.answersSince = null;
    this.broken = false;
    return was;
  }
  /** @param {boolean} [byHand] the reader asked for it */
  async check(byHand = false) {
    this.attempt += 1;
    this.next = Date.now() + WAITS_MS[Math.min(this.attempt, WAITS_MS.length - 1)];
    if (!standalone() || !this.kernel) return byHand ? this.reconnect() : void 0;
    this.asking = true;
    const answer = await ask(this.kernel.id);
    this.asking = false;
    this.next = Date.now() + WAITS_MS[Math.min(this.attempt, WAITS_MS.length - 1)];
    if (this.line.lostAt === null) return;
    if (answer === "gone") this.cause = reload(this.typed.unsent(this.line.lostAt)) ? "line" : "kernel";
    else if (answer === "here") this.connect();
    else if (answer === "token" || Date.now() - this.line.lostAt > AWAY_MS) this.cause = answer;
  }
  /** The server has the kernel: connect to it, where that is not so already. */
  connect() {
    this.cause = "line";
    const now = Date.now();
    this.answersSince ??= now;
    const isClosed = this.kernel.connectionStatus !== "connected";
    const since = isClosed ? this.reconnected : Math.max(this.reconnected, this.answersSince);
    if (now - since > DEAD_SOCKET_MS) this.reconnect();
  }
  reconnect() {
    this.broken = true;
    this.reconnected = Date.now();
    this.kernel?.reconnect().catch(() => {
    });
  }
};
async function ask(kernel) {
  const url = `${document.body.dataset.baseUrl ?? "/voila/"}kernel/${kernel}`;
  try {
    const answer = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) });
    if (answer.status === 403) return "token";
    if (!answer.ok) return "server";
    return (await answer.json()).alive ? "here" : "gone";
  } catch {
    return "server";
  }
}

// src/location.js
function watch(model, ui, signal) {
  const { line } = ui;
  line.watched = true;
  const server = new Server(model, line, signal);
  const lost = new Lost(model.get("_runtime"), ui, { retry: () => server.check(true), signal });
  const pulse = new Pulse(model, line, (isLost) => {
    if (isLost) {
      server.look();
      return lost.show({ cause: server.cause, attempt: server.attempt, lostAt: line.lostAt ?? Date.now(), now: Date.now() });
    }
    lost.hide();
    if (!server.found()) return;
    model.send({ name: "back" });
    line.renewed();
  });
  pulse.start(signal);
  return pulse;
}
async function start({ model, signal }) {
  const ui = await runtime(model.get("_runtime")).promise;
  if (signal.aborted) return;
  const pulse = watch(model, ui, signal);
  model.on("msg:custom", (message) => {
    if (message.pong) pulse.pong(message.pong);
    if (message.beat) pulse.beat(message.beat);
    if (message.confirm) {
      const isMeant = ui.line.isMeant(message.confirm);
      if (isMeant !== null) model.send({ name: "confirm", id: message.confirm, isMeant });
    }
  });
}
function initialize3({ model, signal }) {
  model.on("msg:custom", (message, buffers) => {
    if (message.navigate) navigate(message.navigate);
    if (message.reload && standalone()) location.reload();
    if (message.query && standalone()) setQuery(message.query, Boolean(message.push));
    if (message.title && standalone()) document.title = message.title;
    if (message.download) download(message.download, buffers);
    if (message.part) takePart(model, message.part, buffers);
    if (message.keep) keep(message.keep.name, message.keep.value);
  });
  model.send({ name: "ready", query: query(), path: location.pathname, standalone: standalone(), kept: standalone() ? kept() : {} });
  window.addEventListener("popstate", () => standalone() && model.send({ name: "query", query: query() }), { signal });
  if (standalone()) restore(signal);
  start({ model, signal });
}
var location_default = { initialize: initialize3, render() {
} };

// src/notifier.js
var KEY = "gladius-notify";
var FLASH_MS = 1e3;
function state() {
  if (!("Notification" in globalThis)) return "unsupported";
  if (Notification.permission === "denied") return "denied";
  return Notification.permission === "granted" && wanted() ? "on" : "off";
}
function wanted() {
  try {
    return localStorage.getItem(KEY) === "on";
  } catch {
    return false;
  }
}
function want(on) {
  try {
    localStorage.setItem(KEY, on ? "on" : "off");
  } catch {
  }
}
var isAway = () => document.visibilityState !== "visible" || !document.hasFocus();
function flasher(signal) {
  let title = "";
  let timer = 0;
  const stop = () => {
    if (!timer) return;
    clearInterval(timer);
    timer = 0;
    document.title = title;
  };
  window.addEventListener("focus", stop, { signal });
  document.addEventListener("visibilitychange", () => isAway() || stop(), { signal });
  signal.addEventListener("abort", stop);
  return (words2) => {
    if (!document.body.dataset.voila) return;
    stop();
    title = document.title;
    let shown = false;
    const turn = () => {
      shown = !shown;
      document.title = shown ? `● ${words2}` : title;
    };
    turn();
    timer = /** @type {any} */
    setInterval(turn, FLASH_MS);
  };
}
function open2(url) {
  const to = new URL(url, location.href);
  if (to.origin === location.origin && to.href !== location.href) location.assign(to);
}
function initialize4({ model, signal }) {
  const flash2 = flasher(signal);
  const report = () => {
    if (model.get("state") === state()) return;
    model.set("state", state());
    model.save_changes();
  };
  const toggle = async () => {
    if (state() === "on") want(false);
    else if ("Notification" in globalThis) want(await Notification.requestPermission() === "granted");
    report();
    model.send({ name: "asked", state: state() });
  };
  document.addEventListener(
    "click",
    (event) => {
      const bell = event.target instanceof Element && event.target.closest("[data-gw-bell]");
      const kernel = bell && bell.closest("[data-gw-kernel]")?.getAttribute("data-gw-kernel");
      if (kernel === model.get("_runtime")) toggle();
    },
    { signal }
  );
  model.on("msg:custom", (message) => {
    if (!message.news || !isAway() || state() !== "on") return;
    const { title, text, url, tag } = message.news;
    const shown = new Notification(title, { body: text, tag });
    shown.onclick = () => {
      window.focus();
      if (url && document.body.dataset.voila) open2(url);
      shown.close();
    };
    flash2(title);
  });
  window.addEventListener("storage", report, { signal });
  report();
}
var notifier_default = { initialize: initialize4, render() {
} };

// src/toasts.js
var LONGEST = 3;
var SECONDS = { blue: 2, gray: 2, green: 4, yellow: 6, orange: 6 };
function node(toast) {
  const h3 = (t, a, ...c) => ({ t, a, c: c.filter(Boolean) });
  const icon3 = (name, classes) => h3("svg", { class: `gw-i ${classes}`, "aria-hidden": "true" }, h3("use", { href: `#i-${name}` }));
  const urgent = toast.tone === "red" ? { role: "alert" } : {};
  return {
    ...h3(
      "div",
      { class: `gw-toast gw-tone-${toast.tone}`, ...urgent },
      icon3(toast.icon, ""),
      h3(
        "p",
        {},
        h3("b", { class: "gw-strong" }, toast.title),
        toast.text && h3("br", {}),
        toast.text && h3("span", { class: "gw-soft gw-small" }, toast.text)
      ),
      toast.action && {
        ...h3("button", { type: "button", class: "gw-linkbtn" }, toast.action),
        on: { click: "action" }
      },
      {
        ...h3("button", { type: "button", class: "gw-btn gw-btn--sm gw-btn--icon gw-btn--ghost", "aria-label": "Dismiss" }, icon3("x", "gw-i--14")),
        on: { click: "dismiss" }
      }
    ),
    k: toast.id
  };
}
async function start2({ model, signal }) {
  const ui = await runtime(model.get("_runtime")).promise;
  if (signal.aborted) return;
  const root2 = ui.portal(signal);
  let own = [];
  let refused = 0;
  const send = ({ name, key: id }) => {
    if (own.some((toast) => toast.id === id)) {
      own = own.filter((toast) => toast.id !== id);
      show();
    } else if (name === "action") {
      ui.send(model, { name, id }, "That");
    } else {
      model.send({ name, id });
    }
  };
  const tree = new ui.Tree(root2, { send, signal });
  const timers = /* @__PURE__ */ new Map();
  const rest = () => {
    for (const timer of timers.values()) clearTimeout(timer);
    timers.clear();
  };
  const run = () => {
    for (
      const toast of
      /** @type {Toast[]} */
      model.get("items")
    ) {
      const seconds = toast.seconds ?? SECONDS[toast.tone];
      if (!seconds || timers.has(toast.id)) continue;
      timers.set(toast.id, setTimeout(() => model.send({ name: "expire", id: toast.id }), seconds * 1e3));
    }
  };
  const show = () => {
    const items = (
      /** @type {Toast[]} */
      [...model.get("items"), ...own]
    );
    const c = items.slice(-LONGEST).map(node);
    tree.update({ t: "div", a: { class: "gw-toasts", role: "status", "aria-live": "polite" }, c });
    run();
  };
  const refuse = (label, lostAt) => {
    const title = `${label || "That"} was refused`;
    const text = `No connection since ${new Date(lostAt).toLocaleTimeString()}: nothing was sent and nothing is queued.`;
    const again = own.filter((toast) => toast.title !== title);
    own = [...again, { id: `refused-${++refused}`, title, text, tone: "red", icon: "wifi-off", action: "" }];
    show();
  };
  ui.line.refusals.add(refuse);
  signal.addEventListener("abort", () => ui.line.refusals.delete(refuse));
  root2.addEventListener("pointerenter", rest, { signal, capture: true });
  root2.addEventListener("focusin", rest, { signal });
  root2.addEventListener("pointerleave", run, { signal });
  root2.addEventListener("focusout", run, { signal });
  signal.addEventListener("abort", rest);
  model.on("change:items", show);
  show();
}
function initialize5(context) {
  start2(context);
}
var toasts_default = { initialize: initialize5, render() {
} };

// src/chart/bars.js
function tidy(view) {
  if (typeof view.drawZeroLine !== "function" || Object.hasOwn(view, "drawZeroLine")) return;
  const draw = view.drawZeroLine;
  view.drawZeroLine = () => {
    draw.call(view);
    for (const group of view.d3el.node().querySelectorAll(":scope > g:empty:not(.bargroup)")) group.remove();
  };
}

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
var Clocks = class {
  /** @param {AbortSignal} signal @param {() => number} now unix seconds, by the kernel's clock */
  constructor(signal, now) {
    this.now = now;
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
    const text = clockText(spec, this.now());
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
    this.ui = ui;
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
    const unname = () => figure.el.querySelectorAll("[id^=curve]").forEach((path) => path.removeAttribute("id"));
    const drawn2 = new MutationObserver(unname);
    drawn2.observe(figure.el, { childList: true, subtree: true });
    unname();
    this.signal.addEventListener("abort", () => (resized.disconnect(), drawn2.disconnect()));
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
      h2(
        "div",
        {},
        this.brush && h2("div", { class: "gw-chart__brush", style: this.brushBox(area) }),
        this.cursorLine(area),
        shown.length > 0 && h2("div", { class: "gw-chart__cross", style: px({ left: area.left + (this.point?.px ?? 0), top: area.top, height: area.height }) }),
        shown.filter((p) => Math.abs(p.px - (this.point?.px ?? 0)) <= NEAR_PX).map((p) => h2("i", { class: "gw-chart__dot", style: { ...px({ left: area.left + p.px, top: area.top + p.py }), "--c": p.series.color } })),
        shown.length > 0 && this.tip(shown, area),
        h2("div", { class: "gw-sr", role: "status", "aria-live": "polite" }, this.spoken)
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
    return h2("div", { class: "gw-chart__cursor", style: px({ left: area.left + at, top: area.top, height: area.height }) });
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
      h2("i", { style: { "--c": p.series.color } }),
      h2("dt", {}, this.nameOf(p)),
      h2("dd", {}, this.value(p))
    ]);
    const at = this.pointer ?? { x: area.left + (this.point ?? points[0]).px, y: area.top + (this.point ?? points[0]).py };
    return h2(
      "div",
      { class: "gw-tip", style: px({ left: at.x + TIP_GAP_PX, top: at.y + TIP_GAP_PX }) },
      h2("b", {}, this.title()),
      h2("dl", {}, rows),
      note && h2("div", { class: "gw-soft" }, note)
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
function h2(t, a, ...c) {
  return { t, a, c: c.flat().filter((x) => x !== null && x !== void 0 && x !== false && x !== "") };
}
function px(lengths) {
  return Object.fromEntries(Object.entries(lengths).map(([name, value]) => [name, `${Math.round(value * 10) / 10}px`]));
}

// src/chart/gestures.js
var DRAG_PX = 5;
var WHEEL_MS = 50;
var SETTLE_MS3 = 400;
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
    if (this.asked && Date.now() - this.asked.at < SETTLE_MS3) return this.asked.range;
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
    const start3 = clamp(a, extent[0], extent[1] - width);
    return [start3, start3 + width];
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
    const button2 = target instanceof Element ? target.closest("button") : null;
    return button2 ? Number(button2.dataset.index) : null;
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
    const words2 = { ...font, x: right - size, y: 26, "font-size": 12 };
    const stroke = { stroke: coloured(box, color), "stroke-width": 2, "stroke-dasharray": dash || "none" };
    svg.append(make("text", words2, name), make("line", { ...stroke, x1: right - size - 28, x2: right - size - 6, y1: 22, y2: 22 }));
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

// src/chart_overlay.js
async function render2({ model, el, signal }) {
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
var chart_overlay_default = { render: render2 };

// src/modules.js
var modules = {};

// src/icon.js
var SVG2 = "http://www.w3.org/2000/svg";
function icon2(name, size = 16) {
  const svg = document.createElementNS(SVG2, "svg");
  svg.setAttribute("class", size === 16 ? "gw-i" : `gw-i gw-i--${size}`);
  svg.setAttribute("aria-hidden", "true");
  svg.appendChild(document.createElementNS(SVG2, "use")).setAttribute("href", `#i-${name}`);
  return svg;
}

// src/line.js
var REPORTS = /* @__PURE__ */ new Set(["change", "dismiss", "focusin", "focusout", "input", "visible"]);
var REMEMBERED = 100;
var Line = class {
  constructor() {
    this.watched = false;
    this.lostAt = null;
    this.wallOffset = 0;
    this.offset = null;
    this.waiting = [];
    this.sent = [];
    this.refusals = /* @__PURE__ */ new Set();
    this.renewals = /* @__PURE__ */ new Set();
    this.page = crypto.randomUUID?.() ?? String(Math.random()).slice(2);
    this.count = 0;
  }
  get isLost() {
    return this.lostAt !== null;
  }
  /** Unix seconds by the kernel's clock; it stands still while the line is down. */
  now() {
    return (this.lostAt ?? Date.now()) / 1e3 + this.wallOffset;
  }
  /**
   * The kernel was heard. What it says is at best a moment old, so the latest of its clock that
   * fits what was heard is the right one.
   * @param {number} time seconds of the kernel's monotonic clock
   */
  hear(time) {
    const offset = time - performance.now() / 1e3;
    if (this.offset === null || offset > this.offset) this.offset = offset;
    for (const { model, message, label } of this.waiting.splice(0)) this.send(model, message, label);
  }
  /** @param {number} lostAt when the kernel was last heard, browser's ms */
  lose(lostAt) {
    if (this.isLost) return;
    this.lostAt = lostAt;
    this.sent = [];
    for (const { label } of this.waiting.splice(0)) this.refuse(label);
  }
  /** The line is up again. Clocks may have slept meanwhile: the kernel's is learnt anew. */
  find() {
    if (!this.isLost) return;
    this.lostAt = null;
    this.offset = null;
  }
  /**
   * Send what the reader did, or refuse it aloud while the line is down.
   * @param {Sender} model @param {Record<string, any>} message @param {string} [label] what it is called on the page
   */
  send(model, message, label = "") {
    if (!this.watched || REPORTS.has(message.event)) return model.send(message);
    if (this.isLost) return this.refuse(label);
    if (this.offset === null) return void this.waiting.push({ model, message, label });
    const id = `${this.page}:${++this.count}`;
    this.sent = [...this.sent.slice(1 - REMEMBERED), id];
    try {
      model.send({ ...message, _sent: { at: performance.now() / 1e3 + this.offset, id, label } });
    } catch {
      this.refuse(label);
    }
  }
  renewed() {
    for (const tell of this.renewals) tell();
  }
  /** @param {string} label */
  refuse(label) {
    for (const tell of this.refusals) tell(label, this.lostAt ?? Date.now());
  }
  /**
   * Whether a message is still meant: the kernel asks when one was long on its way.
   * @param {string} id @returns {boolean | null} null when another page sent it
   */
  isMeant(id) {
    return id.startsWith(`${this.page}:`) ? this.sent.includes(id) : null;
  }
};

// src/free_views.js
var freeing = /* @__PURE__ */ new WeakSet();
function freeOnRemove(view) {
  const base = baseOf(view);
  if (!base || freeing.has(base)) return;
  freeing.add(base);
  const { initialize: initialize7 } = base;
  base.initialize = function(...given) {
    const { model } = this;
    const heard = [];
    const on = model.on;
    const hadOwn = Object.hasOwn(model, "on");
    model.on = (...listener) => {
      heard.push([listener[0], listener[1]]);
      return on.apply(model, listener);
    };
    try {
      initialize7.apply(this, given);
    } finally {
      if (hadOwn) model.on = on;
      else delete model.on;
    }
    this.once("remove", () => {
      for (const [event, listener] of heard) model.off(event, listener);
      for (const part of [this.layoutPromise, this.stylePromise]) part?.then(remove, () => {
      });
    });
  };
}
var remove = (view) => view?.remove();
function baseOf(view) {
  let base = null;
  for (let one = view; one; one = Object.getPrototypeOf(one)) {
    if (Object.hasOwn(one, "handle_message")) base = one;
  }
  return base;
}

// src/mount.js
var LOOK_MS2 = 20;
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
    freeOnRemove(one);
    await connected(host, life.signal);
    const widget = one.luminoWidget;
    const Lumino = widget.constructor;
    Lumino.attach(widget, host);
    follow(one, host, life.signal, () => widget.processMessage(Lumino.ResizeMessage.UnknownSize));
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
      else setTimeout(look, LOOK_MS2);
    };
    look();
  });
}
function follow(view, host, signal, resize) {
  const tab2 = host.closest("[role=tabpanel]");
  let isCounted = true;
  const count = (isShown) => {
    const views = view.model.get("_view_count");
    if (isShown === isCounted || typeof views !== "number") return;
    isCounted = isShown;
    view.model.set("_view_count", views + (isShown ? 1 : -1));
    view.model.save_changes();
  };
  const resized = new ResizeObserver(() => tab2?.hidden || resize());
  const turned = new MutationObserver(() => count(!tab2?.hidden));
  resized.observe(view.el);
  if (tab2) turned.observe(tab2, { attributeFilter: ["hidden"] });
  signal.addEventListener("abort", () => {
    resized.disconnect();
    turned.disconnect();
    count(true);
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
var STYLES2 = new Set(allowed_default.styles);
var PREFIXED = /^(aria|data)-[a-z0-9_.-]+$/;
var UNSAFE_STYLE = /[;{}<>\\]|url\(|expression|\/\*/i;
function attributeAllowed(name) {
  return PREFIXED.test(name) || ATTRIBUTES.has(name);
}
function styleAllowed(name, value) {
  return (name.startsWith("--") || STYLES2.has(name)) && !UNSAFE_STYLE.test(value);
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
    const place2 = this.placeAt(event);
    this.mark(place2);
    if (!place2) return;
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
    const place2 = this.placeAt(event);
    const { drag } = this;
    this.end();
    if (!place2 || !drag) return;
    event.preventDefault();
    event.stopPropagation();
    const { container, children, at } = place2;
    const from = children.indexOf(drag.item);
    if (from >= 0 && (at === from || at === from + 1)) return;
    const name = this.tree.nodes.get(container)?.on?.drop;
    const before = at < children.length ? this.tree.nodes.get(children[at])?.k : null;
    if (name) this.send({ event: "drop", name, key: this.tree.events.keyed(container), dragged: drag.key, before }, "Move");
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
  mark(place2) {
    const child = place2 && (place2.children[place2.at] ?? place2.children.at(-1));
    const side = place2 && place2.at < place2.children.length ? "before" : "after";
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
var NAME_LENGTH = 60;
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
      copyText(text).then((copied) => this.send({ ...message, copied }, nameOf(dom)));
    } else if (event.type === "input" && delay > 0) {
      this.pending.set(dom, setTimeout(() => this.send(this.payload(event, dom, name), nameOf(dom)), delay));
    } else {
      this.send(message, nameOf(dom));
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
    this.send({ event: "visible", name, key: this.keyed(target), visible: isIntersecting }, "");
  }
  /** @param {Element} dom @param {VElement} node */
  mark(dom, node2) {
    if (node2.on?.visible && !this.watched.has(dom)) this.watch(dom);
    if (node2.a && "data-rows" in node2.a && !this.walked.has(dom)) this.walked.set(dom, dom);
    if (node2.on?.dismiss) this.marked.add(dom);
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
    if (name) this.send({ event: "dismiss", name, key: this.keyed(dom) }, "");
  }
};
function nameOf(dom) {
  const text = ownText(dom) || dom.querySelector("span:not(.gw-kbd, .gw-sr)")?.textContent;
  return (dom.getAttribute("aria-label") || text || dom.getAttribute("title") || "").trim().slice(0, NAME_LENGTH);
}
function ownText(dom) {
  const own = Array.from(dom.childNodes).filter((node2) => node2.nodeType === Node.TEXT_NODE);
  return own.map((node2) => node2.nodeValue).join(" ");
}
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
function nameFor(node2, event) {
  if (!node2?.on) return void 0;
  const key = (
    /** @type {KeyboardEvent} */
    event.key
  );
  return node2.on[event.type] ?? (event.type === "keydown" ? node2.on[`keydown:${key}`] : void 0);
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
var SVG3 = "http://www.w3.org/2000/svg";
var FLASH_MS2 = 1e3;
var keyOf = (node2) => typeof node2 === "string" ? void 0 : node2.t === "slot" ? `slot:${node2.a?.name}` : node2.k;
var same = (a, b) => typeof a === "string" || typeof b === "string" ? typeof a === typeof b : a.t === b.t && keyOf(a) === keyOf(b);
var Tree = class {
  /**
   * @param {HTMLElement} root the tree becomes its only child
   * @param {{send: Send, signal: AbortSignal, mount?: Mount, now?: () => number}} options
   *   `now`: unix seconds by the kernel's clock, for texts that age
   */
  constructor(root2, { send, signal, mount: mount2, now = () => Date.now() / 1e3 }) {
    this.root = root2;
    this.mount = mount2;
    this.children = [];
    this.nodes = /* @__PURE__ */ new WeakMap();
    this.mounts = /* @__PURE__ */ new Map();
    this.clocks = new Clocks(signal, now);
    this.events = new TreeEvents(this, send, signal);
    this.drag = new TreeDrag(this, send, signal);
    this.barred = /* @__PURE__ */ new WeakSet();
    this.toFocus = null;
    this.toShow = null;
    signal.addEventListener("abort", () => this.update(null));
  }
  /** Show `node` in place of what is shown. @param {VElement | null} node */
  update(node2) {
    const focused = (
      /** @type {HTMLElement | null} */
      document.activeElement
    );
    const held = focused && this.root.contains(focused) ? focused : null;
    const place2 = held && placeOf(held);
    const next = node2 ? [node2] : [];
    const isFirst = this.children.length === 0;
    this.patchChildren(this.root, this.children, next);
    this.children = next;
    this.sweep();
    this.events.changed();
    this.drag.changed();
    if (this.toFocus) this.toFocus.focus({ preventScroll: !this.toFocus.hasAttribute("data-reveal") });
    else if (held?.isConnected && document.activeElement !== held) held.focus({ preventScroll: true });
    else if (held && place2 && !held.isConnected) takeOver(held, place2);
    if (!isFirst) this.toShow?.scrollIntoView({ block: "nearest" });
    this.toFocus = this.toShow = null;
  }
  /** Set every field back to the tree's value. */
  reset() {
    for (const field of this.root.querySelectorAll("input, select, textarea")) {
      const node2 = this.nodes.get(field);
      if (!node2) continue;
      this.events.typed.delete(field);
      if (node2.a && "value" in node2.a) field.value = node2.a.value;
      if (node2.t === "input") field.checked = Boolean(node2.a?.checked);
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
  create(node2) {
    if (typeof node2 === "string") return document.createTextNode(node2);
    if (node2.t === "slot") return this.createSlot(node2);
    if (!TAGS.has(node2.t)) throw new Error(`element '${node2.t}' is not allowed`);
    const dom = SVG_TAGS.has(node2.t) ? document.createElementNS(SVG3, node2.t) : document.createElement(node2.t);
    this.nodes.set(dom, node2);
    for (const child of node2.c ?? []) dom.appendChild(this.create(child));
    for (const [name, value] of Object.entries(node2.a ?? {})) this.setAttribute(dom, node2.t, name, value, void 0);
    this.events.mark(dom, node2);
    return dom;
  }
  /** @param {VElement} node */
  createSlot(node2) {
    const host = document.createElement("div");
    const name = String(node2.a?.name ?? "");
    host.className = "gw-mount";
    host.dataset.slot = name;
    this.nodes.set(host, node2);
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
    const kept2 = next.slice(aligned).map((node2) => ({ node: node2, from: pool.get(group(node2))?.shift() }));
    for (const left of pool.values()) for (const i of left) parent.removeChild(doms[i]);
    kept2.forEach(({ node: node2, from }, i) => {
      const at = parent.childNodes[aligned + i] ?? null;
      const dom = from === void 0 ? this.create(node2) : doms[from];
      if (from !== void 0) this.patch(dom, old[from], node2);
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
    if (name === "disabled" && dom.tagName === "BUTTON") return this.bar(
      /** @type {HTMLElement} */
      dom,
      Boolean(value)
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
function placeOf(dom) {
  const parent = dom.parentElement;
  return parent && { parent, index: Array.from(parent.children).indexOf(dom) };
}
function takeOver(gone, { parent, index }) {
  const next = parent.children[index];
  if (parent.closest("[aria-modal=true]")) return;
  const isFree = document.activeElement === null || document.activeElement === document.body;
  if (isFree && next instanceof HTMLElement && next.tagName === gone.tagName) next.focus({ preventScroll: true });
}
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
  flashing.set(dom, setTimeout(() => dom.classList.remove("is-updated"), FLASH_MS2));
}

// src/theme.js
var STORE = "gladius-theme";
var SVG4 = "image/svg+xml";
var SUPPRESS = "data-lm-suppress-shortcuts";
function inject(model) {
  const css = model.get("_style");
  if (css) {
    const style = document.getElementById("gw-style") ?? document.head.appendChild(document.createElement("style"));
    style.id = "gw-style";
    if (style.textContent !== css) style.textContent = css;
  }
  if (!document.getElementById("gw-icons")) {
    const sprite = new DOMParser().parseFromString(model.get("_icons"), SVG4).documentElement;
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
  for (const place2 of [document.documentElement, document.body]) {
    if (mode === "system") delete place2.dataset.gwTheme;
    else place2.dataset.gwTheme = mode;
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
function treeOn(line) {
  return class extends Tree {
    /** @param {HTMLElement} root @param {ConstructorParameters<typeof Tree>[1]} options */
    constructor(root2, options) {
      super(root2, { now: () => line.now(), ...options });
    }
  };
}
function isDark() {
  return getComputedStyle(document.body).getPropertyValue("--gw-scheme").trim() === "dark";
}
function initialize6({ model, signal }) {
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
  const line = new Line();
  const send = line.send.bind(line);
  const offers = { Tree: treeOn(line), clockText, connected, duration, icon: icon2, line, modules, mount, portal, root, send };
  runtime(model.get("_runtime")).resolve(offers);
}
var theme_default = { initialize: initialize6, render() {
} };

// src/page.js
Object.assign(modules, { chart_overlay: chart_overlay_default, dialog: dialog_default, element: element_default, hotkeys: hotkeys_default, location: location_default, notifier: notifier_default, theme: theme_default, toasts: toasts_default });
export {
  modules
};
