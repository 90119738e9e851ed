// Bundles what the browser runs into components/static, where it is committed; the test suite
// builds it again and compares bytes. `boot.js` is the module of every component, `page.js` and
// `terminal.js` are what it brings; `host.js` runs it on the pages of `gladius serve`.
//
//   npm ci && npm run build          (OUT=dir writes elsewhere)

import { build } from "esbuild";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const outdir = process.env.OUT ?? path.join(here, "..", "components", "static");

const common = {
  absWorkingDir: here,
  bundle: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  outdir,
  logLevel: "warning",
};

await build({ ...common, entryPoints: { boot: "src/boot.js" }, minify: true }); // sent with each widget
await build({ ...common, entryPoints: { host: "src/host.js" }, format: "iife" }); // a plain script
await build({ ...common, entryPoints: { page: "src/page.js" } });
await build({
  ...common,
  entryPoints: { terminal: "src/terminal.js" },
  minify: true,
  legalComments: "eof",
  loader: { ".css": "text" },
});
