#!/usr/bin/env bash
# Lock files name versions, never the host that one machine happened to fetch them from.
set -euo pipefail
cd "$(dirname "$0")/.."

found=0
for lock in editors/vscode/package-lock.json tests/browser/package-lock.json; do
  if grep -n '"resolved"' "$lock"; then
    echo "$lock names the host of a registry: install with the .npmrc beside it" >&2
    found=1
  fi
done
if grep -nE '://|^-|@|/' requirements.lock | grep -v '^[0-9]*:#'; then
  echo "requirements.lock holds more than names and versions" >&2
  found=1
fi
exit $found
