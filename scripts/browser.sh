#!/usr/bin/env bash
# Prints the path of a Chromium for the browser tests, and installs one if there is none:
# $GLADIUS_CHROMIUM, else one in PATH, else playwright's own, else apt's, else playwright's download.
set -euo pipefail
python="$(dirname "$0")/../.venv/bin/python"

find_chromium() {
  local name
  for name in chromium chromium-browser google-chrome google-chrome-stable; do
    command -v "$name" && return
  done
  "$python" - <<'PY'
import os, sys
from playwright.sync_api import sync_playwright
with sync_playwright() as p:
    path = p.chromium.executable_path
if not os.path.exists(path):
    sys.exit(1)
print(path)
PY
}

install_chromium() {
  local apt=(apt-get)
  if [ "$(id -u)" -ne 0 ]; then apt=(sudo -n apt-get); fi
  if command -v apt-get && { [ "$(id -u)" -eq 0 ] || sudo -n true; }; then
    "${apt[@]}" update -qq && "${apt[@]}" install -y -qq --no-install-recommends chromium && return
  fi
  "$python" -m playwright install chromium
}

if [ -n "${GLADIUS_CHROMIUM:-}" ]; then
  [ -x "$GLADIUS_CHROMIUM" ] && echo "$GLADIUS_CHROMIUM" && exit
  echo "GLADIUS_CHROMIUM=$GLADIUS_CHROMIUM is not a program." >&2
  exit 1
fi
find_chromium && exit
echo "No Chromium here: installing one." >&2
install_chromium >&2 || true
find_chromium && exit
echo "The browser tests need Chromium and it could not be installed." \
  "Install it by hand, or set GLADIUS_CHROMIUM to the path of one." >&2
exit 1
