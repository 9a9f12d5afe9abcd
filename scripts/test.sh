#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds and checks everything, from a bare Debian 12; fails if anything fails. Each test runs in one
# build: executables, whole networks and LibTorch optimized as users get them; the units, and the
# fuzz targets, under sanitizers.
# usage: scripts/test.sh [--no-asan] [--tidy-all] | --plain | --suite SUITE
#   --no-asan   leave out the build with sanitizers and its tests
#   --tidy-all  clang-tidy on every file, not on the changed ones only
#   --plain     every test in one optimized build, without sanitizers and without check.sh, whose
#               results depend on the version of clang
#   --suite S   --plain on another suite of Debian, such as trixie, in a chroot (scripts/in_suite.sh)
set -eu
cd "$(dirname "$0")/.."

asan=yes
check=yes
selection=product
tidy=--changed
case "$*" in
  "--suite "?*) exec scripts/in_suite.sh "$2" scripts/test.sh --plain ;;
  --plain) asan=no check=no selection=all; shift ;;
esac
for argument in "$@"; do
  case "$argument" in
    --no-asan) asan=no ;;
    --tidy-all) tidy="" ;;
    -h | --help) sed -n '3,11s/^# //p' "$0"; exit 0 ;;
    *) echo "test.sh: unknown argument '$argument' (see --help)" >&2; exit 2 ;;
  esac
done

table=$(mktemp)
log=$(mktemp)
all=$(date +%s)
ended() {
  code=$?
  echo
  printf '%-28s %8s %8s\n' step seconds tests
  cat "$table"
  printf '%-28s %8d\n' all $(($(date +%s) - all))
  rm -f "$table" "$log"
  [ "$code" -eq 0 ] && echo "test.sh: all passed" || echo "test.sh: FAILED" >&2
}
trap ended EXIT

# step NAME COMMAND...: runs it and adds a line to the table. ctest's closing line has the tests run.
step() {
  name=$1
  shift
  echo
  echo "== $name: $*"
  begin=$(date +%s)
  # The exit code of a pipe is tee's, so the command's own goes through a file.
  { "$@" 2>&1 && echo 0 >"$log.code" || echo $? >"$log.code"; } | tee "$log"
  code=$(cat "$log.code")
  rm -f "$log.code"
  tests=$(sed -nE 's/^[0-9]+% tests passed, [0-9]+ tests failed out of ([0-9]+)$/\1/p' "$log")
  [ "$code" -eq 0 ] || name="$name (FAILED)"
  printf '%-28s %8d %8s\n' "$name" $(($(date +%s) - begin)) "$tests" >>"$table"
  return "$code"
}

step "set up" scripts/setup.sh
step "set up browser" tests/report/setup.sh
step "set up ONNX Runtime" tests/onnxruntime/setup.sh
step "configure release" cmake --preset release -DTILEWAKE_BUILD_TESTS=ON -DTILEWAKE_TESTS=$selection \
  -DTILEWAKE_WARNINGS_AS_ERRORS=ON -DTILEWAKE_ASSERTIONS=ON -DTILEWAKE_UNITY=ON -DTILEWAKE_PYTHON=ON
step "build tilewake" cmake --build --preset release --target tilewake_cli
step "build tilewake-nas" cmake --build --preset release --target tilewake_nas_cli
step "build $selection tests" cmake --build --preset release
step "$selection tests" ctest --preset release
# clang-tidy takes up to 20 s a file; a large change is checked whole by scripts/check.sh --changed.
[ "$check" = no ] || step "check" env TILEWAKE_MAX_TIDY=12 scripts/check.sh $tidy
if [ "$asan" = yes ]; then
  step "configure sanitizers" cmake --preset asan -DTILEWAKE_UNITY=ON
  step "build unit tests" cmake --build --preset asan
  step "unit tests" ctest --preset asan
  step "fuzz targets" scripts/fuzz.sh 10
fi
