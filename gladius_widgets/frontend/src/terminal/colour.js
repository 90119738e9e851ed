// Colours for the level tag of lines that come without any: the tag only, not the sentence.

const RESET = "\x1b[39m";
/** @type {Record<string, string>} */
const COLOURS = { INFO: "\x1b[34m", WARN: "\x1b[33m", WARNING: "\x1b[33m", ERROR: "\x1b[31m", SUCCESS: "\x1b[32m" };
const TAG = /(^|[\n\r])\[(INFO|WARN|WARNING|ERROR|SUCCESS)\]/g;

/** @param {string} text @param {boolean} atLineStart what came before ended with a line break */
export function colourTags(text, atLineStart) {
  return text.replace(TAG, (whole, before, level, at) =>
    at === 0 && before === "" && !atLineStart ? whole : `${before}${COLOURS[level]}[${level}]${RESET}`,
  );
}
