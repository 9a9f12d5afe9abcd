// SPDX-License-Identifier: Apache-2.0
#include "simulator/trace/trace_row.hpp"

#include <fmt/format.h>

namespace tilewake {

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
