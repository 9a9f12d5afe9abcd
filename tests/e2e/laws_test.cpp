// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "simulator/common/math.hpp"
#include "simulator/trace/summary.hpp"
#include "simulator/trace/trace_csv.hpp"
#include "tests/support/machine.hpp"
#include "tests/support/mapped_networks.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

/// All shipped networks, and random ones.
const std::vector<MappedNetwork>& networks() {
  static const std::vector<MappedNetwork> all = map_networks(shipped_machine("midap"), 60);
  return all;
}

/// Calls `check` with every network and its run.
template <typename Check>
void for_each_run(Machine& machine, Check check) {
  for (const MappedNetwork& mapped : networks()) {
    SCOPED_TRACE(mapped.network.name);
    check(mapped.network, machine.run(mapped.network, mapped.program));
  }
}

std::int64_t sum(const std::vector<TraceRow>& rows, std::int64_t TraceRow::*field) {
  std::int64_t total = 0;
  for (const TraceRow& row : rows) total += row.*field;
  return total;
}

/// Window taps along one dimension that lie on the map, summed over all windows.
std::int64_t taps_on_map(std::int64_t size, std::int64_t kernel, std::int64_t begin_padding,
                         std::int64_t num_outputs, const Layer& layer) {
  std::int64_t taps = 0;
  for (std::int64_t i = 0; i < num_outputs; ++i) {
    for (std::int64_t tap = 0; tap < kernel; ++tap) {
      const std::int64_t x = i * layer.stride - begin_padding + tap * layer.dilation;
      if (x >= 0 && x < size) ++taps;
    }
  }
  return taps;
}

/// MACs of a layer without those on padding, which the machine skips.
std::int64_t macs_on_map(const Layer& layer) {
  if (layer.op != Op::kConv2d && layer.op != Op::kDepthwiseConv2d) return layer.num_macs();
  const std::int64_t all_taps =
      layer.ofm.height * layer.ofm.width * layer.kernel_height * layer.kernel_width;
  return layer.num_macs() / all_taps *
         taps_on_map(layer.ifm.height, layer.kernel_height, layer.padding.top, layer.ofm.height,
                     layer) *
         taps_on_map(layer.ifm.width, layer.kernel_width, layer.padding.left, layer.ofm.width,
                     layer);
}

// Counted with the padding, as publications do, MACs can exceed cycles x peak: by 18 % at most, in
// mixed_7c.double3x3_2 of inception_v3.
TEST(LawsTest, NoLayerComputesFasterThanThePeak) {
  Machine midap(shipped_machine("midap"));
  const std::int64_t peak = midap.hardware().peak_macs_per_cycle();
  for_each_run(midap, [&](const Network& network, const NetworkRun& run) {
    std::map<std::string, std::int64_t> macs;
    for (const Layer& layer : network.layers) macs[layer.name] = macs_on_map(layer);
    for (const TraceRow& row : run.rows) {
      EXPECT_EQ(row.effective_macs, macs[row.layer]) << row.layer;
      EXPECT_GE(row.total_cycles, ceil_div(row.effective_macs, peak)) << row.layer;
      EXPECT_LE(row.pe_utilization, 1.0) << row.layer;
    }
  });
}

TEST(LawsTest, NoNetworkReadsFasterThanDramDelivers) {
  Machine midap(shipped_machine("midap"));
  const double bandwidth = peak_bytes_per_cycle(midap.hardware().dram);
  for_each_run(midap, [&](const Network&, const NetworkRun& run) {
    EXPECT_GE(static_cast<double>(run.result.total_cycles) * bandwidth,
              static_cast<double>(sum(run.rows, &TraceRow::dram_read_bytes)));
  });
}

