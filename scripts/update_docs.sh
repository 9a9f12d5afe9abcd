#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Writes the generated documents: options of all commands and the Python functions in docs/, and the
# pictures of the notebooks in docs/pictures/. Needs a build with -DTILEWAKE_PYTHON=ON.
# usage: scripts/update_docs.sh [BUILD]     (default: build/release)
set -eu
cd "$(dirname "$0")/.."

case "${1:-}" in
  -h | --help) sed -n '3,5s/^# //p' "$0"; exit 0 ;;
esac
build=${1:-build/release}

cmake --build "$build" --target tilewake_cli tilewake_nas_cli tilewake_python tilewake_python_package
"$build/tilewake" man --format markdown >docs/options.md
"$build/tilewake" nas man --format markdown >docs/nas_options.md
python=$(sed -n 's/^TILEWAKE_PYTHON_EXECUTABLE:[A-Z]*=//p' "$build/CMakeCache.txt")
PYTHONPATH=$(cd "$build" && pwd)/python
export PYTHONPATH
"$python" -B scripts/python_api_page.py >docs/python_api.md
mkdir -p docs/pictures
"$python" -B scripts/run_notebook.py docs/pictures examples/python/*.ipynb
