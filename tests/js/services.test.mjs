// The components without a view: theme, location, toasts, dialog, hotkeys.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { FakeModel, clock, h, load, page, press, settle, start } from "./page.mjs";

let kernels = 0;
const lives = [];
afterEach(() => {
  for (const end of lives.splice(0)) end();
  clock.reset();
  document.body.replaceChildren();
});

/** A kernel with its theme and one component that needs no view. */
async function run(file, traits, { shown = true } = {}) {
  const kernel = `service-${++kernels}`;
  const { end, ui } = await start(kernel);
  const life = new AbortController();
  lives.push(() => (life.abort(), end()));
  const root = document.body.appendChild(document.createElement("div"));
  root.className = "gw-root";
  if (shown) root.dataset.gwKernel = kernel;
  const model = new FakeModel({ _runtime: kernel, ...traits });
  (await load(file)).initialize({ model, signal: life.signal });
  await settle();
  return { model, root, kernel, ui };
}

test("styles and icons are put into the page once for all kernels", async () => {
  const ends = [await start("one"), await start("two")].map((t) => t.end);
  assert.equal(document.querySelectorAll("#gw-style").length, 1);
  assert.equal(document.querySelectorAll("#gw-icons").length, 1);
  assert.ok(document.querySelector("#gw-icons #i-pause"));
  assert.ok(document.body.classList.contains("gw-page"));
  for (const end of ends) end();
});

test("the switch is kept, reported to all kernels and pressed only once", async () => {
  const [a, b] = [await start("a"), await start("b")];
  lives.push(a.end, b.end);
  const button = document.body.appendChild(document.createElement("button"));
  button.dataset.gwToggle = "";
  button.click();
  assert.equal(document.body.dataset.gwTheme, "dark");
  assert.equal(localStorage.getItem("gladius-theme"), "dark");
  assert.deepEqual([a.model.traits.mode, b.model.traits.mode], ["dark", "dark"]);
  a.model.message({ switch: "system" });
  assert.equal(document.body.dataset.gwTheme, undefined);
  assert.deepEqual(b.model.saved.at(-1), { mode: "system" });
});

// Location

test("the query arrives without the token", async () => {
  const { model } = await run("location", {});
  assert.deepEqual(model.sent[0], { name: "ready", query: { job: "abc" }, path: "/console", standalone: true, kept: {} });
});

/** Seconds until the page says that the line is down; `each` runs every second. */
async function untilLost(model, seconds, each = () => {}) {
  for (let quarter = 1; quarter <= 4 * seconds; quarter++) {
    clock.tick(250);
    if (quarter % 4 === 0) each(quarter / 4);
    await settle();
    if (document.querySelector("[data-gw-lost]")) return quarter / 4;
  }
  return null;
}

/** A kernel that is on the page and has beaten once. */
async function beating() {
  clock.enable({ apis: ["setInterval", "Date"] });
  const made = await run("location", {});
  clock.tick(250);
  made.model.message({ beat: 1 });
  return made;
}

test("pings while a component is shown, says goodbye when none is", async () => {
  const { model, root } = await beating();
  const kinds = () => model.sent.map((m) => m.name).slice(1);
  assert.deepEqual(kinds(), ["ping"]);
  for (let s = 0; s < 10; s++) {
    clock.tick(1000);
    model.message({ beat: 2 + s });
  }
  assert.deepEqual(kinds(), ["ping", "ping"]);
  root.remove();
  clock.tick(250);
  assert.deepEqual(kinds(), ["ping", "ping", "bye"]);
  for (let s = 0; s < 60; s++) clock.tick(1000);
  assert.equal(kinds().length, 3);
});

test("a silent kernel is said within 3 seconds, in a dialog a little later, and found again", async () => {
  const { model, root } = await beating();
  const card = root.appendChild(document.createElement("div"));
  const took = await untilLost(model, 60);
  assert.ok(took > 2 && took < 3, String(took));
  assert.equal(root.dataset.gwLine, "lost");
  assert.match(document.querySelector("[role=alert]").textContent, /Connection lost/);
  assert.equal(card.classList.contains("is-stale"), false);
  for (let s = 0; s < 5; s++) clock.tick(1000);
  await settle();
  assert.ok(card.classList.contains("is-stale"));
  assert.ok(card.hasAttribute("inert"));
  assert.match(document.querySelector(".gw-offline").textContent, /Connection lost.*Retry now/);
  model.message({ pong: { sent: 0, time: 0, monotonic: 0 } });
  await settle();
  assert.equal(document.querySelector("[data-gw-lost]"), null);
  assert.equal(root.dataset.gwLine, undefined);
  assert.equal(card.classList.contains("is-stale"), false);
});

test("a busy kernel, whose thread beats, is not lost", async () => {
  const { model } = await beating();
  assert.equal(await untilLost(model, 30, (s) => model.message({ beat: s })), null);
});

test("a kernel that starts may take a while", async () => {
  clock.enable({ apis: ["setInterval", "Date"] });
  const { model } = await run("location", {});
  const took = await untilLost(model, 60);
  assert.ok(took > 14 && took < 17, String(took));
});

