#!/usr/bin/env bash
# All checks of this repository.
#   scripts/test.sh         the quick tier
#   scripts/test.sh --full  everything, also the slow tests, more random examples, and the timed figures
# Every check runs, also after one has failed; the status is that of the worst.
set -uo pipefail
cd "$(dirname "$0")/.."

tier=quick
for argument in "$@"; do
  case $argument in
    --full) tier=full ;;
    *) echo "usage: scripts/test.sh [--full]" >&2; exit 2 ;;
  esac
done

[ -x .venv/bin/python ] || { echo "test: run scripts/setup.sh first" >&2; exit 2; }
export PATH="$PWD/.venv/bin:$PATH"
# Fixed seeds: a run can be repeated, and a failure is the change's and not the dice's.
export PYTHONHASHSEED=0 HYPOTHESIS_PROFILE=${HYPOTHESIS_PROFILE:-$tier} STILE_TEST_TIER=$tier
export NO_UPDATE_NOTIFIER=1 npm_config_update_notifier=false npm_config_loglevel=error

passed=0
failed=()
run() {
  local name=$1 began=$SECONDS
  shift
  printf '\n== %s\n' "$name"
  if "$@"; then
    passed=$((passed + 1))
  else
    failed+=("$name")
    printf -- '-- failed: %s\n' "$name"
  fi
  printf -- '-- %s: %d s\n' "$name" $((SECONDS - began))
}

extension() { (cd editors/vscode && "$@"); }
marker=()
[ $tier = full ] || marker=(-m "not slow")

run "ruff format" ruff format --check --quiet .
run "ruff" ruff check --quiet .
run "mypy" mypy
run "lock files" scripts/check_locks.sh
run "extension types" extension npm run --silent check-types
run "extension lint" extension npm run --silent lint
run "extension tests" extension npm run --silent test
run "extension file" scripts/build_vsix.sh
# Two at a time: the smallest machine that this is meant for has two cores. A file stays in one process, as some end
# with a look at what all their tests have used.
run "pytest" python -m pytest -q -p no:cacheprovider -n 2 --dist loadfile --durations=25 "${marker[@]}" tests
run "browser" scripts/test_browser.sh
# Counts, not times: the same on every machine.
run "figures: corpus" python benchmarks/corpus.py
if [ $tier = full ]; then
  run "figures: latency" python benchmarks/latency.py
  run "figures: growth" python benchmarks/growth.py
  run "figures: against stile-verifier" python benchmarks/proof_vs_stile_verifier.py --cache artifacts/stile-verifier
fi

printf '\n'
for name in "${failed[@]}"; do printf 'failed: %s\n' "$name"; done
printf '%d passed, %d failed\n' "$passed" "${#failed[@]}"
[ ${#failed[@]} -eq 0 ]
