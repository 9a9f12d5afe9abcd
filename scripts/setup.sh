#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what building, testing and checking need, from Debian 12's own packages.
# usage: scripts/setup.sh     (as root, or as a user whom sudo asks for nothing; safe to run twice)
set -eu

packages="build-essential cmake ninja-build pkg-config ccache
  libsystemc-dev libyaml-cpp-dev libboost-program-options-dev libfmt-dev libspdlog-dev
  libtorch-dev libopenblas0-pthread libonnx-dev libprotobuf-dev protobuf-compiler
  libjpeg62-turbo-dev libpng-dev zlib1g-dev dataset-fashion-mnist libopencv-dnn-dev
  nlohmann-json3-dev libeigen3-dev libgtest-dev libgmock-dev libbenchmark-dev
  clang clang-format clang-tidy python3 pybind11-dev python3-dev python3-pytest
  python3-jsonschema python3-yaml"

case "${1:-}" in
  "") ;;
  -h | --help) sed -n '3,4s/^# //p' "$0"; exit 0 ;;
  *) echo "setup.sh: unknown argument '$1' (see --help)" >&2; exit 2 ;;
esac

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  echo "setup.sh: this is no Debian system (no apt-get). Install the equivalents of:" >&2
  echo "$packages" >&2
  exit 1
fi

missing=""
for package in $packages; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=""
  [ "$status" = installed ] || missing="$missing $package"
done
if [ -z "$missing" ]; then
  echo "setup.sh: everything is installed"
  exit 0
fi

as_root=""
if [ "$(id -u)" -ne 0 ]; then
  if ! sudo -n true 2>/dev/null; then
    echo "setup.sh: needs root to install:$missing" >&2
    echo "setup.sh: run 'sudo scripts/setup.sh' once, then start again" >&2
    exit 1
  fi
  as_root="sudo -n"
fi
echo "setup.sh: installing$missing"
$as_root apt-get -q update
# shellcheck disable=SC2086  # the list is meant to be split
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $missing
