import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { clock, h, page, press, settle, tree } from "./page.mjs";

afterEach(() => clock.reset());

test("text is text, whatever it says", async () => {
  const { root, tree: t } = await tree();
  t.update(h("div", { title: "<b>" }, "<img src=x onerror=alert(1)>", h("b", null, "</b><script>")));
  assert.equal(root.querySelectorAll("img, script").length, 0);
  assert.equal(root.textContent, "<img src=x onerror=alert(1)></b><script>");
});

for (const [what, node] of [
  ["a tag", h("script", null, "x")],
  ["an attribute", h("div", { onclick: "x" })],
  ["a link", h("a", { href: "java\nscript:alert(1)" })],
  ["a protocol-relative link", h("a", { href: "//evil" })],
  ["an outside symbol", h("svg", null, h("use", { href: "http://evil/#x" }))],
  ["a style", h("div", { style: { width: "1px;x:y" } })],
  ["a style property", h("div", { style: { behavior: "x" } })],
]) {
  test(`${what} that is not allowed is refused here, too`, async () => {
    const { tree: t } = await tree();
    assert.throws(() => t.update(node), /not allowed/);
  });
}

test("a patch changes what differs and keeps the nodes", async () => {
  const { root, tree: t } = await tree();
  t.update(h("div", { class: "a", title: "x", style: { width: "1px", left: "2px" } }, h("b", null, "1"), "2"));
  const [div, b] = [root.firstChild, root.querySelector("b")];
  t.update(h("div", { class: "b", style: { width: "3px" } }, h("b", null, "one"), "2", h("i")));
  assert.equal(root.firstChild, div);
  assert.equal(root.querySelector("b"), b);
  assert.equal(div.outerHTML, '<div class="b" style="width: 3px;"><b>one</b>2<i></i></div>');
});

test("keyed rows move with their state; others go and come", async () => {
  const { root, tree: t } = await tree();
  const row = (k) => h("li", { key: k }, h("input", { value: k }));
  const list = (...keys) => t.update(h("ul", null, keys.map(row)));
  list("a", "b", "c", "d");
  const at = Object.fromEntries([...root.querySelectorAll("li")].map((li, i) => ["abcd"[i], li]));
  const field = at.c.querySelector("input");
  field.focus();
  field.value = "typed";
  list("d", "c", "x", "a");
  const now = [...root.querySelectorAll("li")];
  assert.deepEqual([now[0], now[1], now[3]], [at.d, at.c, at.a]);
  assert.equal(document.activeElement, field);
  assert.equal(field.value, "typed");
  assert.equal(now.length, 4);
});

test("random lists end as they should", async () => {
  const { root, tree: t } = await tree();
  let seed = 7;
  const random = (n) => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % n;
  for (let round = 0; round < 200; round++) {
    const keys = [...new Set(Array.from({ length: random(9) }, () => random(12)))];
    const children = keys.map((k) => (k % 4 ? h(k % 3 ? "b" : "i", { key: String(k) }, `${k}`) : `t${k}`));
    t.update(h("div", null, children));
    assert.equal(root.textContent, keys.map((k) => (k % 4 ? `${k}` : `t${k}`)).join(""));
  }
});

test("typed text stays when the tree echoes it, and yields to what Python decides", async () => {
  const { root, tree: t, sent } = await tree();
  const show = (value) => t.update(h("input", { value, on: { input: "typed" } }));
  show("");
  const field = root.querySelector("input");
  field.focus();
  for (const text of ["a", "ab", "abc"]) {
    field.value = text;
    field.dispatchEvent(new page.Event("input", { bubbles: true }));
  }
  show("ab"); // a late echo
  assert.equal(field.value, "abc");
  show("CLEANED");
  assert.equal(field.value, "CLEANED");
  assert.deepEqual(sent.map((m) => m.value), ["a", "ab", "abc"]);
  field.value = "refused";
  t.reset();
  assert.equal(field.value, "CLEANED");
});

test("a select takes its value after its options", async () => {
  const { root, tree: t } = await tree();
  const select = (value) => h("select", { value }, ["a", "b", "c"].map((v) => h("option", { value: v }, v)));
  t.update(select("b"));
  assert.equal(root.querySelector("select").value, "b");
  t.update(select("c"));
  assert.equal(root.querySelector("select").value, "c");
});

