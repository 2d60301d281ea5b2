#!/usr/bin/env bash
# Writes requirements.lock from what is installed in .venv, after a deliberate upgrade.
set -euo pipefail
cd "$(dirname "$0")/.."

{
  echo "# Versions that the tests were run with: \`pip install -c requirements.lock …\`."
  echo "# Made by scripts/lock.sh from the environment; no hosts, no paths."
  .venv/bin/pip freeze --exclude-editable | grep -v '@' | grep -iv '^stile' | sed 's/+cpu$//' | sort -f
} > requirements.lock
