// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "simulator/network/layer.hpp"

namespace tilewake {

/// Height x width of a window, written `3x3`.
struct KernelSize {
  std::int64_t height = 1;
  std::int64_t width = 1;
  friend bool operator==(const KernelSize&, const KernelSize&) = default;
};

/// The simulated figures of one layer: one line of layers.csv, whose columns have the names of
/// these fields. README.md of this module defines each field. The latency model is calibrated on
/// these fields only.
struct TraceRow {
  std::string layer;  // unique within the network
  std::string block;  // empty outside of a block
  Op op = Op::kConv2d;
  std::int64_t ic = 0, ih = 0, iw = 0;
  std::int64_t oc = 0, oh = 0, ow = 0;
  KernelSize kernel;
  Steps stride;
  std::int64_t groups = 1;
  std::int64_t macs = 0;
  std::int64_t effective_macs = 0;
  std::int64_t total_cycles = 0;
  std::int64_t compute_cycles = 0;
  std::int64_t setup_cycles = 0;
  std::int64_t dispatch_cycles = 0;
  std::int64_t stall_dram_cycles = 0;
  std::int64_t stall_feature_cycles = 0;
  std::int64_t stall_weight_cycles = 0;
  std::int64_t stall_bias_cycles = 0;
  std::int64_t stall_write_cycles = 0;
  std::int64_t dram_read_bytes = 0;
  std::int64_t dram_read_feature_bytes = 0;
  std::int64_t dram_read_weight_bytes = 0;
  std::int64_t dram_read_bias_bytes = 0;
  std::int64_t dram_write_bytes = 0;
  std::int64_t chip_read_bytes = 0;  // of the memory of feature maps and weights
  std::int64_t chip_read_weight_bytes = 0;
  std::int64_t chip_write_bytes = 0;
  double pe_utilization = 0.0;
  std::int64_t row_hits = 0;
  std::int64_t row_misses = 0;
  std::int64_t array_macs = 0;         // products computed by the MAC units
  std::int64_t vector_operations = 0;  // of the vector unit
  std::int64_t input_buffer_read_bytes = 0;
  std::int64_t weight_buffer_read_bytes = 0;
  std::int64_t output_buffer_read_bytes = 0;  // of partial sums and second operands
  std::int64_t output_buffer_write_bytes = 0;
  double energy_uj = 0.0;  // the sum of the next ones
  double energy_mac_uj = 0.0;
  double energy_register_uj = 0.0;
  double energy_buffer_uj = 0.0;
  double energy_chip_uj = 0.0;  // memory of feature maps and weights
  double energy_interconnect_uj = 0.0;
  double energy_vector_uj = 0.0;
  double energy_clock_uj = 0.0;
  double energy_leakage_uj = 0.0;
  double energy_dram_uj = 0.0;
  std::string output_in;     // "chip" or "dram"; empty without a memory of feature maps
  std::string spill_reason;  // why it is in DRAM
  std::string weights_in;    // the same for the weights; empty unless weights stay on chip
  std::string weights_reason;
  std::string fused_into;       // the layers that it is fused into, joined by '+'; otherwise empty
  std::int64_t index = 0;       // into Network::layers
  std::int64_t num_layers = 0;  // Network::layers
  std::int64_t batch = 1;       // images; shapes are of one, MACs, cycles and bytes of all
  std::string inputs;           // names joined by ';', "input" is the network input
  Steps dilation;
  Padding padding;
  std::int64_t first_channel = 0;
  bool bias = false;  // always false for an op without weights
  Activation activation = Activation::kNone;
  std::string detail;  // what only some ops have: "axis=rows", "view=2x8x49;order=1/0/2"
  std::string network;
  std::string machine;  // machine_id()
  std::string version;  // of the tool that simulated it

  bool is_fused() const { return !fused_into.empty(); }
  friend bool operator==(const TraceRow&, const TraceRow&) = default;
};

/// As in layers.csv: `3x3`, `2` (or `2x1` where they differ), and `1/1/0/1` for top, left, bottom
/// and right.
std::string to_string(const KernelSize& kernel);
std::string to_string(const Steps& steps);
std::string to_string(const Padding& padding);

/// Adds all counts of `other`, `times` times; ratios and energies are left as they are. Both rows
/// are of the same layer.
void add_counts(TraceRow& row, const TraceRow& other, std::int64_t times);

/// The first inconsistency of `row` ("total_cycles: ..."), or empty. Checked:
///   total_cycles = compute_cycles + setup_cycles + dispatch_cycles + stall_dram_cycles +
///                  stall_write_cycles
///   stall_dram_cycles and dram_read_bytes are the sums of their parts; a fused row takes 0 cycles
std::string contradiction_in(const TraceRow& row);

}  // namespace tilewake