test("a changed value flashes for a second, through other patches", async () => {
  clock.enable({ apis: ["setTimeout"] });
  const { root, tree: t } = await tree();
  const show = (v, c) => t.update(h("b", { "data-flash": v, class: c }, v));
  show("1", "x");
  const b = root.querySelector("b");
  assert.equal(b.className, "x");
  show("2", "x");
  assert.equal(b.className, "x is-updated");
  show("2", "y");
  assert.equal(b.className, "y is-updated");
  clock.tick(1000);
  assert.equal(b.className, "y");
});

test("clocks tick by themselves and stop with their element", async () => {
  clock.enable({ apis: ["setInterval", "Date"], now: 1_000_000_000 });
  const { root, tree: t } = await tree();
  const spec = (kind, since) => h("span", { "data-clock": JSON.stringify({ since, kind }) });
  const now = 1_000_000;
  t.update(h("div", null, spec("duration", now - 3599), "|", spec("ago", now - 59), "|", spec("age", now - 200), "|", spec("in", now + 481)));
  assert.equal(root.textContent, "59m 59s|59s ago|3m ago|in 8 minutes");
  clock.tick(1000);
  assert.equal(root.textContent, "1h 00m|1 minute ago|3m ago|in 8 minutes");
  t.update(h("div", null, "done"));
  assert.equal(t.clocks.timer, undefined);
  assert.equal(root.textContent, "done");
});

test("a click tells name, key, data and modifiers; a control inside keeps its own", async () => {
  const { root, tree: t, sent } = await tree();
  t.update(
    h("table", null, h("tbody", null,
      h("tr", { key: "job-1", "data-job-id": "1", on: { click: "open" } },
        h("td", null, h("a", { href: "#x" }, "link"), h("b", null, "cell")),
        h("td", null, h("button", { on: { click: "menu" } }, h("i", null, "…")))))),
  );
  const click = (selector, options = {}) => {
    const event = new page.MouseEvent("click", { bubbles: true, cancelable: true, ...options });
    root.querySelector(selector).dispatchEvent(event);
    return event;
  };
  click("b", { shiftKey: true });
  assert.equal(click("a").defaultPrevented, false);
  click("button i");
  assert.deepEqual(sent.map((m) => [m.name, m.key, m.data.jobId ?? null, m.keys.shift]), [
    ["open", "job-1", "1", true],
    ["menu", "job-1", null, false],
  ]);
});

test("a link with a handler does not leave the page, unless asked for a new tab", async () => {
  const { root, tree: t, sent } = await tree();
  t.update(h("a", { href: "/x", on: { click: "go" } }, "x"));
  const click = (options) => {
    const event = new page.MouseEvent("click", { bubbles: true, cancelable: true, ...options });
    root.firstChild.dispatchEvent(event);
    return event.defaultPrevented;
  };
  assert.equal(click({}), true);
  assert.equal(click({ ctrlKey: true }), false);
  assert.equal(sent.length, 1);
});

test("disabled controls say nothing", async () => {
  const { root, tree: t, sent } = await tree();
  t.update(h("div", { on: { click: "outer" } }, h("button", { "aria-disabled": "true", on: { click: "x" } }, h("b"))));
  root.querySelector("b").dispatchEvent(new page.MouseEvent("click", { bubbles: true }));
  assert.deepEqual(sent, []);
});

test("a button that is barred by its own press keeps the focus until it moves on", async () => {
  const { root, tree: t, sent } = await tree();
  const draw = (disabled, label) => t.update(h("div", {}, h("button", { ...(disabled && { disabled }), on: { click: "save" } }, label), h("button", {}, "other")));
  draw(false, "Save");
  const [save, other] = root.querySelectorAll("button");
  save.focus();
  draw(true, "Saving");
  assert.equal(document.activeElement, save);
  assert.equal(save.disabled, false);
  assert.equal(save.getAttribute("aria-disabled"), "true");
  save.click();
  assert.deepEqual(sent, []);
  other.focus();
  assert.equal(save.disabled, true);
  assert.equal(save.hasAttribute("aria-disabled"), false);
  draw(false, "Save");
  save.focus();
  draw(true, "Saving");
  draw(false, "Save");
  assert.equal(document.activeElement, save);
  assert.equal(save.hasAttribute("aria-disabled"), false);
  save.click();
  assert.equal(sent.length, 1);
});

test("what takes the place of a button takes its focus", async () => {
  const { root, tree: t } = await tree();
  const draw = (name) => t.update(h("div", {}, h("button", { key: name }, name), h("button", {}, "stop")));
  draw("pause");
  root.querySelector("button").focus();
  draw("resume");
  assert.equal(document.activeElement.textContent, "resume");
});

