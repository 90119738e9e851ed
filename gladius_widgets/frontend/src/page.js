// The bundle that every page needs: the runtime, and all components but the terminal.

import dialog from "./dialog.js";
import element from "./element.js";
import hotkeys from "./hotkeys.js";
import location from "./location.js";
import notifier from "./notifier.js";
import toasts from "./toasts.js";
import chart_overlay from "./chart_overlay.js";
import { modules } from "./modules.js";
import theme from "./theme.js";

Object.assign(modules, { chart_overlay, dialog, element, hotkeys, location, notifier, theme, toasts });

export { modules };
