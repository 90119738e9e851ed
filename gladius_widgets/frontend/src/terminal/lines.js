// Log lines and buffer rows: a long line takes several rows, and the oldest rows are dropped.

/** @typedef {import("@xterm/xterm").Terminal} Xterm */

/**
 * How many log lines below this one the cursor's line is.
 * @param {Xterm} term @param {number} row absolute row of the buffer
 */
export function linesBelow(term, row) {
  const buffer = term.buffer.active;
  const cursor = buffer.baseY + buffer.cursorY;
  let lines = 0;
  for (let y = row + 1; y <= cursor; y++) if (!buffer.getLine(y)?.isWrapped) lines++;
  return lines;
}

/**
 * The rows of the log line that is `below` lines above the cursor's.
 * @param {Xterm} term @param {number} below
 * @returns {{row: number, height: number} | null} null if it is no longer in the buffer
 */
export function rowsOf(term, below) {
  const buffer = term.buffer.active;
  let y = buffer.baseY + buffer.cursorY;
  let left = below;
  while (y >= 0) {
    let start = y;
    while (start > 0 && buffer.getLine(start)?.isWrapped) start--;
    if (left === 0) return { row: start, height: endOf(term, start) - start };
    left--;
    y = start - 1;
  }
  return null;
}

/** @param {Xterm} term @param {number} start */
function endOf(term, start) {
  let end = start + 1;
  while (term.buffer.active.getLine(end)?.isWrapped) end++;
  return end;
}

/** @param {string} text */
export function countLines(text) {
  let n = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) n++;
  return n;
}

/** The first `lines` complete lines. @param {string} text @param {number} lines */
export function headOf(text, lines) {
  let at = 0;
  for (let n = 0; n < lines; n++) {
    const next = text.indexOf("\n", at);
    if (next < 0) return text;
    at = next + 1;
  }
  return text.slice(0, at);
}
