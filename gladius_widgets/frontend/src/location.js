// Location: the page's address, its pulse, and files for the reader. It needs no view: it works
// as long as a component of its kernel is on the page.

import { download, navigate, query, setQuery, standalone, takePart } from "./location/address.js";
import { keep, kept, restore } from "./location/kept.js";
import { Lost } from "./location/lost.js";
import { Pulse } from "./location/pulse.js";
import { Server } from "./location/server.js";
import { runtime } from "./runtime.js";

/** Watch the line to the kernel. @param {any} model @param {any} ui @param {AbortSignal} signal */
function watch(model, ui, signal) {
  const { line } = ui;
  line.watched = true;
  const server = new Server(model, line, signal);
  const lost = new Lost(model.get("_runtime"), ui, { retry: () => server.check(true), signal });
  const pulse = new Pulse(model, line, (isLost) => {
    if (isLost) {
      server.look();
      return lost.show({ cause: server.cause, attempt: server.attempt, lostAt: line.lostAt ?? Date.now(), now: Date.now() });
    }
    lost.hide();
    if (!server.found()) return;
    model.send({ name: "back" }); // what was on its way on the old socket is sent again
    line.renewed();
  });
  pulse.start(signal);
  return pulse;
}

/** @param {{model: any, signal: AbortSignal}} context */
async function start({ model, signal }) {
  const ui = await runtime(model.get("_runtime")).promise;
  if (signal.aborted) return;
  const pulse = watch(model, ui, signal);
  model.on("msg:custom", (/** @type {any} */ message) => {
    if (message.pong) pulse.pong(message.pong);
    if (message.beat) pulse.beat(message.beat);
    if (message.confirm) {
      const isMeant = ui.line.isMeant(message.confirm);
      if (isMeant !== null) model.send({ name: "confirm", id: message.confirm, isMeant });
    }
  });
}

/** @param {{model: any, signal: AbortSignal}} context */
function initialize({ model, signal }) {
  model.on("msg:custom", (/** @type {any} */ message, /** @type {DataView[]} */ buffers) => {
    if (message.navigate) navigate(message.navigate);
    if (message.reload && standalone()) location.reload();
    if (message.query && standalone()) setQuery(message.query, Boolean(message.push));
    if (message.title && standalone()) document.title = message.title;
    if (message.download) download(message.download, buffers);
    if (message.part) takePart(model, message.part, buffers);
    if (message.keep) keep(message.keep.name, message.keep.value);
  });
  model.send({ name: "ready", query: query(), path: location.pathname, standalone: standalone(), kept: standalone() ? kept() : {} });
  window.addEventListener("popstate", () => standalone() && model.send({ name: "query", query: query() }), { signal });
  if (standalone()) restore(signal);
  start({ model, signal }); // not awaited: anywidget gives a module two seconds to initialise
}

export default { initialize, render() {} };
