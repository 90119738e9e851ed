// The toolbar, the footer and the menu around the terminal, as element trees.

/** @param {string} t @param {any} a @param {any[]} c */
const h = (t, a, ...c) => ({ t, a, c: c.flat().filter((x) => x !== null && x !== undefined && x !== false) });
const on = (/** @type {any} */ node, /** @type {Record<string, string>} */ events) => ({ ...node, on: events });
const icon = (/** @type {string} */ name, /** @type {number} */ size = 14) =>
  h("svg", { class: size === 16 ? "gw-i" : `gw-i gw-i--${size}`, "aria-hidden": "true" }, h("use", { href: `#i-${name}` }));
const number = (/** @type {number} */ n) => n.toLocaleString("en-US");

/** @typedef {{title: string, subtitle: string, following: boolean, lines: number, fresh: number, bookmarks: number, more: boolean, atTop: boolean, searching: boolean, query: string, found: string, collapsed: boolean}} State */

const BUTTONS = /** @type {const} */ ([
  ["search", "search", "Search", "Search (Ctrl F)"],
  ["copy", "copy", "Copy", "Copy selection (Ctrl C)"],
  ["export", "download", "Export", "Save output to a file (Ctrl Shift L)"],
  ["clear", "trash", "Clear", "Clear the view; the log file is kept (Ctrl L)"],
]);

/** @param {State} state */
export function toolbar(state) {
  const button = (/** @type {any} */ [name, picture, label, title]) =>
    on(
      h("button", { type: "button", class: "gw-btn gw-btn--sm gw-btn--ghost", title, "aria-label": label },
        icon(picture), h("span", { class: "gw-hide-sm" }, label)),
      { click: name },
    );
  return h("div", { class: "gw-term__bar" },
    h("div", { class: "gw-row" }, icon("term", 16), h("h2", { class: "gw-card__t gw-card__t--sm" }, state.title)),
    state.subtitle && h("span", { class: "gw-mono gw-muted gw-ellipsis gw-hide-md" }, state.subtitle),
    h("span", { class: "gw-spacer" }),
    on(
      h("button", { type: "button", class: "gw-switch", role: "switch", "aria-checked": String(state.following), "aria-label": "Auto-scroll" },
        h("span", { class: "gw-switch__t" }), h("span", { class: "gw-switch__l" }, "Auto-scroll")),
      { click: "follow" },
    ),
    h("span", { class: "gw-sep" }),
    BUTTONS.map(button),
    h("span", { class: "gw-only-sm" },
      on(
        h("button", { type: "button", class: "gw-btn gw-btn--sm gw-btn--icon gw-btn--ghost", "aria-expanded": String(!state.collapsed), "aria-label": state.collapsed ? "Show the terminal" : "Collapse the terminal" }, icon("chev-d")),
        { click: "collapse" },
      )));
}

/** @param {State} state */
export function searchBar(state) {
  if (!state.searching) return h("div", { hidden: true });
  const small = (/** @type {string} */ name, /** @type {string} */ picture, /** @type {string} */ label) =>
    on(h("button", { type: "button", class: "gw-btn gw-btn--sm gw-btn--icon gw-btn--ghost", "aria-label": label, title: label }, icon(picture)), { click: name });
  return h("div", { class: "gw-term__find", role: "search" },
    on(
      h("input", { type: "search", class: "gw-input", "aria-label": "Find in the output", placeholder: "Find", autofocus: true, value: state.query }),
      { input: "find", "keydown:Enter": "find-key", "keydown:Escape": "find-close" },
    ),
    h("span", { class: "gw-small gw-muted", role: "status" }, state.found),
    small("find-previous", "arr-u", "Previous match (Shift Enter)"),
    small("find-next", "arr-d", "Next match (Enter)"),
    small("find-close", "x", "Close the search (Esc)"));
}

/** @param {State} state */
export function footer(state) {
  const link = (/** @type {string} */ name, /** @type {any[]} */ ...c) =>
    on(h("button", { type: "button", class: "gw-term__link" }, ...c), { click: name });
  const fresh = state.fresh > 0 ? `${number(state.fresh)} new line${state.fresh === 1 ? "" : "s"}` : "Jump to the end";
  return h("div", { class: "gw-term__f" },
    h("span", {}, `${number(state.lines)} line${state.lines === 1 ? "" : "s"}`),
    state.bookmarks > 0 && link("bookmark-next", `${state.bookmarks} bookmark${state.bookmarks === 1 ? "" : "s"}`),
    state.more && state.atTop && link("older", icon("arr-u", 12), "Load older lines"),
    h("span", { class: "gw-spacer" }),
    state.following
      ? h("span", { class: "gw-row", style: { gap: "4px" } }, icon("arr-d", 12), "Following output")
      : link("end", icon("arr-d", 12), fresh));
}

/** @param {number} x @param {number} y @param {boolean} selected */
export function menu(x, y, selected) {
  const item = (/** @type {string} */ name, /** @type {string} */ picture, /** @type {string} */ label, /** @type {any} */ more = {}) =>
    on(h("button", { type: "button", class: "gw-menu__i", role: "menuitem", ...more }, icon(picture, 16), label), { click: name });
  return on(
    h("div", { class: "gw-menu", role: "menu", "aria-label": "Terminal", style: { position: "fixed", left: `${x}px`, top: `${y}px`, right: "auto", "z-index": "60" } },
      item("copy", "copy", selected ? "Copy selection" : "Copy all", { autofocus: true }),
      item("search", "search", "Find…"),
      item("bookmark-here", "flag", "Bookmark line"),
      h("div", { class: "gw-menu__sep", role: "separator" }),
      item("export", "download", "Export")),
    { dismiss: "menu-close" },
  );
}
