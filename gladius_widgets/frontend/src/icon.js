// An icon of the sprite, as an SVG element.
const SVG = "http://www.w3.org/2000/svg";

/** An icon of the sprite. @param {string} name @param {number} [size] px @returns {SVGElement} */
export function icon(name, size = 16) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", size === 16 ? "gw-i" : `gw-i gw-i--${size}`);
  svg.setAttribute("aria-hidden", "true");
  svg.appendChild(document.createElementNS(SVG, "use")).setAttribute("href", `#i-${name}`);
  return svg;
}
