#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what the tests of exported models need: node and npm from Debian, and ONNX Runtime for
# the CPU from npm (tests/onnxruntime/package-lock.json), into tests/onnxruntime/node_modules.
# usage: tests/onnxruntime/setup.sh (as root, or as a user with passwordless sudo; safe to run twice)
set -eu
cd "$(dirname "$0")"

case "${1:-}" in
  "") ;;
  -h | --help) sed -n '3,5s/^# //p' "$0"; exit 0 ;;
  *) echo "setup.sh: unknown argument '$1' (see --help)" >&2; exit 2 ;;
esac

missing=""
# By command: node of another source than Debian brings npm along.
command -v node >/dev/null || missing="$missing nodejs"
command -v npm >/dev/null || missing="$missing npm"
if [ -n "$missing" ]; then
  as_root=""
  [ "$(id -u)" -eq 0 ] || as_root="sudo -n"
  $as_root apt-get -q update
  # shellcheck disable=SC2086  # the list is meant to be split
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $missing
fi
# npm removes what is there before it installs, so it runs only where the lock file is newer. The
# package's script would only fetch libraries for other devices.
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  npm ci --ignore-scripts --no-audit --no-fund
fi
echo "setup.sh: ONNX Runtime $(node -p 'require("onnxruntime-node/package.json").version'), node $(node --version)"
