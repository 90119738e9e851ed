// What a tree may contain: the browser's own guard, from the list that Python uses, too.

import allowed from "../../components/static/allowed.json";

export const SVG_TAGS = new Set(allowed.svg_tags);
export const TAGS = new Set(allowed.tags);
const ATTRIBUTES = new Set(allowed.attributes);
const STYLES = new Set(allowed.styles);

const PREFIXED = /^(aria|data)-[a-z0-9_.-]+$/;
const UNSAFE_STYLE = /[;{}<>\\]|url\(|expression|\/\*/i;

/** @param {string} name */
export function attributeAllowed(name) {
  return PREFIXED.test(name) || ATTRIBUTES.has(name);
}

/** @param {string} name @param {string} value */
export function styleAllowed(name, value) {
  return (name.startsWith("--") || STYLES.has(name)) && !UNSAFE_STYLE.test(value);
}

/** @param {string} tag @param {string} href */
export function linkAllowed(tag, href) {
  const trimmed = href.replace(/[\x00-\x20]/g, "");
  if (tag === "use") return trimmed.startsWith("#");
  const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(trimmed);
  if (scheme && !/^https?:$/i.test(scheme[0])) return false;
  return !trimmed.startsWith("//") && !trimmed.startsWith("\\") && !trimmed.startsWith("/\\");
}
