/**
 * Make a view's box one of ours. It can take the focus (not by Tab), so that after a press
 * anywhere in it the keys are ours.
 * @param {HTMLElement} el @param {any} model
 */
export function root(el, model) {
  el.classList.add("gw-root");
  el.dataset.gwKernel = model.get("_runtime");
  if (!el.hasAttribute("tabindex")) el.tabIndex = -1;
}
