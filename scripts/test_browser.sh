#!/usr/bin/env bash
# The extension in a real VS Code workbench. Without Chromium this fails: a test that is skipped proves nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v "${CHROMIUM:-chromium}" >/dev/null || { echo "test_browser: Chromium is missing; run scripts/setup.sh" >&2; exit 1; }
[ -d tests/browser/node_modules/code-server/lib/vscode/node_modules ] || scripts/setup_browser.sh
[ -f editors/vscode/stile.vsix ] || scripts/build_vsix.sh >/dev/null
cd tests/browser
exec node --test --test-concurrency=1 --test-reporter=spec *.test.mjs
