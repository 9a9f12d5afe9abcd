#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds and checks everything, from a bare Debian 12; fails if anything fails.
# usage: scripts/test.sh [--no-asan]
#   --no-asan  leave out the build with sanitizers and its tests
set -eu
cd "$(dirname "$0")/.."

asan=yes
case "${1:-}" in
  "") ;;
  --no-asan) asan=no ;;
  -h | --help) sed -n '3,5s/^# //p' "$0"; exit 0 ;;
  *) echo "test.sh: unknown argument '$1' (see --help)" >&2; exit 2 ;;
esac

begin=$(date +%s)
step() {
  echo
  echo "== $1 (after $(($(date +%s) - begin)) s)"
}

# build_and_test PRESET [OPTION...]: fails on a failed test, and when there are no tests.
build_and_test() {
  preset=$1
  shift
  cmake --preset "$preset" "$@"
  cmake --build --preset "$preset"
  ctest --preset "$preset"
}

step "setup"
scripts/setup.sh
step "build and test: release"
build_and_test release -DTILEWAKE_WARNINGS_AS_ERRORS=ON
step "check"
scripts/check.sh
if [ "$asan" = yes ]; then
  step "build and test: asan"
  build_and_test asan  # warnings stay warnings: GCC sees false ones in sanitized code
fi
step "all passed"
