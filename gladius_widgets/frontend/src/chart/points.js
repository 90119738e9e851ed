// Finding points: the nearest of a series to a place along x.

import { duration } from "../clock.js";

/** @typedef {{length: number, [i: number]: any}} Values typed array or list */

/** @param {any} y */
const drawn = (y) => y !== null && y !== undefined && Number.isFinite(Number(y));

/**
 * Index of the first x that is not less than `at`; x is ascending.
 * @param {Values} x @param {number} at
 */
export function lowerBound(x, at) {
  let low = 0;
  let high = x.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x[middle] < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Index of the drawn point nearest to `at`, or -1. Points without a finite y are passed over.
 * @param {Values} x ascending @param {Values} y @param {number} at
 */
export function nearest(x, y, at) {
  const n = Math.min(x.length, y.length);
  let right = lowerBound(x, at);
  let left = right - 1;
  while (left >= 0 && !drawn(y[left])) left--;
  while (right < n && !drawn(y[right])) right++;
  if (left < 0) return right < n ? right : -1;
  if (right >= n) return left;
  return at - x[left] <= x[right] - at ? left : right;
}

/**
 * Index `steps` drawn points away from `from`, staying inside.
 * @param {Values} y @param {number} from @param {number} steps
 */
export function move(y, from, steps) {
  const by = Math.sign(steps);
  let at = from;
  for (let left = Math.min(Math.abs(steps), y.length); left > 0; left--) {
    let next = at + by;
    while (next >= 0 && next < y.length && !drawn(y[next])) next += by;
    if (next < 0 || next >= y.length) break;
    at = next;
  }
  return at;
}

/** @param {number} value @param {number} decimals */
export function fixed(value, decimals) {
  return value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

/**
 * An x value: whole numbers with thousands, others with two decimals; a duration of seconds; a count.
 * @param {any} x @param {string} [kind]
 */
export function place(x, kind = "number") {
  if (typeof x !== "number") return String(x);
  if (kind === "duration") return x < 10 ? `${fixed(x, 1)}s` : duration(x);
  if (kind === "count") return x.toLocaleString("en-US", { notation: "compact", maximumSignificantDigits: 5 });
  return x.toLocaleString("en-US", { maximumFractionDigits: 2 });
}
