// Terminal: xterm.js with the toolbar, search, bookmarks and keys of the training console.

import { runtime } from "./runtime.js";
import { TerminalView } from "./terminal/view.js";

/** @param {{model: any, el: HTMLElement, signal: AbortSignal}} context */
function render(context) {
  // Not awaited: anywidget waits for `render`, and this waits for the page.
  show(context).catch((error) => {
    if (!context.signal.aborted) throw error;
  });
}

/** @param {{model: any, el: HTMLElement, signal: AbortSignal}} context */
async function show({ model, el, signal }) {
  const ui = await runtime(model.get("_runtime")).promise;
  if (signal.aborted) return;
  ui.root(el, model);
  const section = el.appendChild(document.createElement("section"));
  section.className = "gw-term";
  section.setAttribute("aria-label", model.get("title"));
  const [bar, search, host, foot] = ["", "", "gw-term__b", ""].map((name) => {
    const div = section.appendChild(document.createElement("div"));
    div.className = name;
    return div;
  });
  for (const [name, value] of Object.entries({ role: "log", "aria-label": "Training output", "aria-live": "off", tabindex: "0" })) {
    host.setAttribute(name, value);
  }
  await ui.connected(el, signal); // xterm measures its font, and the colours are the page's
  new TerminalView({ model, ui, section, bar, search, host, foot, signal });
}

export const modules = { terminal: { render } };
