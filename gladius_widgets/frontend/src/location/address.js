// The page's address, and files for the reader.

/** A page of ours, not a notebook among others. */
export const standalone = () => Boolean(document.body.dataset.voila);

/** The query without the access token, which is nobody's business. */
export function query() {
  const all = Object.fromEntries(new URLSearchParams(location.search));
  delete all.token;
  return all;
}

/** @param {string} url */
export function navigate(url) {
  const to = new URL(url, location.href);
  if (to.protocol !== "http:" && to.protocol !== "https:") return;
  if (standalone()) location.assign(to);
  else window.open(to, "_blank", "noopener");
}

/**
 * @param {Record<string, string | null>} changes
 * @param {boolean} push as a step that the back button takes back
 */
export function setQuery(changes, push) {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  if (push && url.href !== location.href) history.pushState(null, "", url);
  else history.replaceState(history.state, "", url);
}

/** @param {{filename: string, mime: string}} file @param {DataView[]} buffers */
export function download({ filename, mime }, buffers) {
  const url = URL.createObjectURL(new Blob(/** @type {any} */ (buffers), { type: mime }));
  const link = Object.assign(document.createElement("a"), { href: url, download: filename });
  document.body.appendChild(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Parts of files that are still on their way, by transfer. @type {Map<string, DataView[]>} */
const arriving = new Map();

/**
 * Take one part of a file; with the last one the file is saved.
 * @param {any} model
 * @param {{transfer: string, number: number, last: boolean, filename: string, mime: string}} part
 * @param {DataView[]} buffers
 */
export function takePart(model, part, buffers) {
  const parts = part.number === 0 ? [] : arriving.get(part.transfer);
  if (!parts) return; // it began before this page came
  parts.push(...buffers);
  arriving.set(part.transfer, parts);
  if (part.last) {
    arriving.delete(part.transfer);
    download(part, parts);
  }
  model.send({ name: "part", transfer: part.transfer, number: part.number });
}
