// Functions without a page: tags, lines, points.

import assert from "node:assert/strict";
import { test } from "node:test";
import { sources } from "./page.mjs";

const { clockText } = await import(new URL("clock.js", sources));
const { colourTags } = await import(new URL("terminal/colour.js", sources));
const { countLines, headOf, linesBelow, rowsOf } = await import(new URL("terminal/lines.js", sources));
const { fixed, lowerBound, move, nearest, place } = await import(new URL("chart/points.js", sources));
const { cluster, story } = await import(new URL("chart/ledger.js", sources));

test("the tag of a line is coloured, nothing else", () => {
  const blue = "\x1b[34m[INFO]\x1b[39m";
  assert.equal(colourTags("[INFO] a [WARN] b\n[INFO] c", true), `${blue} a [WARN] b\n${blue} c`);
  assert.equal(colourTags("[INFO] a", false), "[INFO] a"); // the line began in an earlier batch
  assert.equal(colourTags("x\r[SUCCESS] y", true), "x\r\x1b[32m[SUCCESS]\x1b[39m y");
  assert.equal(colourTags("\x1b[1m[ERROR]\x1b[0m a", true), "\x1b[1m[ERROR]\x1b[0m a"); // has its own
});

test("lines are counted and cut whole", () => {
  assert.equal(countLines("a\nb\nc"), 2);
  assert.equal(headOf("a\nb\nc", 1), "a\n");
  assert.equal(headOf("a\nb", 5), "a\nb");
});

test("log lines and buffer rows know each other", () => {
  // Lines 0..3; line 1 takes three rows. The cursor is on the last.
  const wrapped = [false, false, true, true, false, false];
  const getLine = (y) => (y in wrapped ? { isWrapped: wrapped[y] } : undefined);
  const term = { buffer: { active: { baseY: 2, cursorY: 3, length: wrapped.length, getLine } } };
  assert.deepEqual([0, 1, 2, 3, 4, 5].map((row) => linesBelow(term, row)), [3, 2, 2, 2, 1, 0]);
  assert.deepEqual(rowsOf(term, 2), { row: 1, height: 3 });
  assert.deepEqual(rowsOf(term, 0), { row: 5, height: 1 });
  assert.equal(rowsOf(term, 9), null);
});

test("the nearest point, passing over gaps", () => {
  const x = Float64Array.from({ length: 100 }, (_, i) => i * 2);
  const y = Float64Array.from(x, (v) => v);
  for (let at = -5; at < 210; at += 0.7) {
    const slow = [...x].reduce((best, v, i) => (Math.abs(v - at) < Math.abs(x[best] - at) ? i : best), 0);
    assert.equal(Math.abs(x[nearest(x, y, at)] - at), Math.abs(x[slow] - at));
  }
  y.fill(NaN, 10, 20);
  assert.equal(nearest(x, y, 22), 9);
  assert.equal(nearest(x, y, 36), 20);
  assert.equal(nearest(x, y.map(() => NaN), 36), -1);
  assert.equal(nearest([], [], 3), -1);
  assert.equal(lowerBound([1, 2, 2, 3], 2), 1);
});

test("steps pass over gaps and stay inside", () => {
  const y = [1, NaN, NaN, 4, null, 6];
  assert.equal(move(y, 0, 1), 3);
  assert.equal(move(y, 3, 1), 5);
  assert.equal(move(y, 5, 1), 5);
  assert.equal(move(y, 5, -Infinity), 0);
});

test("numbers as the design writes them", () => {
  assert.equal(fixed(0.342, 4), "0.3420");
  assert.equal(fixed(2847.4, 0), "2,847");
  assert.equal(place(1500), "1,500");
  assert.equal(place("E3"), "E3");
});

test("a moment ahead reads as people plan by it", () => {
  const now = 1_000_000;
  const ahead = (seconds) => clockText(JSON.stringify({ since: now + seconds, kind: "in" }), now);
  assert.deepEqual([0, 42, 481, 12_059, 86_399, 165_600].map(ahead), [
    "now", "in 42s", "in 8 minutes", "in 3h 20m", "in 23h 59m", "in 1d 22h",
  ]);
});

test("x values read by their kind", () => {
  assert.deepEqual([3, 185, 22_980].map((s) => place(s, "duration")), ["3.0s", "3m 05s", "6h 23m"]);
  assert.deepEqual([950, 1_250_000].map((n) => place(n, "count")), ["950", "1.25M"]);
});

test("marks that would overlap are one, in the tone of the worst", () => {
  const mark = (x, tone = "gray", count = 1) => ({ x, tone, count, icon: "save", name: String(x), lines: [`at ${x}`] });
  const marks = [mark(0), mark(10, "red"), mark(16), mark(40, "blue", 2), mark(900)];
  const groups = cluster(marks, (x) => x, 500, 17);
  assert.deepEqual(groups.map((g) => [g.px, g.count, g.tone, g.name]), [[0, 3, "red", "10"], [40, 2, "blue", "40"]]);
  assert.deepEqual(marks[0].lines, ["at 0"]); // the trait's own values stay
  assert.deepEqual(story(groups[0]), ["3 events:", "at 0", "at 10", "at 16"]);
  assert.deepEqual(story({ ...groups[0], count: 12 }).at(-1), "and 9 more");
  assert.equal(cluster(marks, (x) => x * 10, 500, 17).length, 4); // zoomed in, they part
  for (let gap = 1; gap < 60; gap += 7) {
    const places = cluster(Array.from({ length: 200 }, (_, i) => mark(i)), (x) => x * 2.5, 500, gap).map((g) => g.px);
    assert.ok(places.every((at, i) => i === 0 || at - places[i - 1] >= gap));
  }
});
