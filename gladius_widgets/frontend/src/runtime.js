// Where the components of one kernel find what its theme.js offers. The components that are single
// files hold the same few lines.

/** The promise under which the components of one kernel find their runtime. @param {string} id */
export function runtime(id) {
  const key = Symbol.for(`gladius:${id}`);
  const place = /** @type {any} */ (globalThis);
  if (!place[key]) {
    place[key] = {};
    place[key].promise = new Promise((resolve) => (place[key].resolve = resolve));
  }
  return place[key];
}
