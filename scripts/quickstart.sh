#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# From a bare Debian 12 to a simulated MobileNetV2 on MIDAP, with its trace.
# usage: scripts/quickstart.sh     (result in runs/quickstart)
set -eu
cd "$(dirname "$0")/.."

case "${1:-}" in
  "") ;;
  -h | --help) sed -n '3,4s/^# //p' "$0"; exit 0 ;;
  *) echo "quickstart.sh: unknown argument '$1' (see --help)" >&2; exit 2 ;;
esac

scripts/setup.sh
cmake --preset release
cmake --build --preset release --target tilewake_cli
build/release/tilewake simulate --hw midap --net mobilenet_v2 \
  --out runs/quickstart --timeline --force

echo
echo "Written to runs/quickstart:"
ls runs/quickstart
echo "Open runs/quickstart/timeline.json in https://ui.perfetto.dev to see where every cycle went."
