// Where the components of one kernel find what its theme.js offers.

/**
 * The promise under which the components of one kernel find their runtime, and the ways to keep it.
 * @param {string} id
 * @returns {{promise: Promise<any>, resolve: (offered: any) => void, reject: (error: unknown) => void}}
 */
export function runtime(id) {
  const key = Symbol.for(`gladius:${id}`);
  const places = /** @type {any} */ (globalThis);
  if (!places[key]) {
    const place = (places[key] = /** @type {any} */ ({}));
    place.promise = new Promise((resolve, reject) => Object.assign(place, { resolve, reject }));
    place.promise.catch(() => {}); // whoever waits for it says so
  }
  return places[key];
}
