// xterm.js dressed as the design has it, and the text it holds.

import { FitAddon } from "@xterm/addon-fit";
import { SearchAddon } from "@xterm/addon-search";
import { Terminal } from "@xterm/xterm";
import css from "@xterm/xterm/css/xterm.css";
import { colourTags } from "./colour.js";
import { countLines, headOf } from "./lines.js";
import extra from "./terminal.css";

export const SCROLLBACK = 20_000;
const ROW_PX = 20;
const FONT_PX = 12.5;
const SMALLEST_PX = 11.5;
const FONT_STEP_PX = 0.25;
const STEP_COLUMNS = 182; // a step of eight experts in one row: the longest line that comes often

/** ANSI colours from the tokens, bright ones as the plain. @param {HTMLElement} el */
function palette(el) {
  const style = getComputedStyle(el);
  const token = (/** @type {string} */ name) => style.getPropertyValue(`--gw-term-${name}`).trim();
  const colours = { red: token("error"), green: token("success"), yellow: token("warn"), blue: token("info"), cyan: token("path"), white: token("fg") };
  const bright = Object.fromEntries(Object.entries(colours).map(([k, v]) => [`bright${k[0].toUpperCase()}${k.slice(1)}`, v]));
  return {
    ...colours, ...bright, brightWhite: "#ffffff", brightBlack: token("dim"), magenta: "#c586c0", brightMagenta: "#c586c0",
    background: token("bg"), foreground: token("fg"), cursor: token("fg"), selectionBackground: token("select"),
  };
}

export class Screen {
  /** @param {HTMLElement} host */
  constructor(host) {
    if (!document.getElementById("gw-xterm")) {
      const style = document.head.appendChild(document.createElement("style"));
      style.id = "gw-xterm";
      style.textContent = css + extra;
    }
    this.host = host;
    const font = getComputedStyle(host).getPropertyValue("--gw-mono").trim();
    this.term = new Terminal({
      allowProposedApi: true, // decorations and markers of search and bookmarks
      convertEol: true,
      cursorBlink: false,
      cursorInactiveStyle: "block",
      disableStdin: true,
      fontFamily: font,
      fontSize: FONT_PX,
      lineHeight: ROW_PX / naturalHeight(host, font),
      linkHandler: { activate() {} }, // a log may not open pages
      scrollback: SCROLLBACK,
      theme: palette(host),
      windowOptions: {},
    });
    this.fit = new FitAddon();
    this.search = new SearchAddon({ highlightLimit: 1000 });
    this.term.loadAddon(this.fit);
    this.term.loadAddon(this.search);
    this.term.open(host);
    this.term.textarea?.setAttribute("tabindex", "-1");
    host.querySelector(".xterm-rows")?.removeAttribute("aria-hidden"); // it is the text of the log
    /** Number of the line being written. */
    this.line = 0;
    /** Number of the first line shown. */
    this.first = 0;
    this.text = "";
    this.decoder = new TextDecoder();
    this.lineStart = true;
    /** True while older lines fill the screen and new ones are only counted. */
    this.detached = false;
  }

  /** As many columns and rows as the box takes; a little smaller where that spares a step its wrapping. */
  fitBox() {
    for (let px = FONT_PX; px >= SMALLEST_PX; px -= FONT_STEP_PX) {
      this.term.options.fontSize = px;
      if ((this.fit.proposeDimensions()?.cols ?? 0) >= STEP_COLUMNS) return this.fit.fit();
    }
    this.term.options.fontSize = FONT_PX; // it wraps either way
    this.fit.fit();
  }

  /** @param {DataView} bytes @param {() => void} [done] */
  write(bytes, done) {
    this.put(this.decoder.decode(bytes, { stream: true }), done);
  }

  /** @param {string} text @param {() => void} [done] */
  put(text, done) {
    const lines = countLines(text);
    this.line += lines;
    if (this.detached) return done?.();
    this.text += text;
    this.shorten();
    const coloured = colourTags(text, this.lineStart);
    if (text) this.lineStart = /[\n\r]$/.test(text);
    this.term.write(coloured, done);
  }

  /** Forget the oldest text, as xterm does its rows; rarely, since it copies. */
  shorten() {
    const over = this.line - this.first - SCROLLBACK;
    if (over < SCROLLBACK / 4) return;
    this.text = this.text.slice(headOf(this.text, over).length);
    this.first += over;
  }

  /** @param {number} first number of the line that comes next @param {boolean} [erase] */
  reset(first, erase = true) {
    this.decoder = new TextDecoder();
    if (erase) this.term.reset();
    this.line = this.first = first;
    this.text = "";
    this.lineStart = true;
    this.detached = false;
  }

  /**
   * Put older lines before the shown ones and stay at the line that was on top.
   * @param {string} older @param {number} first number of its first line @param {() => void} done
   */
  prepend(older, first, done) {
    const end = this.line;
    const all = older + this.text;
    const kept = headOf(all, SCROLLBACK);
    const detached = this.detached || kept.length < all.length;
    const lines = countLines(older);
    this.reset(first);
    this.put(kept, () => {
      this.term.scrollToLine(rowAfter(this.term, lines));
      done();
    });
    this.text = kept;
    this.detached = detached;
    if (detached) this.line = end;
  }

  /**
   * Show some lines of long ago; new ones are only counted until the newest are asked for again.
   * @param {string} text @param {number} first number of its first line @param {() => void} done
   */
  showPart(text, first, done) {
    const end = this.line;
    this.reset(first);
    this.put(text, done);
    this.detached = true;
    this.line = end;
  }

  /** @param {number} skipped lines that the browser was too slow for */
  note(skipped) {
    if (skipped > 0 && !this.detached) {
      this.term.write(`\x1b[90m… ${skipped.toLocaleString("en-US")} lines left out here; the log file has them\x1b[39m\n`);
    }
  }

  /** Number of the line on which the cursor is. */
  get cursorLine() {
    return this.detached ? this.first + countLines(this.text) : this.line;
  }

  atEnd() {
    const { viewportY, baseY } = this.term.buffer.active;
    return viewportY >= baseY;
  }
}

/** The row on which line number `lines` of the buffer starts. @param {Terminal} term @param {number} lines */
function rowAfter(term, lines) {
  let left = lines;
  const { length } = term.buffer.active;
  for (let y = 1; y < length; y++) {
    if (!term.buffer.active.getLine(y)?.isWrapped) left--;
    if (left <= 0) return y;
  }
  return 0;
}

/** Height of a row at line height 1. @param {HTMLElement} host @param {string} font */
function naturalHeight(host, font) {
  const probe = document.createElement("span");
  probe.textContent = "W";
  probe.style.cssText = `position:absolute;visibility:hidden;line-height:normal;font-size:${FONT_PX}px`;
  probe.style.fontFamily = font;
  host.appendChild(probe);
  const height = probe.offsetHeight || FONT_PX * 1.2;
  probe.remove();
  return height;
}
