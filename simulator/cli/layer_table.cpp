// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/layer_table.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "simulator/cli/units.hpp"
#include "simulator/common/text_table.hpp"

namespace tilewake {
namespace {

using Alignment = TextTable::Alignment;
using Emphasis = TextTable::Emphasis;

double share(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

std::string count_or_dash(std::int64_t value) { return value == 0 ? "-" : with_prefix(value); }

/// Cycles, and their percentage of `total` in brackets.
std::string stall_cell(std::int64_t stalls, std::int64_t total) {
  if (stalls == 0) return "-";
  return fmt::format("{} ({:.0f} %)", with_separators(stalls), 100.0 * share(stalls, total));
}

/// Three digits or more, without the unit.
std::string millijoules(double value) {
  return value >= 100.0 ? fmt::format("{:.0f}", value) : fmt::format("{:#.3g}", value);
}

/// `part` as a percentage of `whole`.
std::string part_cell(double part, double whole) {
  return whole > 0.0 ? fmt::format("{:.0f} %", 100.0 * part / whole) : "-";
}

std::string shape_cell(const Shape& shape) {
  return fmt::format("{}x{}x{}", shape.channels, shape.height, shape.width);
}

/// "3x3", "3x3/2" with a stride, "-" where no window moves.
std::string window_cell(const Layer& layer) {
  if (!layer.has_window()) return "-";
  const std::string size = fmt::format("{}x{}", layer.kernel_height, layer.kernel_width);
  return layer.stride == Steps(1) ? size : fmt::format("{}/{}", size, to_string(layer.stride));
}

/// An activation that no layer before takes in is a max_pool of one tap: it is shown by its name.
std::string op_cell(Op op, bool has_one_tap, Activation activation) {
  const bool is_activation = op == Op::kMaxPool && has_one_tap && activation != Activation::kNone;
  return std::string(is_activation ? to_string(activation) : to_string(op));
}

std::string op_cell(const TraceRow& row) {
  const bool has_one_tap =
      row.kernel.height == 1 && row.kernel.width == 1 && row.stride == Steps(1);
  return op_cell(row.op, has_one_tap, row.activation);
}

std::string op_cell(const Layer& layer) {
  const bool has_one_tap =
      layer.kernel_height == 1 && layer.kernel_width == 1 && layer.stride == Steps(1);
  return op_cell(layer.op, has_one_tap, layer.activation);
}

void add_layer(TextTable& table, const TraceRow& row, std::int64_t total_cycles) {
  std::vector<std::string> cells = {shortened(row.layer), op_cell(row), count_or_dash(row.macs)};
  if (row.is_fused()) {
    cells.insert(cells.end(),
                 {"-", "-", "-", "-", "-", "-", "-", "-> " + shortened(row.fused_into)});
    table.add_row(std::move(cells), Emphasis::kDim);
    return;
  }
  const std::int64_t stalls = row.stall_dram_cycles + row.stall_write_cycles;
  cells.insert(cells.end(),
               {with_separators(row.total_cycles), percent(share(row.total_cycles, total_cycles)),
                row.macs == 0 ? "-" : percent(row.pe_utilization),
                megabytes(row.dram_read_bytes + row.dram_write_bytes),
                millijoules(row.energy_uj * 1e-3), part_cell(row.energy_dram_uj, row.energy_uj),
                stall_cell(stalls, row.total_cycles), bound_of(row)});
  table.add_row(std::move(cells));
}

std::string last_line(const Summary& s) {
  std::string line = fmt::format(
      "{} on {}: {} ms{}, {} GMACs, average PE utilization {}, DRAM traffic {} MB ({} read, {} "
      "written)",
      s.info.network, s.info.hardware, with_decimals(s.latency_ms),
      batch_text(s.info.batch, s.ms_per_image()), with_decimals(static_cast<double>(s.macs) / 1e9),
      percent(s.pe_utilization), megabytes(s.dram_read_bytes + s.dram_write_bytes),
      megabytes(s.dram_read_bytes), megabytes(s.dram_write_bytes));
  if (s.chip_read_bytes + s.chip_write_bytes > 0)
    line += fmt::format(", {} MB to and from memory on chip",
                        megabytes(s.chip_read_bytes + s.chip_write_bytes));
  if (s.info.schedule != "reference") line += ", schedule: " + s.info.schedule;
  return line + "\n";
}

/// Estimates of energy, power and area.
std::string energy_line(const Summary& s) {
  return fmt::format(
      "energy: {} mJ{}, {} of it DRAM; {} TOPS/W, {} inferences/J, {} mW; chip: {} mm2, {} mW at "
      "its peak\n",
      millijoules(s.energy_mj),
      s.info.batch == 1 ? "" : fmt::format(" for {} images", s.info.batch),
      part_cell(s.energy_dram_mj, s.energy_mj),
      s.energy_mj > 0.0 ? millijoules(s.tops_per_watt) : "none",
      s.energy_mj > 0.0 ? millijoules(s.inferences_per_joule) : "none",
      millijoules(s.average_power_mw), millijoules(s.area_mm2),
      s.peak_power_mw > 0.0 ? millijoules(s.peak_power_mw) : "unlimited");
}

std::string device_line(const DeviceConfig& device) {
  return device.is_known() ? fmt::format("device: {}\n", device_text(device)) : "";
}

/// "cycles: 62 % compute, 30 % DRAM, 8 % set-up", and the layers that take the most of them.
std::string answer(const Summary& summary, const std::vector<TraceRow>& rows) {
  constexpr std::size_t kNumSlowest = 3;
  constexpr double kLeastShare = 0.005;
  std::int64_t compute = 0;
  std::int64_t setup = 0;
  std::vector<const TraceRow*> slowest;
  for (const TraceRow& row : rows) {
    if (row.is_fused()) continue;
    compute += row.compute_cycles;
    setup += row.setup_cycles;
    slowest.push_back(&row);
  }
  std::vector<std::pair<std::int64_t, std::string_view>> parts = {
      {compute, "compute"},
      {summary.stall_dram_cycles, "waiting for DRAM"},
      {setup, "set-up"},
      {summary.dispatch_cycles, "dispatch"},
      {summary.stall_write_cycles, "waiting for writes"},
  };
  std::stable_sort(parts.begin(), parts.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::string text = "cycles:";
  for (const auto& [cycles, name] : parts) {
    const double part = share(cycles, summary.total_cycles);
    if (part >= kLeastShare)
      text += fmt::format("{} {:.0f} % {}", text.ends_with(':') ? "" : ",", 100.0 * part, name);
  }
  std::stable_sort(slowest.begin(), slowest.end(), [](const TraceRow* a, const TraceRow* b) {
    return a->total_cycles > b->total_cycles;
  });
  if (slowest.size() > kNumSlowest) slowest.resize(kNumSlowest);
  text += "\nslowest layers:";
  for (const TraceRow* row : slowest) {
    text +=
        fmt::format("{} {} ({:.1f} %, {})", text.ends_with(':') ? "" : ",", shortened(row->layer),
                    100.0 * share(row->total_cycles, summary.total_cycles), bound_of(*row));
  }
  return text + "\n\n";
}

}  // namespace

std::string bound_of(const TraceRow& row) {
  // Of equal parts the first is returned.
  const std::pair<std::int64_t, std::string_view> parts[] = {
      {row.compute_cycles, "compute"},   {row.stall_dram_cycles, "DRAM"},
      {row.setup_cycles, "set-up"},      {row.dispatch_cycles, "dispatch"},
      {row.stall_write_cycles, "write"},
  };
  const auto* largest =
      std::max_element(std::begin(parts), std::end(parts),
                       [](const auto& a, const auto& b) { return a.first < b.first; });
  return std::string(largest->second);
}

std::string run_table(const Summary& summary, const std::vector<TraceRow>& rows, bool color,
                      std::size_t max_columns) {
  TextTable table({{"layer", Alignment::kLeft},
                   {"op", Alignment::kLeft},
                   {"MACs", Alignment::kRight, 3},
                   {"cycles"},
                   {"share", Alignment::kRight, 1},
                   {"PE util"},
                   {"DRAM MB", Alignment::kRight, 2},
                   {"mJ", Alignment::kRight, 4},
                   {"of which DRAM", Alignment::kRight, 5},
                   {"stalls"},
                   {"bound by", Alignment::kLeft, 0, 8}});
  for (const TraceRow& row : rows) add_layer(table, row, summary.total_cycles);
  const std::int64_t stalls = summary.stall_dram_cycles + summary.stall_write_cycles;
  table.add_row(
      {"total", fmt::format("{} layers", summary.num_layers), count_or_dash(summary.macs),
       with_separators(summary.total_cycles), percent(1.0), percent(summary.pe_utilization),
       megabytes(summary.dram_read_bytes + summary.dram_write_bytes),
       millijoules(summary.energy_mj), part_cell(summary.energy_dram_mj, summary.energy_mj),
       stall_cell(stalls, summary.total_cycles)},
      Emphasis::kBold);
  return answer(summary, rows) + table.to_string(color, max_columns) + "\n" + energy_line(summary) +
         device_line(summary.info.device) + last_line(summary);
}

std::string network_table(const Network& network, bool color, std::size_t max_columns) {
  TextTable table({{"layer", Alignment::kLeft},
                   {"op", Alignment::kLeft},
                   {"input"},
                   {"output"},
                   {"window", Alignment::kLeft},
                   {"params"},
                   {"MACs"}});
  for (const Layer& layer : network.layers) {
    table.add_row({shortened(layer.name), op_cell(layer), shape_cell(layer.ifm),
                   shape_cell(layer.ofm), window_cell(layer), count_or_dash(layer.num_params()),
                   count_or_dash(layer.num_macs())});
  }
  return table.to_string(color, max_columns);
}

}  // namespace tilewake
