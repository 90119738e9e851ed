// Bundles the modules that consist of several files into components/static, where they are
// committed; the test suite builds them again and compares bytes. The other components are
// single files and live in static as they are.
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

await build({ ...common, entryPoints: { theme: "src/theme.js", chart_overlay: "src/chart_overlay.js" } });
await build({
  ...common,
  entryPoints: { terminal: "src/terminal.js" },
  minify: true,
  legalComments: "eof",
  loader: { ".css": "text" },
});
