// Dragging: the keyed children of a container brought into another order, told as one message.
//
//   ol  data-drop="queue"  on drop → "reorder"       the container; its keyed children are places
//     li  key="a"                                    what is dragged
//       button  draggable="true"  data-drag="queue"  where the pointer takes hold of it
//
// The message says what was `dragged` and `before` which key it was dropped, null for the end.
// Only a drag that began in the same tree counts: a file, or another page's link, is none of ours.
// The keyboard's way is the panel's own matter.

const TYPE = "application/x-gladius";

/** @typedef {{group: string, key: string, item: Element}} Drag */
/** @typedef {{container: Element, children: Element[], at: number}} Place a place before children[at] */

export class TreeDrag {
  /** @param {import("./tree.js").Tree} tree @param {import("./tree.js").Send} send @param {AbortSignal} signal */
  constructor(tree, send, signal) {
    this.tree = tree;
    this.send = send;
    /** @type {Drag | null} */
    this.drag = null;
    /** The child that shows where the dragged one would go. @type {Element | null} */
    this.marked = null;
    const { root } = tree;
    root.addEventListener("dragstart", (e) => this.start(e), { signal });
    root.addEventListener("dragover", (e) => this.over(e), { signal });
    root.addEventListener("dragleave", (e) => this.leave(e), { signal });
    root.addEventListener("drop", (e) => this.drop(e), { signal });
    root.addEventListener("dragend", () => this.end(), { signal });
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
    event.stopPropagation(); // a tree around this one has its own
    if (handle.getAttribute("aria-disabled") === "true") return event.preventDefault();
    this.drag = { group, key, item };
    const transfer = event.dataTransfer;
    if (transfer) {
      const box = item.getBoundingClientRect();
      transfer.setData(TYPE, key); // Firefox drags nothing without data
      transfer.effectAllowed = "move";
      transfer.setDragImage(item, event.clientX - box.left, event.clientY - box.top);
    }
    // Not before the browser has taken its picture of it.
    setTimeout(() => this.drag?.item === item && item.setAttribute("data-gw-dragged", ""));
  }

  /** @param {DragEvent} event */
  over(event) {
    const place = this.placeAt(event);
    this.mark(place);
    if (!place) return;
    event.preventDefault(); // may be dropped here
    event.stopPropagation();
    if (event.dataTransfer) event.dataTransfer.dropEffect = "move";
  }

  /** @param {DragEvent} event */
  leave(event) {
    const to = /** @type {Node | null} */ (event.relatedTarget);
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
    if (from >= 0 && (at === from || at === from + 1)) return; // where it was
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
  mark(place) {
    const child = place && (place.children[place.at] ?? place.children.at(-1));
    const side = place && place.at < place.children.length ? "before" : "after";
    if (this.marked && this.marked !== child) this.marked.removeAttribute("data-gw-over");
    this.marked = child ?? null;
    if (this.marked && this.marked.getAttribute("data-gw-over") !== side) this.marked.setAttribute("data-gw-over", side);
  }

  /** The nearest container of that group, in this tree. @param {Element} dom @param {string} group */
  containerOf(dom, group) {
    for (let at = /** @type {Element | null} */ (dom); at && this.tree.root.contains(at); at = at.parentElement) {
      if (at.getAttribute("data-drop") === group && this.tree.nodes.has(at)) return at;
    }
    return null;
  }
}

/** The child of `container` in which `dom` is. @param {Element} container @param {Element} dom */
function childWith(container, dom) {
  return Array.from(container.children).find((child) => child.contains(dom)) ?? null;
}
