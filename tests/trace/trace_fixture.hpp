// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "simulator/engine/events.hpp"
#include "simulator/network/network.hpp"
#include "simulator/network/network_yaml.hpp"
#include "simulator/trace/trace_recorder.hpp"

namespace tilewake {

inline constexpr std::int64_t kPeakMacs = 1024;
inline const std::string kMachine = "toy@0123456789abcdef";

/// Three layers, the last of them computed by the second.
inline Network small_network() {
  return read_network_text(
      "name: small\n"
      "input: {channels: 16, height: 8, width: 8}\n"
      "layers:\n"
      "  - {name: conv, op: conv2d, out_channels: 32, kernel: [3, 5], stride: 2}\n"
      "  - {name: point, op: conv2d, out_channels: 64, kernel: 1, block: b1}\n"
      "  - {name: pool, op: global_avg_pool}\n",
      "small.yaml");
}

inline std::vector<TraceLayer> small_layers() { return {{0, ""}, {1, ""}, {2, "point"}}; }

/// Possible events of `small_network`: `conv` takes cycles 0..100, `point` 100..150. The features
/// of `conv` are interrupted by weights on the bus, as the reference's DMA does it.
inline std::vector<Event> small_run() {
  return {
      {Unit::kDma, EventKind::kRequest, Cause::kFeatures, 2, 0, 0, 30, 500},
      {Unit::kDma, EventKind::kRequest, Cause::kWeights, 0, 0, 4, 20, 200},
      {Unit::kDma, EventKind::kRequest, Cause::kBias, 1, 0, 5, 42, 32},
      {Unit::kPeArray, EventKind::kSetup, Cause::kNone, 0, 0, 0, 1, 1},
      {Unit::kDram, EventKind::kTransfer, Cause::kWeights, 0, 0, 12, 20, 200},
      {Unit::kWmem, EventKind::kTransfer, Cause::kWeights, 0, 0, 12, 20, 200},
      {Unit::kPeArray, EventKind::kStall, Cause::kFeatures, 0, 0, 2, 38, 36},
      {Unit::kDram, EventKind::kTransfer, Cause::kFeatures, 2, 0, 10, 38, 500},
      {Unit::kFmem, EventKind::kTransfer, Cause::kFeatures, 2, 0, 10, 38, 500},
      {Unit::kPeArray, EventKind::kStall, Cause::kWrite, 0, 0, 40, 42, 2},
      {Unit::kPeArray, EventKind::kStall, Cause::kBias, 0, 0, 50, 53, 3},
      {Unit::kDram, EventKind::kTransfer, Cause::kBias, 1, 0, 40, 42, 32},
      {Unit::kBmmem, EventKind::kTransfer, Cause::kBias, 1, 0, 40, 42, 32},
      {Unit::kPeArray, EventKind::kCompute, Cause::kNone, 0, 0, 1, 92, 50},
      {Unit::kPeArray, EventKind::kSetup, Cause::kNone, 0, 0, 92, 100, 8},
      {Unit::kDma, EventKind::kStore, Cause::kWrite, 0, 0, 100, 100, 512},
      {Unit::kSequencer, EventKind::kLayer, Cause::kNone, 0, 0, 0, 100, 0},
      {Unit::kDma, EventKind::kRequest, Cause::kWeights, 1, 1, 100, 120, 64},
      {Unit::kPeArray, EventKind::kStall, Cause::kWeights, 0, 1, 100, 120, 20},
      {Unit::kPeArray, EventKind::kCompute, Cause::kNone, 0, 1, 120, 142, 22},
      {Unit::kPeArray, EventKind::kSetup, Cause::kNone, 0, 1, 142, 150, 8},
      {Unit::kDma, EventKind::kStore, Cause::kWrite, 0, 2, 150, 150, 64},
      {Unit::kSequencer, EventKind::kLayer, Cause::kNone, 0, 1, 100, 150, 0},
      {Unit::kDram, EventKind::kTransfer, Cause::kWeights, 1, 1, 110, 120, 64},
      {Unit::kWmem, EventKind::kTransfer, Cause::kWeights, 1, 1, 110, 120, 64},
  };
}

inline constexpr std::int64_t kSmallCycles = 150;

inline std::vector<TraceRow> rows_of(const std::vector<Event>& events, std::int64_t total_cycles) {
  const Network network = small_network();
  TraceRecorder recorder(network, small_layers(), kPeakMacs, kMachine);
  for (const Event& event : events) recorder.on_event(event);
  return recorder.finish(total_cycles);
}

inline std::vector<TraceRow> small_rows() { return rows_of(small_run(), kSmallCycles); }

/// The rows of a machine that takes one cycle per layer and executes them in `order`.
inline std::vector<TraceRow> rows_of(const Network& network, const std::vector<int>& order,
                                     const std::string& machine = kMachine) {
  std::vector<TraceLayer> layers;
  for (const int index : order) layers.push_back({index, ""});
  TraceRecorder recorder(network, layers, kPeakMacs, machine);
  for (int i = 0; i < static_cast<int>(order.size()); ++i) {
    recorder.on_event({Unit::kPeArray, EventKind::kCompute, Cause::kNone, 0, i, i, i + 1, 1});
    recorder.on_event({Unit::kSequencer, EventKind::kLayer, Cause::kNone, 0, i, i, i + 1, 0});
  }
  return recorder.finish(static_cast<std::int64_t>(order.size()));
}

/// Same, in the network's own order.
inline std::vector<TraceRow> rows_of(const Network& network) {
  std::vector<int> order(network.layers.size());
  std::iota(order.begin(), order.end(), 0);
  return rows_of(network, order);
}

}  // namespace tilewake
