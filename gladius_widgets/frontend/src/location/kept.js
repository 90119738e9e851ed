// What a page keeps in its tab over a reload: where it was scrolled to, and what a kernel asked it
// to keep, such as a form that is half written.

import { typeAgain } from "./typed.js";

const PLACE = "gladius-place";
const RELOADED = "gladius-reloaded";
const KEPT = "gladius-kept:";
const LOOP_MS = 30_000; // a page that has to be loaded again so soon would be so for ever
const BONES = "#bones, .gw-late[aria-busy=true]";
const SETTLE_MS = 120_000; // a page under load

/** @param {() => any} use sessionStorage, which may be barred @returns {any} */
function tab(use) {
  try {
    return use();
  } catch {
    return null;
  }
}

/** @param {string} name @param {unknown} value null forgets it */
export function keep(name, value) {
  tab(() => (value === null ? sessionStorage.removeItem(KEPT + name) : sessionStorage.setItem(KEPT + name, JSON.stringify(value))));
}

/** All that was kept, by name. @returns {Record<string, any>} */
export function kept() {
  const names = tab(() => Object.keys(sessionStorage).filter((key) => key.startsWith(KEPT))) ?? [];
  return Object.fromEntries(names.map((/** @type {string} */ key) => [key.slice(KEPT.length), tab(() => JSON.parse(sessionStorage[key]))]));
}

/** What scrolls: Voila's cells, which fill the window. */
const scroller = () => document.getElementById("rendered_cells") ?? document.documentElement;

/**
 * Load the page anew, at the same place.
 * @param {Record<string, string>} typed what is to be typed again, by id of the field
 * @returns {boolean} false when that was done a moment ago
 */
export function reload(typed) {
  const before = Number(tab(() => sessionStorage.getItem(RELOADED)) ?? 0);
  if (Date.now() - before < LOOP_MS) return false;
  tab(() => sessionStorage.setItem(RELOADED, String(Date.now())));
  const place = { url: location.href, y: scroller().scrollTop, typed };
  tab(() => sessionStorage.setItem(PLACE, JSON.stringify(place)));
  location.reload();
  return true;
}

/** After a reload of ours: the page is as it was left. @param {AbortSignal} signal */
export function restore(signal) {
  const place = tab(() => JSON.parse(sessionStorage.getItem(PLACE) ?? "null"));
  tab(() => sessionStorage.removeItem(PLACE));
  if (!place || place.url !== location.href) return;
  typeAgain(place.typed, signal);
  if (place.y > 0) scrollOnce(place.y, signal);
}

/** Scroll there once the page itself, not its bones, is as long. @param {number} y @param {AbortSignal} signal */
function scrollOnce(y, signal) {
  const life = new AbortController();
  const look = () => {
    const box = scroller();
    if (document.querySelector(BONES) || box.scrollHeight < y + box.clientHeight) return;
    if (box.scrollTop === 0) box.scrollTo({ top: y, behavior: "instant" }); // else the reader was faster
    life.abort();
  };
  const seen = new MutationObserver(look);
  seen.observe(document.body, { childList: true, subtree: true });
  const late = setTimeout(() => life.abort(), SETTLE_MS);
  signal.addEventListener("abort", () => life.abort());
  life.signal.addEventListener("abort", () => (clearTimeout(late), seen.disconnect()));
}
