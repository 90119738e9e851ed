// The keys of the terminal, taken on the window before the page or the notebook sees them.

/**
 * @param {import("./view.js").TerminalView} view
 * @param {KeyboardEvent} event
 */
export function handleKey(view, event) {
  const target = /** @type {Element} */ (event.target);
  if (!view.section.contains(target)) return;
  const typing = target.tagName === "INPUT";
  const ctrl = event.ctrlKey || event.metaKey;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const name = `${ctrl ? "Ctrl+" : ""}${event.shiftKey ? "Shift+" : ""}${key}`;
  const { term } = view;
  /** @type {Record<string, () => void>} */
  const anywhere = {
    "Ctrl+f": () => view.find.open(term.getSelection() || view.state.query),
    "Ctrl+l": () => view.act({ name: "clear" }),
    "Ctrl+Shift+l": () => view.act({ name: "export" }),
  };
  /** @type {Record<string, () => void>} */
  const reading = {
    "Ctrl+a": () => term.selectAll(),
    PageUp: () => (view.atTop() ? view.askOlder() : term.scrollPages(-1)),
    PageDown: () => term.scrollPages(1),
    Home: () => (view.atTop() ? view.askOlder() : term.scrollToTop()),
    End: () => view.follow(true),
    "Ctrl+ArrowUp": () => term.scrollLines(-5),
    "Ctrl+ArrowDown": () => term.scrollLines(5),
  };
  if (term.hasSelection()) reading["Ctrl+c"] = () => view.act({ name: "copy" });
  const action = anywhere[name] ?? (typing ? undefined : reading[name]);
  if (!action) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  action();
}
