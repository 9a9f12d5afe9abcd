#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checks format, licence lines, includes and clang-tidy; CI runs the same.
# usage: scripts/check.sh [--fix] [--no-tidy | --changed] [FILE...]
#   --fix      let clang-format rewrite what differs
#   --no-tidy  leave out clang-tidy, which takes up to 20 s a file
#   --changed  clang-tidy only on files changed since $TILEWAKE_BASE (default: where the branch left
#              origin/main; on origin/main itself, its last 5 commits), of these on the
#              $TILEWAKE_MAX_TIDY changed last (default: all); prints how many it leaves out
#   FILE...    check these files only (default: every source file)
set -eu

fix=no
tidy=yes
changed=no
while [ $# -gt 0 ]; do
  case "$1" in
    --fix) fix=yes ;;
    --no-tidy) tidy=no ;;
    --changed) changed=yes ;;
    -h | --help) sed -n '3,10s/^# //p' "$0"; exit 0 ;;
    -*) echo "check.sh: unknown option '$1' (see --help)" >&2; exit 2 ;;
    *) break ;;
  esac
  shift
done

# Libraries of others, which have their own licence, and files that cannot hold a comment.
unlicensed='(^|/)(latency_model/report/page/vendor|tests/report/fixtures|tests/(report|onnxruntime)/node_modules)/|(^|/)(tests/(report|onnxruntime)/package(-lock)?\.json|scripts/packaging/copyright)$'
list=$(mktemp -d)
trap 'rm -rf "$list"' EXIT
[ $# -eq 0 ] || realpath -- "$@" >"$list/given"
cd "$(dirname "$0")/.."
if [ -e "$list/given" ]; then
  grep -E '\.[hc]pp$' "$list/given" >"$list/cxx" || true
  grep -vE "\.md$|$unlicensed" "$list/given" >"$list/licensed" || true
else
  find simulator latency_model nas python tests -name '*.[hc]pp' | sort >"$list/cxx"
  find simulator latency_model nas python tests scripts .ci CMakeLists.txt pyproject.toml hw_configs networks -type f \
    ! -name '*.md' ! -path 'tests/reference/*' ! -path 'tests/fuzz/seeds/*' ! -name '*.pyc' |
    grep -vE "$unlicensed" | sort >"$list/licensed"
fi
# Not the modules that include LibTorch: clang 14 cannot parse its headers as C++20.
grep -E '(^|/)(simulator|latency_model|nas)/.*\.cpp$' "$list/cxx" | grep -v '/tests/\|^tests/' |
  grep -vE '(^|/)nas/(network|supernet|training|search|cli)/' >"$list/tidy" || true
if [ "$changed" = yes ]; then
  head=$(git rev-parse HEAD)
  base=${TILEWAKE_BASE:-$(git merge-base HEAD origin/main 2>/dev/null || echo "$head")}
  [ "$base" != "$head" ] || base=$(git rev-list --max-count=6 --first-parent HEAD | tail -n 1)
  # Newest first: what is not committed, then commit by commit. A changed header is checked
  # through the source file beside it.
  { git diff --name-only HEAD && git log --name-only --format= "$base..HEAD"; } |
    sed 's/\.hpp$/.cpp/' | awk '!seen[$0]++' | grep -Fxf "$list/tidy" >"$list/changed" || true
  head -n "${TILEWAKE_MAX_TIDY:-1000000}" "$list/changed" >"$list/tidy"
  left=$(($(wc -l <"$list/changed") - $(wc -l <"$list/tidy")))
  [ "$left" -eq 0 ] || echo "check.sh: clang-tidy leaves out $left changed files (TILEWAKE_MAX_TIDY)"
fi
failed=no

if [ "$fix" = yes ]; then
  xargs -r clang-format -i <"$list/cxx"
else
  echo "check.sh: clang-format, $(wc -l <"$list/cxx") files"
  xargs -r clang-format --dry-run -Werror <"$list/cxx" || failed=yes
fi

echo "check.sh: licence lines, $(wc -l <"$list/licensed") files"
while read -r file; do
  if ! head -n 3 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0'; then
    echo "$file:1: no SPDX-License-Identifier line"
    failed=yes
  fi
done <"$list/licensed"

echo "check.sh: includes"
python3 -B scripts/check_includes.py || failed=yes

if [ "$tidy" = yes ]; then
  echo "check.sh: clang-tidy, $(wc -l <"$list/tidy") files"
  # A configuration of its own: it lists every file, where TILEWAKE_UNITY lists only groups of files.
  cmake -S . -B build/tidy -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_EXPORT_COMPILE_COMMANDS=ON \
    -DTILEWAKE_WITH_TORCH=OFF -DTILEWAKE_BUILD_TESTS=OFF >/dev/null
  # Its "N warnings generated" counts what it does not show.
  xargs -r -n 1 -P "$(nproc)" clang-tidy -p build/tidy --quiet <"$list/tidy" >"$list/out" 2>&1 ||
    failed=yes
  grep -vE '^[0-9]+ warnings? (and [0-9]+ errors? )?generated\.$' "$list/out" || true
fi

if [ "$failed" = yes ]; then
  echo "check.sh: FAILED" >&2
  exit 1
fi
echo "check.sh: ok"
