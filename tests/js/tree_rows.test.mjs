// Tables whose rows are walked by arrow keys, what comes into view, and what is scrolled to.

import assert from "node:assert/strict";
import { test } from "node:test";
import { h, press, tree } from "./page.mjs";

const row = (key) => h("tr", { key, tabindex: "-1", on: { "keydown:Enter": "open" } }, h("td", null, h("button", null, key)));
const table = (...keys) =>
  h("table", null, h("tbody", { "data-rows": "" }, keys.map(row), h("tr", { key: "details" }, h("td"))));
const focused = () => document.activeElement.textContent;
const stops = (root) => [...root.querySelectorAll("tr")].filter((one) => one.tabIndex === 0 && one.hasAttribute("tabindex"));

test("arrow keys move among the rows, and one row is a stop of the Tab key", async () => {
  const { root, tree: t, sent } = await tree();
  t.update(table("a", "b", "c"));
  assert.deepEqual(stops(root).map((one) => one.textContent), ["a"]);
  stops(root)[0].focus();
  press(document.activeElement, "ArrowDown");
  assert.equal(focused(), "b");
  press(document.activeElement, "End");
  press(document.activeElement, "ArrowDown"); // there is no further one
  assert.equal(focused(), "c");
  press(document.activeElement, "Home");
  press(document.activeElement, "ArrowUp");
  assert.equal(focused(), "a");
  press(document.activeElement, "End");
  t.update(table("new", "a", "b", "c"));
  assert.equal(focused(), "c");
  assert.deepEqual(stops(root).map((one) => one.textContent), ["c"]);
  t.update(table("new", "a"));
  assert.deepEqual(stops(root).map((one) => one.textContent), ["new"]);
  assert.deepEqual(sent, []);
});

test("what comes into view and leaves it is told once, from the second time on", async () => {
  let told = () => {};
  const watched = new Set();
  globalThis.IntersectionObserver = class {
    constructor(callback) {
      told = (target, isIntersecting) => callback([{ target, isIntersecting }]);
    }
    observe(target) {
      watched.add(target);
    }
    unobserve(target) {
      watched.delete(target);
    }
    disconnect() {}
  };
  const { root, tree: t, sent } = await tree();
  document.body.append(root);
  t.update(h("p", { on: { visible: "top" } }));
  const [p] = watched;
  told(p, true); // as was to be expected
  told(p, false);
  told(p, false);
  told(p, true);
  assert.deepEqual(sent.map((message) => [message.name, message.visible]), [["top", false], ["top", true]]);
  t.update(h("div"));
  assert.equal(watched.size, 0);
  root.remove();
  delete globalThis.IntersectionObserver;
});

test("what changes its data-show is scrolled to, but not when the page begins", async () => {
  const { tree: t } = await tree();
  const shown = [];
  noteScrolls((element) => shown.push(element.tagName));
  t.update(h("div", { "data-show": "1" }));
  assert.deepEqual(shown, []);
  t.update(h("div", { "data-show": "1" }, "more"));
  assert.deepEqual(shown, []);
  t.update(h("div", { "data-show": "2" }));
  assert.deepEqual(shown, ["DIV"]);
});

function noteScrolls(note) {
  Element.prototype.scrollIntoView = function () {
    note(this);
  };
}
