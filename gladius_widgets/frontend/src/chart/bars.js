// What bqplot's bars leave behind.

/**
 * Take away the empty group that bqplot's bars leave at each drawing: it removes the zero line from
 * its group and makes both anew (`Bars.draw`, which ends with `drawZeroLine`). A chart drawn once a
 * second would gather 3,600 an hour.
 * @param {any} view of a mark
 */
export function tidy(view) {
  if (typeof view.drawZeroLine !== "function" || Object.hasOwn(view, "drawZeroLine")) return;
  const draw = view.drawZeroLine;
  view.drawZeroLine = () => {
    draw.call(view);
    for (const group of view.d3el.node().querySelectorAll(":scope > g:empty:not(.bargroup)")) group.remove();
  };
}
