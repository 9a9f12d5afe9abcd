// SPDX-License-Identifier: Apache-2.0
#include "simulator/trace/trace_recorder.hpp"

#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/common/version.hpp"
#include "simulator/trace/trace_network.hpp"

namespace tilewake {
namespace {

[[noreturn]] void fail(const std::string& what) { throw SimulationError("trace: " + what); }

}  // namespace

TraceRecorder::TraceRecorder(const Network& network, const std::vector<TraceLayer>& layers,
                             std::int64_t peak_macs_per_cycle, const std::string& machine)
    : peak_macs_per_cycle_(static_cast<double>(peak_macs_per_cycle)) {
  std::vector<bool> has_row(network.layers.size());
  for (const TraceLayer& layer : layers) {
    const auto index = static_cast<std::size_t>(layer.network_layer);
    if (layer.network_layer < 0 || index >= has_row.size()) {
      fail(fmt::format("the program executes layer {}, which is not in the network",
                       layer.network_layer));
    }
    if (has_row[index]) {
      fail(fmt::format("the program executes '{}' twice", network.layers[index].name));
    }
    has_row[index] = true;
    TraceRow& row = rows_.emplace_back();
    describe_layer(network, layer.network_layer, row);
    row.fused_into = layer.fused_into;
    row.output_in = layer.output_in;
    row.spill_reason = layer.spill_reason;
    row.weights_in = layer.weights_in;
    row.weights_reason = layer.weights_reason;
    row.machine = machine;
    row.version = kVersion;
  }
  for (std::size_t i = 0; i < has_row.size(); ++i) {
    if (!has_row[i]) {
      fail(fmt::format("the program does not execute '{}'", network.layers[i].name));
    }
  }
  num_runs_.resize(rows_.size());
}

void TraceRecorder::on_event(const Event& event) {
  if (event.kind == EventKind::kTransfer || event.kind == EventKind::kVector ||
      event.kind == EventKind::kOccupancy) {
    return;
  }
  const auto index = static_cast<std::size_t>(event.layer);
  if (event.layer < 0 || index >= rows_.size()) {
    fail(fmt::format("event of layer {}, which is not in the program", event.layer));
  }
  TraceRow& row = rows_[index];
  if (event.unit == Unit::kFeatureMemory) {
    (event.kind == EventKind::kStore ? row.chip_write_bytes : row.chip_read_bytes) += event.amount;
    if (event.cause == Cause::kWeights) row.chip_read_weight_bytes += event.amount;
    return;
  }
  switch (event.kind) {
    case EventKind::kLayer:
      row.total_cycles += event.end_cycle - event.begin_cycle;
      ++num_runs_[index];
      break;
    case EventKind::kCompute:
      row.compute_cycles += event.amount;
      break;
    case EventKind::kSetup:
      row.setup_cycles += event.end_cycle - event.begin_cycle;
      break;
    case EventKind::kDispatch:
      row.dispatch_cycles += event.end_cycle - event.begin_cycle;
      break;
    case EventKind::kStall:
      add_stall(row, event);
      break;
    case EventKind::kRequest:
      add_request(row, event);
      break;
    case EventKind::kStore:
      row.dram_write_bytes += event.amount;
      add_rows(row, event);
      break;
    case EventKind::kTransfer:
    case EventKind::kVector:
    case EventKind::kOccupancy:
      break;
  }
}

void TraceRecorder::add_stall(TraceRow& row, const Event& event) {
  const std::int64_t cycles = event.end_cycle - event.begin_cycle;
  switch (event.cause) {
    case Cause::kFeatures:
      row.stall_feature_cycles += cycles;
      break;
    case Cause::kWeights:
      row.stall_weight_cycles += cycles;
      break;
    case Cause::kBias:
      row.stall_bias_cycles += cycles;
      break;
    case Cause::kWrite:
      row.stall_write_cycles += cycles;
      return;
    case Cause::kNone:
      fail(fmt::format("a stall of '{}' has no cause", row.layer));
  }
  row.stall_dram_cycles += cycles;
}

void TraceRecorder::add_request(TraceRow& row, const Event& event) {
  switch (event.cause) {
    case Cause::kFeatures:
      row.dram_read_feature_bytes += event.amount;
      break;
    case Cause::kWeights:
      row.dram_read_weight_bytes += event.amount;
      break;
    case Cause::kBias:
      row.dram_read_bias_bytes += event.amount;
      break;
    case Cause::kWrite:
    case Cause::kNone:
      fail(fmt::format("a read request of '{}' has no target", row.layer));
  }
  row.dram_read_bytes += event.amount;
  add_rows(row, event);
}

void TraceRecorder::add_rows(TraceRow& row, const Event& event) {
  row.row_hits += event.row_hits;
  row.row_misses += event.row_misses;
}

std::vector<TraceRow> TraceRecorder::finish(std::int64_t total_cycles) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    TraceRow& row = rows_[i];
    if (!row.is_fused() && num_runs_[i] != 1) {
      fail(fmt::format("'{}' ran {} times", row.layer, num_runs_[i]));
    }
    const std::string contradiction = contradiction_in(row);
    if (!contradiction.empty()) fail(fmt::format("'{}': {}", row.layer, contradiction));
    if (row.total_cycles > 0) {
      row.pe_utilization = static_cast<double>(row.effective_macs) /
                           (static_cast<double>(row.total_cycles) * peak_macs_per_cycle_);
    }
    sum += row.total_cycles;
  }
  if (sum != total_cycles) {
    fail(fmt::format("the layers take {} cycles, the run took {}", sum, total_cycles));
  }
  return std::exchange(rows_, {});
}

}  // namespace tilewake
