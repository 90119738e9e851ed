// Notifier: news outside the page, for whoever looks elsewhere. It needs no view.

const KEY = "gladius-notify";
const FLASH_MS = 1000;

/** What the reader has chosen, and the browser allows. */
function state() {
  if (!("Notification" in globalThis)) return "unsupported";
  if (Notification.permission === "denied") return "denied";
  return Notification.permission === "granted" && wanted() ? "on" : "off";
}

function wanted() {
  try {
    return localStorage.getItem(KEY) === "on";
  } catch {
    return false; // storage is off
  }
}

/** @param {boolean} on */
function want(on) {
  try {
    localStorage.setItem(KEY, on ? "on" : "off");
  } catch {
    /* it holds until the page is left */
  }
}

const isAway = () => document.visibilityState !== "visible" || !document.hasFocus();

/** The page's title and the news take turns until somebody looks. @param {AbortSignal} signal */
function flasher(signal) {
  let title = "";
  let timer = 0;
  const stop = () => {
    if (!timer) return;
    clearInterval(timer);
    timer = 0;
    document.title = title;
  };
  window.addEventListener("focus", stop, { signal });
  document.addEventListener("visibilitychange", () => isAway() || stop(), { signal });
  signal.addEventListener("abort", stop);
  return (/** @type {string} */ words) => {
    if (!document.body.dataset.voila) return;
    stop();
    title = document.title;
    let shown = false;
    const turn = () => {
      shown = !shown;
      document.title = shown ? `● ${words}` : title;
    };
    turn();
    timer = /** @type {any} */ (setInterval(turn, FLASH_MS));
  };
}

/** @param {string} url */
function open(url) {
  const to = new URL(url, location.href);
  if (to.origin === location.origin && to.href !== location.href) location.assign(to);
}

/** @param {{model: any, signal: AbortSignal}} context */
function initialize({ model, signal }) {
  const flash = flasher(signal);
  const report = () => {
    if (model.get("state") === state()) return;
    model.set("state", state());
    model.save_changes();
  };
  const toggle = async () => {
    if (state() === "on") want(false);
    else if ("Notification" in globalThis) want((await Notification.requestPermission()) === "granted");
    report();
    model.send({ name: "asked", state: state() });
  };
  document.addEventListener(
    "click",
    (event) => {
      const bell = event.target instanceof Element && event.target.closest("[data-gw-bell]");
      const kernel = bell && bell.closest("[data-gw-kernel]")?.getAttribute("data-gw-kernel");
      if (kernel === model.get("_runtime")) toggle();
    },
    { signal },
  );
  model.on("msg:custom", (/** @type {any} */ message) => {
    if (!message.news || !isAway() || state() !== "on") return;
    const { title, text, url, tag } = message.news;
    const shown = new Notification(title, { body: text, tag });
    shown.onclick = () => {
      window.focus();
      if (url && document.body.dataset.voila) open(url);
      shown.close();
    };
    flash(title);
  });
  window.addEventListener("storage", report, { signal });
  report();
}

export default { initialize, render() {} };
