// Search in the output.

const MATCHES = {
  matchBackground: "#613214",
  matchOverviewRuler: "#e5c07b",
  activeMatchBackground: "#9a5a1f",
  activeMatchColorOverviewRuler: "#e5c07b",
};

export class Find {
  /** @param {import("./view.js").TerminalView} view */
  constructor(view) {
    this.view = view;
    this.addon = view.screen.search;
    this.addon.onDidChangeResults(({ resultIndex, resultCount }) => {
      const { state } = view;
      state.found = resultCount ? `${resultIndex + 1} of ${resultCount}` : state.query ? "No match" : "";
      view.paint();
    });
  }

  /** @param {string} text */
  open(text) {
    this.view.state.searching = true;
    this.view.state.query = text;
    this.view.paint(true);
    this.search(text);
    this.view.section.querySelector("input")?.select();
  }

  close() {
    Object.assign(this.view.state, { searching: false, found: "" });
    this.addon.clearDecorations();
    this.view.paint(true);
    this.view.host.focus({ preventScroll: true });
  }

  /** @param {string} text */
  search(text) {
    this.view.state.query = text;
    if (text) {
      this.addon.findNext(text, { incremental: true, decorations: MATCHES });
    } else {
      this.addon.clearDecorations();
      this.view.state.found = "";
    }
    this.view.paint();
  }

  /** @param {boolean} forward */
  next(forward) {
    if (forward) this.addon.findNext(this.view.state.query, { decorations: MATCHES });
    else this.addon.findPrevious(this.view.state.query, { decorations: MATCHES });
  }
}
