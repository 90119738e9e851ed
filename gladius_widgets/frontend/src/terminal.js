// Terminal: xterm.js with the toolbar, search, bookmarks and keys of the training console.

import { runtime } from "./runtime.js";
import { TerminalView } from "./terminal/view.js";

/** @param {{model: any, el: HTMLElement, signal: AbortSignal}} context */
async function render({ model, el, signal }) {
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
  new TerminalView({ model, ui, section, bar, search, host, foot, signal });
}

export default { render };
