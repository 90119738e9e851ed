// Views that are removed are freed.

const freeing = new WeakSet();

/**
 * Have this view and all that are made later take their listeners off their models as they are
 * removed. WidgetView of @jupyter-widgets/base hears its model's messages through a bound function
 * that it never takes back, and DOMWidgetView leaves the views of its layout and style behind, so
 * that a model which lives on holds every view it ever had.
 * @param {any} view any widget's view, of whatever library
 */
export function freeOnRemove(view) {
  const base = baseOf(view);
  if (!base || freeing.has(base)) return;
  freeing.add(base);
  const { initialize } = base;
  base.initialize = function (/** @type {any[]} */ ...given) {
    const { model } = this;
    /** @type {[string, Function][]} */
    const heard = [];
    const on = model.on;
    const hadOwn = Object.hasOwn(model, "on");
    model.on = (/** @type {any[]} */ ...listener) => {
      heard.push([listener[0], listener[1]]);
      return on.apply(model, listener);
    };
    try {
      initialize.apply(this, given);
    } finally {
      if (hadOwn) model.on = on;
      else delete model.on;
    }
    this.once("remove", () => {
      for (const [event, listener] of heard) model.off(event, listener);
      for (const part of [this.layoutPromise, this.stylePromise]) part?.then(remove, () => {});
    });
  };
}

/** @param {any} view or nothing, where a widget has no layout or style */
const remove = (view) => view?.remove();

/** The prototype of WidgetView: the last in the chain that handles messages. @param {any} view */
function baseOf(view) {
  let base = null;
  for (let one = view; one; one = Object.getPrototypeOf(one)) {
    if (Object.hasOwn(one, "handle_message")) base = one;
  }
  return base;
}