test("in a dialog nothing takes over: the next button may be a harder one", async () => {
  const { root, tree: t } = await tree();
  const draw = (name) => t.update(h("div", { "aria-modal": "true" }, h("button", { key: name }, name)));
  draw("stop");
  root.querySelector("button").focus();
  draw("kill");
  assert.equal(document.activeElement, document.body);
});

test("keys, forms and debounced input", async () => {
  clock.enable({ apis: ["setTimeout"] });
  const { root, tree: t, sent } = await tree();
  t.update(
    h("form", { on: { submit: "save" } },
      h("input", { name: "lr", value: "1", "data-debounce": "200", on: { input: "search", "keydown:Enter": "apply" } }),
      h("input", { name: "fp16", type: "checkbox", checked: true, on: { change: "fp16" } })),
  );
  const [text, box] = root.querySelectorAll("input");
  press(text, "x");
  assert.equal(press(text, "Enter").defaultPrevented, true);
  for (const value of ["a", "ab"]) {
    text.value = value;
    text.dispatchEvent(new page.Event("input", { bubbles: true }));
  }
  clock.tick(199);
  assert.deepEqual(sent.map((m) => m.name), ["apply"]);
  clock.tick(1);
  box.checked = false;
  box.dispatchEvent(new page.Event("change", { bubbles: true }));
  const submit = new page.Event("submit", { bubbles: true, cancelable: true });
  root.querySelector("form").dispatchEvent(submit);
  assert.equal(submit.defaultPrevented, true);
  assert.deepEqual(sent.slice(1).map((m) => [m.name, m.value, m.checked, m.values ?? null]), [
    ["search", "ab", null, null],
    ["fp16", "on", false, null],
    ["save", null, null, { lr: "ab" }],
  ]);
});

test("a menu: arrows move, Escape and a press outside dismiss, the focus returns", async () => {
  const { root, tree: t, sent } = await tree();
  const show = (open) =>
    t.update(
      h("div", null,
        h("div", { class: "gw-menuhost" },
          h("button", { id: "opener", on: { click: "toggle" } }, "…"),
          open ? h("div", { role: "menu", on: { dismiss: "close" } },
            h("button", { role: "menuitem", autofocus: true }, "a"),
            h("button", { role: "menuitem", "aria-disabled": "true" }, "b"),
            h("button", { role: "menuitem" }, "c")) : ""),
        h("p", null, "outside")),
    );
  show(false);
  const opener = root.querySelector("#opener");
  opener.focus();
  show(true);
  const focused = () => document.activeElement.textContent;
  assert.equal(focused(), "a");
  for (const [key, at] of [["ArrowDown", "c"], ["ArrowDown", "a"], ["ArrowUp", "c"], ["Home", "a"], ["End", "c"]]) {
    press(document.activeElement, key);
    assert.equal(focused(), at);
  }
  press(document.activeElement, "Escape");
  opener.dispatchEvent(new page.Event("pointerdown", { bubbles: true }));
  assert.deepEqual(sent.map((m) => m.name), ["close"]);
  root.querySelector("p").dispatchEvent(new page.Event("pointerdown", { bubbles: true }));
  assert.deepEqual(sent.map((m) => m.name), ["close", "close"]);
  show(false);
  assert.equal(document.activeElement, opener);
});

test("slots: mounted once, kept through patches, disposed when gone", async () => {
  const log = [];
  const mount = (name) => (log.push(`+${name}`), () => log.push(`-${name}`));
  const { tree: t, end } = await tree(mount);
  const slot = (name) => h("slot", { name });
  t.update(h("div", null, slot("a"), slot("b")));
  t.update(h("div", null, h("p"), slot("b"), slot("a")));
  assert.deepEqual(log, ["+a", "+b"]);
  t.update(h("div", null, slot("b")));
  assert.deepEqual(log, ["+a", "+b", "-a"]);
  t.remount("b");
  end();
  assert.deepEqual(log, ["+a", "+b", "-a", "-b", "+b", "-b"]);
});

test("a tree that ends takes its listeners with it", async () => {
  const { root, tree: t, sent, end } = await tree();
  t.update(h("button", { on: { click: "x" } }, "x"));
  const button = root.querySelector("button");
  end();
  await settle();
  document.body.append(root);
  root.append(button);
  button.click();
  assert.deepEqual(sent, []);
  root.remove();
});
