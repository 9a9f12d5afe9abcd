#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# From a bare Debian 12 to a simulated MobileNetV2 on MIDAP, with its trace, to a latency model of
# MIDAP that predicts it without having seen it, and to a network searched for MIDAP.
# usage: scripts/quickstart.sh     (result in runs/quickstart, -model and -search, charts in runs/quickstart.html)
set -eu
cd "$(dirname "$0")/.."

case "${1:-}" in
  "") ;;
  -h | --help) sed -n '3,5s/^# //p' "$0"; exit 0 ;;
  *) echo "quickstart.sh: unknown argument '$1' (see --help)" >&2; exit 2 ;;
esac

run=runs/quickstart
model=runs/quickstart-model/model.yaml
search=runs/quickstart-search

scripts/setup.sh --search
cmake --preset release -DTILEWAKE_BUILD_TESTS=OFF -DTILEWAKE_UNITY=ON
cmake --build --preset release --target tilewake_cli  # first: its results do not wait for LibTorch
tilewake=build/release/tilewake

echo
echo "== simulate MobileNetV2 on MIDAP"
$tilewake simulate --hw midap --net mobilenet_v2 --out $run --timeline --force

echo
echo "== calibrate a latency model of MIDAP, on networks that the tool designs"
$tilewake calibrate --hw midap --out $model --holdout --force

echo
echo "== predict MobileNetV2, which is not among them, and compare"
# Blocks in the order of execution; a layer outside of a block stands for itself.
$tilewake predict --model $model --net mobilenet_v2 --format csv | awk -F, '
  function show(name, simulated, predicted) {
    printf "%-12s %12d %12d %+8.2f %%\n", name, simulated, predicted,
           100 * (predicted / simulated - 1)
  }
  /^#/ { next }
  $1 == "layer" { split("", column); for (i = 1; i <= NF; i++) column[$i] = i; files++; next }
  files == 1 { cycles[$1] = $column["total_cycles"]; next }
  {
    name = $column["block"] == "" ? $1 : $column["block"]
    if (!(name in simulated)) order[++count] = name
    simulated[name] += $column["total_cycles"]
    predicted[name] += cycles[$1]
  }
  END {
    printf "%-12s %12s %12s %10s\n", "block", "simulated", "predicted", "error"
    for (i = 1; i <= count; i++) {
      name = order[i]
      all_simulated += simulated[name]
      all_predicted += predicted[name]
      if (simulated[name] > 0) show(name, simulated[name], predicted[name])
    }
    show("total", all_simulated, all_predicted)
  }' - $run/layers.csv

$tilewake report $run runs/quickstart-model --out runs/quickstart.html
echo "Open runs/quickstart.html to see this as charts; the search needs minutes more."

echo
cmake --build --preset release --target tilewake_nas_cli
echo "== search for a network for Fashion-MNIST that takes 0.04 ms on MIDAP, in minutes"
$tilewake nas run --hw midap --model $model --target-ms 0.04 --data fashion-mnist \
  --space fashion_small --recipe quick --random 1 --out $search --force

$tilewake report $run runs/quickstart-model $search --out runs/quickstart.html

echo
echo "Written to $run, $model and $search:"
ls $run $search
echo "Open runs/quickstart.html to see all of it as charts, now with the search;"
echo "open $run/timeline.json in https://ui.perfetto.dev to see where every cycle went;"
echo "$search/decisions.log says what the search tried, and why it chose what it did."
