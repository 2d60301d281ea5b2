#!/usr/bin/env bash
# Builds editors/vscode/stile.vsix: one file for every platform. It bundles the server, the engine's
# sources and their pure-Python dependencies; needs Python 3.11 with pip, Node 20 and the package indexes.
set -euo pipefail
cd "$(dirname "$0")/.."

root=$PWD
extension=$root/editors/vscode
libs=$extension/bundled/libs
python=${PYTHON:-$root/.venv/bin/python}
[ -x "$python" ] || python=python3

rm -rf "$extension/bundled"
mkdir -p "$libs"

# A fixed platform, so that the file does not depend on the machine that builds it: pip then
# refuses every wheel with compiled code but watchdog's Linux one, which has none inside.
"$python" -m pip install --quiet --disable-pip-version-check --no-deps --no-compile --target "$libs" \
  --implementation py --abi none --python-version 3.11 --only-binary=:all: \
  --platform manylinux2014_x86_64 --platform any \
  --constraint "$root/requirements.lock" --requirement "$extension/bundled-requirements.txt"

# Notes of the installer about this machine; licences and metadata stay.
find "$libs" -path '*.dist-info/*' \( -name RECORD -o -name INSTALLER -o -name REQUESTED -o -name direct_url.json \) -delete
rm -rf "$libs/bin"
if find "$libs" \( -name '*.so' -o -name '*.pyd' -o -name '*.dylib' \) | grep .; then
  echo "build_vsix: compiled code must not be bundled" >&2
  exit 1
fi

for package in stile_engine stile_lsp; do
  (cd "$root" && find "$package" -type f \( -name '*.py' -o -name '*.lark' -o -name '*.tables.json' -o -name 'py.typed' \) -print0 | tar --null -cf - -T -) |
    tar -xf - -C "$libs"
done
# The pages that diagnostics link to: the server looks for them beside its package.
(cd "$root" && tar -cf - docs/codes) | tar -xf - -C "$libs"
cp "$extension/launcher/start_server.py" "$extension/bundled/"
cp "$root/LICENSE" "$root/CHANGELOG.md" "$extension/"

cd "$extension"
[ -d node_modules/vscode-languageclient ] || npm ci --ignore-scripts --no-audit --no-fund
rm -rf dist/extension.js*
npm run --silent build
npx vsce package --no-dependencies --allow-missing-repository --out stile.vsix
