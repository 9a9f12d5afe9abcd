#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what building, testing and checking need, from the packages of Debian 12 or 13.
# usage: scripts/setup.sh [--simulator [--python] | --search]
#   --simulator  only what building the simulator needs (preset sim-only): no LibTorch, OpenCV or clang
#   --python     with --simulator: what the Python package needs, too
#   --search     what building the simulator and the search needs, without tests and checks
# Run it as root, or as a user with passwordless sudo; it is safe to run twice.
set -eu

simulator="g++ cmake ninja-build pkg-config
  libsystemc-dev libyaml-cpp-dev libboost-program-options-dev libfmt-dev libspdlog-dev
  libonnx-dev libprotobuf-dev protobuf-compiler libflatbuffers-dev flatbuffers-compiler
  nlohmann-json3-dev libeigen3-dev libnlopt-dev"
python="pybind11-dev python3-dev"
search="ccache $simulator libtorch-dev libgloo-dev libopenblas0-pthread libjpeg62-turbo-dev libpng-dev
  libwebp-dev zlib1g-dev dataset-fashion-mnist"
packages="build-essential $search $python libopencv-dnn-dev libgtest-dev libgmock-dev
  libbenchmark-dev clang clang-format clang-tidy python3 python3-pytest python3-jsonschema
  python3-yaml python3-nbclient python3-ipykernel python3-pandas python3-matplotlib zsh"

case "$*" in
  "") ;;
  --simulator) packages=$simulator ;;
  "--simulator --python") packages="$simulator $python" ;;
  --search) packages=$search ;;
  -h | --help) sed -n '3,8s/^# //p' "$0"; exit 0 ;;
  *) echo "setup.sh: unknown arguments '$*' (see --help)" >&2; exit 2 ;;
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
