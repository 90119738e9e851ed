/**
 * A place at the end of the body, for what floats above the page: inside a notebook, a transformed
 * ancestor would catch `position: fixed`.
 * @param {AbortSignal} signal takes it away again
 * @returns {HTMLElement}
 */
export function portal(signal) {
  const root = document.createElement("div");
  root.className = "gw-root gw-portal";
  document.body.appendChild(root);
  signal.addEventListener("abort", () => root.remove());
  return root;
}
