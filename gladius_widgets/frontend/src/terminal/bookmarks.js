// Bookmarks: an amber bar beside marked lines. Their numbers are a trait, so they outlive the view.

import { linesBelow, rowsOf } from "./lines.js";

/** @param {any} model @param {import("./screen.js").Screen} screen */
export function bookmarks(model, screen) {
  const { term } = screen;
  /** @type {import("@xterm/xterm").IDisposable[]} */
  let drawn = [];

  /** @param {number[]} lines */
  function save(lines) {
    model.set("bookmarks", lines.sort((a, b) => a - b));
    model.save_changes();
  }

  return {
    /** @param {number} row of the buffer */
    toggle(row) {
      const line = screen.cursorLine - linesBelow(term, row);
      const lines = /** @type {number[]} */ (model.get("bookmarks"));
      save(lines.includes(line) ? lines.filter((n) => n !== line) : [...lines, line]);
    },

    /** Scroll to the next one below what is shown, round and round. @param {() => void} release */
    next(release) {
      const rows = /** @type {number[]} */ (model.get("bookmarks"))
        .map((line) => rowsOf(term, screen.cursorLine - line)?.row)
        .filter((row) => row !== undefined);
      if (rows.length === 0) return;
      const top = term.buffer.active.viewportY;
      release();
      term.scrollToLine(Math.max(0, (rows.find((row) => row > top + 3) ?? rows[0]) - 3));
    },

    draw() {
      for (const one of drawn) one.dispose();
      drawn = [];
      const buffer = term.buffer.active;
      for (const line of /** @type {number[]} */ (model.get("bookmarks"))) {
        const at = rowsOf(term, screen.cursorLine - line);
        if (!at) continue;
        const marker = term.registerMarker(at.row - buffer.baseY - buffer.cursorY);
        const decoration = term.registerDecoration({ marker, width: term.cols, height: at.height, layer: "bottom" });
        decoration?.onRender((element) => element.classList.add("gw-term__mark"));
        if (decoration) drawn.push(decoration, marker);
      }
    },
  };
}
