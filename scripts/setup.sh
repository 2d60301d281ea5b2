#!/usr/bin/env bash
# From a fresh Debian machine (Python 3.11, Node 20, root or sudo, the package indexes) to a working
# checkout: installs everything, builds the VS Code extension, then verifies the samples.
#   scripts/setup.sh             all of that
#   scripts/setup.sh --no-check  without the last step
set -euo pipefail
cd "$(dirname "$0")/.."

check=yes
for argument in "$@"; do
  case $argument in
    --no-check) check=no ;;
    *) echo "usage: scripts/setup.sh [--no-check]" >&2; exit 2 ;;
  esac
done

step() { printf '\n== %s\n' "$1"; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

step "System packages"
missing=()
command -v chromium >/dev/null || missing+=(chromium)
command -v git >/dev/null || missing+=(git)
command -v python3 >/dev/null || missing+=(python3)
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
if ! command -v node >/dev/null; then missing+=(nodejs npm); elif ! command -v npm >/dev/null; then missing+=(npm); fi
if [ ${#missing[@]} -gt 0 ]; then
  # Another program may hold apt's lock on a machine that has just been started.
  as_root apt-get -o DPkg::Lock::Timeout=300 update -q
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -q --no-install-recommends "${missing[@]}"
else
  echo "nothing is missing"
fi
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "setup: Python 3.11 or newer is needed" >&2; exit 3; }
node -e 'process.exit(Number(process.versions.node.split(".")[0]) === 20 ? 0 : 1)' ||
  echo "setup: Node 20 is what the browser test needs; this is $(node --version)" >&2

step "Python environment (.venv)"
[ -x .venv/bin/python ] || python3 -m venv .venv
# PyTorch first: whatever else asks for it is content with the build that is here. The tests need no GPU; where pip's
# configuration offers a build for the CPU alone, that one is taken.
.venv/bin/python -m pip install --quiet --disable-pip-version-check -c requirements.lock torch
.venv/bin/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[test]'

step "VS Code extension"
(cd editors/vscode && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
scripts/build_vsix.sh >/dev/null
echo "editors/vscode/stile.vsix"

step "Browser test"
scripts/setup_browser.sh

if [ "$check" = yes ]; then
  step "stile check samples/"
  # The samples hold kernels that are wrong on purpose: status 1 says that they were caught.
  status=0
  .venv/bin/stile check samples/ || status=$?
  case $status in
    0) ;;
    1) printf '\nThe samples hold wrong kernels on purpose; those above that are not proved are meant to be so.\n' ;;
    *) echo "setup: stile check failed with status $status" >&2; exit "$status" ;;
  esac
fi

printf '\nReady. Install the extension with:  code --install-extension editors/vscode/stile.vsix\n'