test("a connection that refuses is lost at once", async () => {
  clock.enable({ apis: ["setInterval", "Date"] });
  const { model } = await run("location", {});
  model.send = () => {
    throw new Error("closed");
  };
  assert.ok((await untilLost(model, 30)) <= 3);
});

test("sleep is not silence", async () => {
  const { model } = await beating();
  clock.setTime(Date.now() + 600_000); // the lid was closed
  assert.equal(await untilLost(model, 2), null);
});

test("the last state can be looked at, under a bar", async () => {
  const { model, root } = await beating();
  const card = root.appendChild(document.createElement("div"));
  for (let s = 0; s < 8; s++) clock.tick(1000);
  await settle();
  [...document.querySelectorAll("[data-gw-lost] button")].find((b) => b.textContent === "View last state").click();
  clock.tick(1000);
  await settle();
  assert.equal(document.querySelector(".gw-offline"), null);
  assert.ok(document.querySelector(".gw-lostbar"));
  assert.equal(card.hasAttribute("inert"), false);
});

test("what acts carries the kernel's time; while the line is down it is refused", async () => {
  const { model, ui } = await beating();
  const refused = [];
  ui.line.refusals.add((label) => refused.push(label));
  const other = new FakeModel({});
  const stamp = () => other.sent.at(-1)._sent;
  ui.send(other, { name: "pause", event: "click" }, "Pause");
  assert.equal(stamp().label, "Pause");
  assert.ok(Math.abs(stamp().at - 1) < 0.5, "the kernel's clock said 1 at its beat");
  assert.equal(ui.line.isMeant(stamp().id), true);
  assert.equal(ui.line.isMeant("another page:1"), null);
  const { id } = stamp();

  for (let s = 0; s < 3; s++) clock.tick(1000);
  ui.send(other, { name: "pause", event: "click" }, "Pause");
  ui.send(other, { name: "name", event: "change", value: "typed" }, "Name"); // reports, and does not act
  assert.deepEqual(refused, ["Pause"]);
  assert.deepEqual(other.sent.slice(1), [{ name: "name", event: "change", value: "typed" }]);
  model.message({ beat: 5 });
  assert.equal(ui.line.isMeant(id), false); // sent before the line went down
  model.message({ confirm: id });
  assert.deepEqual(model.sent.at(-1), { name: "confirm", id, isMeant: false });
});

test("what is pressed before the kernel was heard waits for it, or is refused", async () => {
  clock.enable({ apis: ["setInterval", "Date"] });
  const { model, ui } = await run("location", {});
  const other = new FakeModel({});
  ui.send(other, { name: "pause", event: "click" }, "Pause");
  assert.deepEqual(other.sent, []);
  model.message({ beat: 7 });
  assert.equal(other.sent[0].name, "pause");
});

test("texts that age stand still while the line is down", async () => {
  const { model, root, ui } = await beating();
  const box = root.appendChild(document.createElement("div"));
  const tree = new ui.Tree(box, { send() {}, signal: new AbortController().signal });
  tree.update(h("span", { "data-clock": JSON.stringify({ since: Date.now() / 1000 - 10, kind: "duration" }) }));
  assert.equal(box.textContent, "10s");
  for (let s = 0; s < 30; s++) clock.tick(1000);
  assert.equal(box.textContent, "10s");
  model.message({ beat: 40 });
  clock.tick(1000);
  assert.equal(box.textContent, "41s");
});

test("the address changes in place, and only to places of this kind", async () => {
  const { model } = await run("location", {});
  model.message({ query: { tab: "queue", job: null } });
  assert.equal(page.location.search, "?token=secret&tab=queue");
  model.message({ title: "Jobs" });
  assert.equal(document.title, "Jobs");
  model.message({ navigate: "javascript:alert(1)" });
  assert.equal(page.location.pathname, "/console");
  model.message({ query: { tab: null, job: "abc" } });
});

test("a pushed address is a step that the back button takes back, and that is told", async () => {
  const { model } = await run("location", {});
  const before = page.history.length;
  model.message({ query: { tab: "queue" }, push: true });
  model.message({ query: { tab: "queue" }, push: true }); // the same again is no step
  assert.equal(page.history.length, before + 1);
  assert.equal(page.location.search, "?token=secret&job=abc&tab=queue");
  const told = new Promise((resolve) => page.addEventListener("popstate", resolve, { once: true }));
  page.history.back();
  await told;
  assert.deepEqual(model.sent.at(-1), { name: "query", query: { job: "abc" } });
});

// Toasts

const toast = (id, tone = "blue") => ({ id, title: `Title ${id}`, text: "<b>", tone, icon: "info", action: "" });

