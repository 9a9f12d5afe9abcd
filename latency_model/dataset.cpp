// SPDX-License-Identifier: Apache-2.0
#include "latency_model/dataset.hpp"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

[[noreturn]] void fail(const Network& network, const std::string& layer, const std::string& what) {
  throw InputError(fmt::format("{}: layer '{}' {}", network.name, layer, what));
}

bool is_row_of(const TraceRow& row, const Network& network, const Layer& layer) {
  return row.op == layer.op && Shape{row.ic, row.ih, row.iw} == layer.ifm &&
         Shape{row.oc, row.oh, row.ow} == layer.ofm &&
         row.kernel == KernelSize{layer.kernel_height, layer.kernel_width} &&
         row.stride == layer.stride && row.groups == layer.groups &&
         row.first_channel == layer.first_channel && row.batch == network.batch &&
         row.macs == network.batch * layer.num_macs() &&
         row.effective_macs == network.batch * layer.num_effective_macs();
}

/// As many elements of its input as its output has.
bool reads_part(const Layer& layer) {
  return layer.op == Op::kChannelSplit || layer.op == Op::kSlice;
}

}  // namespace

void add_measurement(Dataset& dataset, const FeatureExtractor& extractor,
                     const HardwareConfig& hardware, const Network& network,
                     const std::vector<TraceRow>& rows, const Program* program) {
  std::unordered_map<std::string, const TraceRow*> row_by_name;
  for (const TraceRow& row : rows) {
    if (!row_by_name.emplace(row.layer, &row).second) fail(network, row.layer, "has two rows");
  }
  const std::vector<LayerFeatures> features =
      program == nullptr ? extractor.extract(network) : extractor.extract_mapped(network, *program);
  std::vector<Sample> samples;
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const Layer& layer = network.layers[i];
    const auto found = row_by_name.find(layer.name);
    if (found == row_by_name.end()) fail(network, layer.name, "has no row in the trace");
    const TraceRow& row = *found->second;
    row_by_name.erase(found);
    if (!is_row_of(row, network, layer)) {
      fail(network, layer.name, "has another op or other shapes in the trace");
    }
    const bool is_fused = features[i].op_class == kFusedLayer;
    if (row.is_fused() != is_fused && (row.is_fused() || row.total_cycles > 0)) {
      fail(network, layer.name,
           fmt::format("{} in the trace, but {} {}: the trace is of another machine or tool",
                       row.is_fused() ? "is fused" : "takes cycles", hardware.name,
                       is_fused ? "fuses it" : "does not fuse it"));
    }
    if (row.total_cycles == 0) continue;
    samples.push_back({static_cast<int>(dataset.networks.size()), layer.name, features[i],
                       static_cast<double>(row.total_cycles),
                       roofline_cycles(hardware, network, layer), energy_counts(network, layer),
                       row.energy_uj});
  }
  if (!row_by_name.empty()) {
    for (const TraceRow& row : rows) {
      if (row_by_name.contains(row.layer)) fail(network, row.layer, "is only in the trace");
    }
  }
  dataset.networks.push_back(network.name);
  dataset.samples.insert(dataset.samples.end(), std::make_move_iterator(samples.begin()),
                         std::make_move_iterator(samples.end()));
}

double roofline_cycles(const HardwareConfig& hardware, const Network& network, const Layer& layer) {
  std::int64_t features = layer.ofm.num_elements();
  for (const int input : layer.inputs) {
    features +=
        reads_part(layer) ? layer.ofm.num_elements() : network.shape_of(input).num_elements();
  }
  const std::int64_t bytes =
      element_bytes(hardware.element()) * (layer.num_weights() + network.batch * features);
  return std::max(static_cast<double>(network.batch * layer.num_effective_macs()) /
                      static_cast<double>(hardware.peak_macs_per_cycle()),
                  static_cast<double>(bytes) / peak_bytes_per_cycle(hardware.dram));
}

std::vector<int> network_folds(const std::vector<std::string>& networks, int num_folds,
                               std::uint64_t seed) {
  assert(num_folds > 0);
  const std::set<std::string> sorted(networks.begin(), networks.end());
  std::vector<std::string> names(sorted.begin(), sorted.end());
  // Fisher-Yates: std::shuffle differs between standard libraries. The modulo bias over 64 bits is
  // negligible.
  std::mt19937_64 random(seed);
  for (std::size_t i = names.size(); i > 1; --i) std::swap(names[i - 1], names[random() % i]);

  std::map<std::string, int> fold_of;
  for (std::size_t i = 0; i < names.size(); ++i) {
    fold_of[names[i]] = static_cast<int>(i % static_cast<std::size_t>(num_folds));
  }
  std::vector<int> folds;
  for (const std::string& name : networks) folds.push_back(fold_of[name]);
  return folds;
}

}  // namespace tilewake
