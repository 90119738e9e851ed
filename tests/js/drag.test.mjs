// Dragging keyed children into another order.

import assert from "node:assert/strict";
import { test } from "node:test";
import { dragEvent, h, page, settle, tree } from "./page.mjs";

const HEIGHT = 20;

const list = (...keys) =>
  h("ol", { "data-drop": "queue", key: "list", on: { drop: "reorder" } },
    keys.map((key) => h("li", { key }, h("span", { draggable: "true", "data-drag": "queue" }, h("i", null, "⠿")), h("a", { href: "#" }, key))));

/** A list in the page whose rows are 20 px high. */
async function shown(...keys) {
  const made = await tree();
  const update = (...now) => {
    made.tree.update(h("div", null, h("p", null, "outside"), list(...now)));
    made.root.querySelectorAll("li").forEach((li) => {
      li.getBoundingClientRect = () => {
        const top = HEIGHT * Array.from(li.parentElement.children).indexOf(li);
        return { top, left: 0, height: HEIGHT };
      };
    });
  };
  update(...keys);
  const row = (key) => Array.from(made.root.querySelectorAll("li")).find((li) => li.textContent.endsWith(key));
  const grip = (key) => row(key).querySelector("i");
  return { ...made, update, row, grip };
}

const marks = (root) => [...root.querySelectorAll("[data-gw-over]")].map((li) => [li.textContent.at(-1), li.dataset.gwOver]);

test("a row dropped between others tells what and before which", async () => {
  const { root, sent, row, grip } = await shown("a", "b", "c", "d");
  const began = dragEvent(grip("d"), "dragstart");
  assert.deepEqual([began.given["application/x-gladius"], began.given.image], ["d", row("d")]);
  await new Promise((resolve) => setTimeout(resolve));
  assert.ok(row("d").hasAttribute("data-gw-dragged"));
  assert.equal(dragEvent(row("b"), "dragover", { y: 25 }).defaultPrevented, true);
  assert.deepEqual(marks(root), [["b", "before"]]);
  dragEvent(row("b"), "dragover", { y: 35 });
  assert.deepEqual(marks(root), [["c", "before"]]);
  assert.equal(dragEvent(row("b"), "drop", { y: 25 }).defaultPrevented, true);
  assert.deepEqual(sent, [{ event: "drop", name: "reorder", key: "list", dragged: "d", before: "b" }]);
  assert.deepEqual(marks(root), []);
  assert.equal(root.querySelector("[data-gw-dragged]"), null);
});

test("below the last one is the end; over the gaps counts, too", async () => {
  const { root, sent, grip } = await shown("a", "b", "c");
  dragEvent(grip("a"), "dragstart");
  dragEvent(root.querySelector("ol"), "dragover", { y: 59 });
  assert.deepEqual(marks(root), [["c", "after"]]);
  dragEvent(root.querySelector("ol"), "drop", { y: 59 });
  assert.deepEqual([sent[0].dragged, sent[0].before], ["a", null]);
});

test("where it was, outside, and a drag given up say nothing", async () => {
  const { root, sent, row, grip } = await shown("a", "b", "c");
  for (const y of [15, 25, 35, 45]) {
    dragEvent(grip("b"), "dragstart");
    dragEvent(row("b"), "drop", { y });
  }
  assert.deepEqual(sent.map((m) => m.before), []);
  dragEvent(grip("a"), "dragstart");
  assert.equal(dragEvent(root.querySelector("p"), "dragover").defaultPrevented, false);
  dragEvent(row("c"), "dragover", { y: 45 });
  dragEvent(root.querySelector("ol"), "dragleave", { to: row("b") });
  assert.equal(marks(root).length, 1);
  dragEvent(root.querySelector("ol"), "dragleave", { to: root.querySelector("p") });
  assert.deepEqual(marks(root), []);
  dragEvent(grip("a"), "dragend");
  dragEvent(row("c"), "drop", { y: 45 });
  assert.deepEqual(sent, []);
});

test("a drag that is not ours is left alone: a link, a file, another group, a barred handle", async () => {
  const { root, sent, row, tree: t } = await shown("a", "b");
  assert.deepEqual(dragEvent(row("a").querySelector("a"), "dragstart").given, {});
  const over = dragEvent(row("b"), "dragover", { y: 35 });
  assert.equal(over.defaultPrevented, false);
  assert.equal(dragEvent(row("b"), "drop", { y: 35 }).defaultPrevented, false);
  t.update(h("ol", { "data-drop": "x", on: { drop: "d" } },
    h("li", { key: "a" }, h("b", { "data-drag": "y" })),
    h("li", { key: "b" }, h("u", { "data-drag": "x", "aria-disabled": "true" }))));
  dragEvent(root.querySelector("b"), "dragstart");
  dragEvent(root.querySelector("li"), "drop", { y: 0 });
  assert.equal(dragEvent(root.querySelector("u"), "dragstart").defaultPrevented, true);
  dragEvent(root.querySelector("li"), "drop", { y: 0 });
  assert.deepEqual(sent, []);
});

test("an update meanwhile: the place is that of the moment of dropping; a row that left is let go", async () => {
  const { root, sent, row, grip, update } = await shown("a", "b", "c");
  dragEvent(grip("c"), "dragstart");
  update("b", "c", "a");
  dragEvent(row("a"), "drop", { y: 59 });
  assert.deepEqual([sent[0].dragged, sent[0].before], ["c", null]);
  dragEvent(grip("c"), "dragstart");
  dragEvent(row("b"), "dragover", { y: 5 });
  update("b", "a");
  assert.deepEqual(marks(root), []);
  assert.equal(dragEvent(row("b"), "dragover", { y: 5 }).defaultPrevented, false);
  assert.equal(sent.length, 1);
});

test("a tree that ends drops nothing any more", async () => {
  const { root, sent, row, grip, end } = await shown("a", "b");
  const [last, from] = [row("b"), grip("a")];
  dragEvent(from, "dragstart");
  dragEvent(last, "dragover", { y: 35 });
  const ol = root.querySelector("ol");
  end();
  assert.equal(last.hasAttribute("data-gw-over"), false);
  document.body.append(root);
  root.append(ol);
  dragEvent(from, "dragstart");
  dragEvent(last, "drop", { y: 35 });
  assert.deepEqual(sent, []);
  root.remove();
});

test("a button copies the text of an element and says whether it could", async () => {
  const { root, tree: t, sent } = await tree();
  const copied = [];
  const was = Object.getOwnPropertyDescriptor(globalThis, "navigator");
  const clipboard = (writeText) => Object.defineProperty(globalThis, "navigator", { value: { clipboard: { writeText } }, configurable: true });
  t.update(h("div", null, h("pre", { id: "text" }, "a: 1\n<b>"), h("button", { "data-copy": "text", on: { click: "copy" } }, "Copy")));
  const press = async () => (root.querySelector("button").dispatchEvent(new page.MouseEvent("click", { bubbles: true })), settle());
  clipboard(async (text) => copied.push(text));
  await press();
  clipboard(async () => Promise.reject(new Error("barred")));
  await press(); // jsdom has no execCommand either
  Object.defineProperty(globalThis, "navigator", was);
  assert.deepEqual(copied, ["a: 1\n<b>"]);
  assert.deepEqual(sent.map((m) => [m.name, m.copied]), [["copy", true], ["copy", false]]);
});
