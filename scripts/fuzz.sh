#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Searches for inputs that break a reader: builds the fuzz targets of tests/fuzz with clang and
# runs each of them, as many at a time as there are cores.
# usage: scripts/fuzz.sh [SECONDS] [TARGET...]   (default: 10 seconds each, all targets)
#   An input that breaks a law is kept in build/fuzz/crashes/TARGET-*. New inputs that reach
#   new code are kept in build/fuzz/corpus/TARGET and are used again by the next run.
set -eu

case "${1:-}" in
  -h | --help) sed -n '3,7s/^# //p' "$0"; exit 0 ;;
  *[!0-9]*) echo "fuzz.sh: '$1' is no number of seconds (see --help)" >&2; exit 2 ;;
esac
seconds=${1:-10}
[ $# -eq 0 ] || shift
cd "$(dirname "$0")/.."

[ -e build/asan/build.ninja ] || cmake --preset asan
cmake --build --preset fuzz
program=$PWD/build/asan/tests/fuzz/tilewake_fuzz
targets=$("$program")
if [ $# -gt 0 ]; then
  for target in "$@"; do
    if ! echo "$targets" | grep -qx -e "$target"; then
      echo "fuzz.sh: no target '$target'; known: $(echo "$targets" | tr '\n' ' ')" >&2
      exit 2
    fi
  done
  targets=$(printf '%s\n' "$@")
fi
mkdir -p build/fuzz/crashes build/fuzz/logs

# Files of the targets are written to memory if possible: some are synchronised with the disk.
scratch=/dev/shm
[ -w "$scratch" ] || scratch=/tmp
TMPDIR=$(mktemp -d -p "$scratch" tilewake-fuzz-XXXXXX)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT

# run_target PROGRAM SECONDS TARGET: prints one line of a table. libFuzzer bounds the memory and
# the time of one input. Leaks are reported, too.
# shellcheck disable=SC2016  # expanded by the shell that xargs starts
run_target='
  target=$3 log=build/fuzz/logs/$3
  mkdir -p build/fuzz/corpus/$target
  status=ok
  TILEWAKE_FUZZ_TARGET=$target "$1" -max_total_time="$2" -timeout=10 -rss_limit_mb=2048 \
    -max_len=262144 -print_final_stats=1 -artifact_prefix=build/fuzz/crashes/$target- \
    build/fuzz/corpus/$target tests/fuzz/seeds/$target >"$log" 2>&1 || status=FAILED
  runs=$(sed -n "s/^stat::number_of_executed_units: *//p" "$log")
  covered=$(grep -o "cov: [0-9]*" "$log" | tail -n 1)
  printf "%-16s %10s runs  %-12s %s\n" "$target" "${runs:-?}" "${covered:-}" "$status"
  if [ "$status" != ok ]; then
    grep -E -m 3 "ERROR|runtime error|what\(\)" "$log" || true
    grep "Test unit written to" "$log" || true
    exit 1
  fi'
if ! echo "$targets" |
  xargs -P "$(nproc)" -I '{}' sh -c "$run_target" sh "$program" "$seconds" '{}'; then
  echo "fuzz.sh: FAILED; the logs are in build/fuzz/logs" >&2
  exit 1
fi
echo "fuzz.sh: ok"