test("toasts show three, expire by tone, wait while pointed at", async () => {
  clock.enable({ apis: ["setTimeout"] });
  const { model } = await run("toasts", { items: [] });
  model.receive("items", [toast("a"), toast("b", "red"), toast("c", "yellow"), toast("d", "green")]);
  assert.deepEqual([...document.querySelectorAll(".gw-toast b")].map((b) => b.textContent), ["Title b", "Title c", "Title d"]);
  assert.equal(document.querySelector(".gw-toasts").getAttribute("aria-live"), "polite");
  assert.equal(document.querySelector(".gw-toast").getAttribute("role"), "alert");
  clock.tick(4000);
  assert.deepEqual(model.sent.map((m) => m.id), ["a", "d"]);
  const box = document.querySelector(".gw-portal");
  box.dispatchEvent(new page.Event("focusin", { bubbles: true }));
  clock.tick(10_000);
  assert.equal(model.sent.length, 2);
  box.dispatchEvent(new page.Event("focusout", { bubbles: true }));
  clock.tick(10_000);
  assert.deepEqual(model.sent.slice(2).map((m) => m.id), ["a", "d", "c"]); // Python drops what is known
  document.querySelector("[aria-label=Dismiss]").click();
  assert.deepEqual(model.sent.at(-1), { name: "dismiss", id: "b" });
  model.receive("items", [{ ...toast("e"), seconds: 15 }]);
  clock.tick(14_000);
  assert.notEqual(model.sent.at(-1).id, "e");
  clock.tick(1000);
  assert.equal(model.sent.at(-1).id, "e");
});

// Dialog

const modal = () =>
  h("div", { class: "gw-modal", role: "alertdialog", "aria-modal": "true" },
    h("input", {}),
    h("button", { "data-focus": "", on: { click: "back" } }, "Back"),
    h("button", { on: { click: "stop" } }, "Stop"));

test("a dialog keeps the focus, answers, and gives the focus back", async () => {
  const before = document.createElement("button");
  const { model } = await run("dialog", { shown: false, _tree: modal() });
  document.body.append(before);
  before.focus();
  model.receive("shown", true);
  await settle();
  const at = () => document.activeElement.textContent || document.activeElement.tagName;
  assert.equal(at(), "Back");
  const walk = ["Stop", "INPUT", "Back"];
  for (const name of walk) {
    press(document.activeElement, "Tab");
    assert.equal(at(), name);
  }
  press(document.activeElement, "Tab", { shiftKey: true });
  assert.equal(at(), "INPUT");
  before.focus(); // by script: comes back in
  assert.notEqual(document.activeElement, before);
  document.querySelector(".gw-overlay").click(); // outside the modal: nothing
  document.querySelector(".gw-portal button").click();
  assert.equal(press(document.activeElement, "Escape").defaultPrevented, true);
  assert.deepEqual(model.sent.map((m) => m.name), ["back", "dismiss"]);
  model.receive("shown", false);
  await settle();
  assert.equal(document.querySelector(".gw-overlay"), null);
  assert.equal(document.activeElement, before);
  model.off("change:shown"); // and listens to nothing else
  assert.deepEqual(model.listeners, []);
});

// Hotkeys

test("keys act inside our part of the page only, and not while typing", async () => {
  const bindings = { F2: "pause", 1: "one", "Ctrl+Shift+R": "reload", "Ctrl+A": "all", "Ctrl+Shift+Z": "out" };
  const { model, root, kernel } = await run("hotkeys", { bindings, enabled: true });
  const field = root.appendChild(document.createElement("input"));
  const other = document.body.appendChild(document.createElement("div"));
  other.className = "gw-root";
  other.dataset.gwKernel = "another";
  const names = () => model.sent.splice(0).map((m) => m.name);

  assert.equal(press(root, "F2").defaultPrevented, true);
  press(root, "R", { ctrlKey: true, shiftKey: true });
  press(root, "1");
  press(root, "!", { shiftKey: true, code: "Digit1" });
  press(root, "x");
  assert.deepEqual(names(), ["pause", "reload", "one"]);

  for (const [key, options] of [["1", {}], ["a", { ctrlKey: true }], ["Z", { ctrlKey: true, shiftKey: true }]]) {
    assert.equal(press(field, key, options).defaultPrevented, false);
  }
  press(field, "F2");
  assert.deepEqual(names(), ["pause"]);

  press(other, "F2");
  press(document.body, "F2"); // on a page of ours, nothing focused
  assert.deepEqual(names(), ["pause"]);
  delete document.body.dataset.voila; // in JupyterLab, outside
  press(document.body, "F2");
  document.body.dataset.voila = "voila";
  model.traits.enabled = false;
  press(root, "F2");
  model.traits.enabled = true;
  root.innerHTML = "<div class='gw-overlay'><div aria-modal='true'></div></div>";
  press(root, "F2");
  assert.deepEqual(names(), []);
  assert.ok(kernel);
});

test("a plain key in our part is marked as ours for Lumino, a combination is not", async () => {
  const { root } = await run("location", {});
  const marks = [];
  const look = (e) => marks.push(e.target.hasAttribute("data-lm-suppress-shortcuts"));
  document.addEventListener("keydown", look, { capture: true });
  press(root, "b");
  press(root, "s", { ctrlKey: true });
  press(document.body, "b");
  document.removeEventListener("keydown", look, { capture: true });
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(marks, [true, true, false]);
  assert.equal(root.hasAttribute("data-lm-suppress-shortcuts"), false);
});
