// SPDX-License-Identifier: Apache-2.0
#include "simulator/trace/trace_row.hpp"

#include <fmt/format.h>

namespace tilewake {
namespace {

constexpr std::int64_t TraceRow::*kCounts[] = {
    &TraceRow::batch,
    &TraceRow::macs,
    &TraceRow::effective_macs,
    &TraceRow::total_cycles,
    &TraceRow::compute_cycles,
    &TraceRow::setup_cycles,
    &TraceRow::dispatch_cycles,
    &TraceRow::stall_dram_cycles,
    &TraceRow::stall_feature_cycles,
    &TraceRow::stall_weight_cycles,
    &TraceRow::stall_bias_cycles,
    &TraceRow::stall_write_cycles,
    &TraceRow::dram_read_bytes,
    &TraceRow::dram_read_feature_bytes,
    &TraceRow::dram_read_weight_bytes,
    &TraceRow::dram_read_bias_bytes,
    &TraceRow::dram_write_bytes,
    &TraceRow::chip_read_bytes,
    &TraceRow::chip_read_weight_bytes,
    &TraceRow::chip_write_bytes,
    &TraceRow::row_hits,
    &TraceRow::row_misses,
    &TraceRow::array_macs,
    &TraceRow::vector_operations,
    &TraceRow::input_buffer_read_bytes,
    &TraceRow::weight_buffer_read_bytes,
    &TraceRow::output_buffer_read_bytes,
    &TraceRow::output_buffer_write_bytes,
};

}  // namespace

void add_counts(TraceRow& row, const TraceRow& other, std::int64_t times) {
  for (std::int64_t TraceRow::*count : kCounts) row.*count += times * other.*count;
}

std::string to_string(const KernelSize& kernel) {
  return fmt::format("{}x{}", kernel.height, kernel.width);
}

std::string to_string(const Steps& steps) {
  return steps.are_equal() ? fmt::format("{}", steps.height)
                           : fmt::format("{}x{}", steps.height, steps.width);
}

std::string to_string(const Padding& padding) {
  return fmt::format("{}/{}/{}/{}", padding.top, padding.left, padding.bottom, padding.right);
}

std::string contradiction_in(const TraceRow& row) {
  const auto differs = [](std::string_view name, std::int64_t value, std::string_view parts,
                          std::int64_t sum) {
    return value == sum ? ""
                        : fmt::format("{}: is {}, but {} add up to {}", name, value, parts, sum);
  };
  std::string text =
      differs("total_cycles", row.total_cycles, "compute, setup, dispatch and stall cycles",
              row.compute_cycles + row.setup_cycles + row.dispatch_cycles + row.stall_dram_cycles +
                  row.stall_write_cycles);
  if (text.empty()) {
    text = differs("stall_dram_cycles", row.stall_dram_cycles, "its three causes",
                   row.stall_feature_cycles + row.stall_weight_cycles + row.stall_bias_cycles);
  }
  if (text.empty()) {
    text = differs(
        "dram_read_bytes", row.dram_read_bytes, "features, weights and biases",
        row.dram_read_feature_bytes + row.dram_read_weight_bytes + row.dram_read_bias_bytes);
  }
  if (text.empty() && row.is_fused() && row.total_cycles != 0) {
    text = fmt::format("fused_into: a fused layer takes no cycles, but total_cycles is {}",
                       row.total_cycles);
  }
  return text;
}

}  // namespace tilewake
