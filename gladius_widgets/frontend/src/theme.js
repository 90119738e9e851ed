// The page's runtime, one per kernel: styles and icons in the document, light or dark, and the
// element renderer for the other components. They wait for it under the name of this model, so
// nothing is drawn before its styles are there, and several kernels can share one page.

import { clockText, duration } from "./clock.js";
import { icon } from "./icon.js";
import { Line } from "./line.js";
import { modules } from "./modules.js";
import { connected, mount } from "./mount.js";
import { portal } from "./portal.js";
import { root } from "./root.js";
import { runtime } from "./runtime.js";
import { Tree } from "./tree.js";

const STORE = "gladius-theme";
const SVG = "image/svg+xml";
const SUPPRESS = "data-lm-suppress-shortcuts";

/** @typedef {{get(k: string): any, set(k: string, v: any): void, save_changes(): void, send(m: any): void, on(n: string, f: (...a: any[]) => void): void, off(n: string, f?: any): void}} Model */

/** Only one style sheet and one sprite a document, however many kernels. @param {Model} model */
function inject(model) {
  const css = model.get("_style"); // none where the page's head links to it
  if (css) {
    const style = document.getElementById("gw-style") ?? document.head.appendChild(document.createElement("style"));
    style.id = "gw-style";
    if (style.textContent !== css) style.textContent = css;
  }
  if (!document.getElementById("gw-icons")) {
    const sprite = new DOMParser().parseFromString(model.get("_icons"), SVG).documentElement;
    sprite.id = "gw-icons";
    sprite.setAttribute("width", "0");
    sprite.setAttribute("height", "0");
    sprite.setAttribute("style", "position: absolute");
    sprite.setAttribute("aria-hidden", "true");
    document.body.prepend(document.importNode(sprite, true));
  }
  // A page of ours (Voila): its body is ours to style, and its template's fixed "light" gives way
  // to the system's choice.
  if (document.body.dataset.voila) {
    document.body.classList.add("gw-page");
    delete document.body.dataset.jpThemeLight;
  }
}

/** @returns {string} */
function stored() {
  try {
    const mode = localStorage.getItem(STORE);
    return mode === "light" || mode === "dark" ? mode : "system";
  } catch {
    return "system"; // storage may be barred
  }
}

/** @param {string} mode light, dark or system */
function apply(mode) {
  for (const place of [document.documentElement, document.body]) {
    if (mode === "system") delete place.dataset.gwTheme;
    else place.dataset.gwTheme = mode;
  }
}

/** @param {string} mode */
function choose(mode) {
  try {
    if (mode === "system") localStorage.removeItem(STORE);
    else localStorage.setItem(STORE, mode);
  } catch {
    // the choice then holds for this page only
  }
  apply(mode);
  window.dispatchEvent(new CustomEvent("gw-theme", { detail: mode }));
}

/**
 * A plain key pressed in our part of the page is ours: without this, JupyterLab's command mode
 * takes it too, and "b" on a chart adds a cell. Combinations stay JupyterLab's. Lumino looks for
 * this mark while it handles the same event.
 * @param {KeyboardEvent} event
 */
function keepPlainKey(event) {
  const { target } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || !(target instanceof Element)) return;
  if (!target.closest(".gw-root") || target.hasAttribute(SUPPRESS)) return;
  target.setAttribute(SUPPRESS, "");
  setTimeout(() => target.removeAttribute(SUPPRESS));
}

/** Trees whose clocks are the kernel's, and stand still while it is not heard. @param {Line} line */
function treeOn(line) {
  return class extends Tree {
    /** @param {HTMLElement} root @param {ConstructorParameters<typeof Tree>[1]} options */
    constructor(root, options) {
      super(root, { now: () => line.now(), ...options });
    }
  };
}

function isDark() {
  return getComputedStyle(document.body).getPropertyValue("--gw-scheme").trim() === "dark";
}

/** @param {{model: Model & {widget_manager?: any}, signal: AbortSignal}} context */
function initialize({ model, signal }) {
  inject(model);
  apply(stored());
  const tell = () => {
    if (model.get("mode") === stored()) return;
    model.set("mode", stored());
    model.save_changes();
  };
  tell();
  model.on("msg:custom", (/** @type {any} */ message) => message.switch && choose(message.switch));
  window.addEventListener("gw-theme", tell, { signal });
  window.addEventListener("storage", (e) => e.key === STORE && apply(stored()), { signal });
  window.addEventListener("keydown", keepPlainKey, { signal, capture: true });
  document.addEventListener(
    "click",
    (e) => {
      const event = /** @type {MouseEvent & {gwToggled?: boolean}} */ (e);
      if (event.gwToggled || !(/** @type {Element} */ (e.target).closest?.("[data-gw-toggle]"))) return;
      event.gwToggled = true; // another kernel's theme listens too
      choose(isDark() ? "light" : "dark");
    },
    { signal },
  );
  const line = new Line();
  const send = line.send.bind(line);
  const offers = { Tree: treeOn(line), clockText, connected, duration, icon, line, modules, mount, portal, root, send };
  runtime(model.get("_runtime")).resolve(offers);
}

export default { initialize, render() {} };
