// A picture of the chart as it is shown: the figure's SVG with every style resolved, on a canvas.

const SCALE = 2;
const HEAD_PX = 44;
const PAD_PX = 16;
const STYLES = [
  "fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "stroke-linecap", "stroke-linejoin",
  "opacity", "font-family", "font-size", "font-weight", "text-anchor", "dominant-baseline", "display", "visibility", "clip-path",
];
const SVG = "http://www.w3.org/2000/svg";

/** @typedef {{name: string, color: string, dash: string}} Item */

/**
 * PNG bytes, twice the size on the screen.
 * @param {any} figure bqplot's view @param {HTMLElement} box whose colours and font hold @param {string} title @param {Item[]} legend
 */
export async function picture(figure, box, title, legend) {
  const { width, height } = box.getBoundingClientRect();
  const whole = { width: width + 2 * PAD_PX, height: height + HEAD_PX + PAD_PX };
  const svg = make("svg", { xmlns: SVG, width: whole.width, height: whole.height });
  const colours = getComputedStyle(box);
  svg.append(make("rect", { width: "100%", height: "100%", fill: background(box) }));
  heading(svg, box, colours, title, legend, whole.width);
  const plot = make("g", { transform: `translate(${PAD_PX}, ${HEAD_PX})` });
  for (const layer of [figure.svg_background?.node(), figure.svg?.node()]) if (layer) plot.append(resolved(layer));
  svg.append(plot);
  const image = await load(`data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(svg))}`);
  const canvas = document.createElement("canvas");
  canvas.width = whole.width * SCALE;
  canvas.height = whole.height * SCALE;
  const context = canvas.getContext("2d");
  context?.scale(SCALE, SCALE);
  context?.drawImage(image, 0, 0);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  return /** @type {Blob} */ (blob).arrayBuffer();
}

/** @param {Element} svg @param {HTMLElement} box @param {CSSStyleDeclaration} style @param {string} title @param {Item[]} legend @param {number} width */
function heading(svg, box, style, title, legend, width) {
  const font = { "font-family": style.fontFamily, fill: style.color };
  svg.append(make("text", { ...font, x: PAD_PX, y: 26, "font-size": 14, "font-weight": 600 }, title));
  let right = width - PAD_PX;
  for (const { name, color, dash } of [...legend].reverse()) {
    const size = measure(name, style.fontFamily);
    const words = { ...font, x: right - size, y: 26, "font-size": 12 };
    const stroke = { stroke: coloured(box, color), "stroke-width": 2, "stroke-dasharray": dash || "none" };
    svg.append(make("text", words, name), make("line", { ...stroke, x1: right - size - 28, x2: right - size - 6, y1: 22, y2: 22 }));
    right -= size + 44;
  }
}

/** A copy with the styles that hold written into it. @param {Element} source */
function resolved(source) {
  const copy = /** @type {Element} */ (source.cloneNode(true));
  const all = [source, ...source.querySelectorAll("*")];
  const copies = [copy, ...copy.querySelectorAll("*")];
  all.forEach((element, i) => {
    const style = getComputedStyle(element);
    copies[i].setAttribute("style", STYLES.map((name) => `${name}:${style.getPropertyValue(name)}`).join(";"));
  });
  copy.setAttribute("overflow", "visible");
  return copy;
}

/** What a colour is here, variables resolved. @param {HTMLElement} box @param {string} color */
function coloured(box, color) {
  const probe = box.appendChild(document.createElement("i"));
  probe.style.color = color;
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/** The surface below the chart. @param {HTMLElement} box */
function background(box) {
  return coloured(box, "var(--gw-surface)");
}

/** @param {string} text @param {string} family */
function measure(text, family) {
  const context = document.createElement("canvas").getContext("2d");
  if (!context) return text.length * 6;
  context.font = `12px ${family}`;
  return context.measureText(text).width;
}

/** @param {string} name @param {Record<string, string | number>} attributes @param {string} [text] */
function make(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  if (text) element.textContent = text;
  return element;
}

/** @param {string} url @returns {Promise<HTMLImageElement>} */
function load(url) {
  return new Promise((done, failed) => {
    const image = new Image();
    image.onload = () => done(image);
    image.onerror = () => failed(new Error("The chart could not be drawn as a picture."));
    image.src = url;
  });
}