TEST(LawsTest, RowsAddUpToTheNetwork) {
  Machine midap(shipped_machine("midap"));
  for_each_run(midap, [&](const Network& network, const NetworkRun& run) {
    EXPECT_EQ(run.rows.size(), network.layers.size());
    EXPECT_EQ(sum(run.rows, &TraceRow::macs), network.num_macs());
    EXPECT_EQ(sum(run.rows, &TraceRow::total_cycles), run.result.total_cycles);
    EXPECT_EQ(sum(run.rows, &TraceRow::dram_read_bytes),
              sum(run.rows, &TraceRow::dram_read_feature_bytes) +
                  sum(run.rows, &TraceRow::dram_read_weight_bytes) +
                  sum(run.rows, &TraceRow::dram_read_bias_bytes));
  });
}

/// Biases of all layers but the first that has weights: like the reference, the machine fetches
/// those without counting them.
std::int64_t counted_biases(const Network& network, const std::vector<TraceRow>& rows) {
  std::map<std::string, const Layer*> layers;
  for (const Layer& layer : network.layers) layers[layer.name] = &layer;
  std::int64_t biases = 0;
  bool is_first = true;
  for (const TraceRow& row : rows) {
    const Layer& layer = *layers.at(row.layer);
    if (!layer.has_weights()) continue;
    if (layer.bias && !is_first) biases += layer.ofm.channels;
    is_first = false;
  }
  return biases;
}

TEST(LawsTest, EveryWeightIsReadAndEveryOutputWritten) {
  Machine midap(shipped_machine("midap"));
  for_each_run(midap, [&](const Network& network, const NetworkRun& run) {
    std::int64_t weights = 0;
    std::set<int> read;
    for (const Layer& layer : network.layers) {
      weights += layer.weight_bytes();
      read.insert(layer.inputs.begin(), layer.inputs.end());
    }
    EXPECT_GE(sum(run.rows, &TraceRow::dram_read_weight_bytes), weights);
    EXPECT_GE(sum(run.rows, &TraceRow::dram_read_bias_bytes), counted_biases(network, run.rows));
    std::int64_t outputs = 0;
    for (std::size_t i = 0; i < network.layers.size(); ++i)
      if (!read.contains(static_cast<int>(i))) outputs += network.layers[i].ofm.num_elements();
    EXPECT_GE(sum(run.rows, &TraceRow::dram_write_bytes), outputs);
  });
}

TEST(LawsTest, KernelStepsGrowWithPhasesAndTransfersNotWithCycles) {
  Machine midap(shipped_machine("midap"));
  for_each_run(midap, [&](const Network&, const NetworkRun& run) {
    EXPECT_LT(run.result.kernel_steps, 100'000u);
  });
}

/// Everything a run writes to files.
std::string files_of(const Network& network, const NetworkRun& run, const Machine& machine) {
  RunInfo info;
  info.network = network.name;
  info.hardware = machine.hardware().name;
  info.schedule = run.schedule;
  info.num_params = network.num_params();
  info.clock_mhz = machine.hardware().clock_mhz;
  info.peak_macs_per_cycle = machine.hardware().peak_macs_per_cycle();
  return trace_csv(run.rows) + summary_json(summarize(info, run.rows));
}

TEST(LawsTest, ResultsDoNotDependOnWhatRanBefore) {
  std::map<std::string, std::string> first;
  Machine midap(shipped_machine("midap"));
  for_each_run(midap, [&](const Network& network, const NetworkRun& run) {
    first[network.name] = files_of(network, run, midap);
  });
  for (auto mapped = networks().rbegin(); mapped != networks().rend(); ++mapped) {
    const NetworkRun run = midap.run(mapped->network, mapped->program);
    EXPECT_EQ(files_of(mapped->network, run, midap), first[mapped->network.name]);
  }
}

TEST(LawsTest, EqualInputsGiveEqualFilesOnAnotherMachineOfTheSameKind) {
  Machine one(shipped_machine("midap"));
  Machine other(shipped_machine("midap"));
  for (const Network& network : shipped_networks()) {
    EXPECT_EQ(files_of(network, one.run(network), one),
              files_of(network, other.run(network), other));
  }
}

}  // namespace
}  // namespace tilewake
