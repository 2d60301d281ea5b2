#!/usr/bin/env bash
# What tests/browser needs beside Chromium: VS Code's own server and web workbench (from code-server's
# npm package; no native modules are built) and playwright-core.
set -euo pipefail
cd "$(dirname "$0")/../tests/browser"

npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
# The lock file inside that package does not fit its own manifest, hence install and not ci.
(cd node_modules/code-server/lib/vscode &&
  npm install --omit=dev --ignore-scripts --no-audit --no-fund --no-package-lock --loglevel=error)
