// SPDX-License-Identifier: Apache-2.0
#include "latency_model/dataset.hpp"

#include <iterator>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "latency_model/roofline.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

[[noreturn]] void fail(const Network& network, const std::string& layer, const std::string& what) {
  throw InputError(fmt::format("{}: layer '{}' {}", network.name, layer, what));
}

bool is_row_of(const TraceRow& row, const Layer& layer) {
  return row.op == layer.op && Shape{row.ic, row.ih, row.iw} == layer.ifm &&
         Shape{row.oc, row.oh, row.ow} == layer.ofm &&
         row.kernel == KernelSize{layer.kernel_height, layer.kernel_width} &&
         row.stride == layer.stride && row.groups == layer.groups &&
         row.first_channel == layer.first_channel && row.macs == layer.num_macs() &&
         row.effective_macs == layer.num_effective_macs();
}

}  // namespace

void add_measurement(Dataset& dataset, const FeatureExtractor& extractor,
                     const HardwareConfig& hardware, const Network& network,
                     const std::vector<TraceRow>& rows) {
  std::unordered_map<std::string, const TraceRow*> row_by_name;
  for (const TraceRow& row : rows) {
    if (!row_by_name.emplace(row.layer, &row).second) fail(network, row.layer, "has two rows");
  }
  const std::vector<LayerFeatures> features = extractor.extract(network);
  std::vector<Sample> samples;
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const Layer& layer = network.layers[i];
    const auto found = row_by_name.find(layer.name);
    if (found == row_by_name.end()) fail(network, layer.name, "has no row in the trace");
    const TraceRow& row = *found->second;
    row_by_name.erase(found);
    if (!is_row_of(row, layer)) {
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
                       roofline_cycles(hardware, network, layer)});
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

}  // namespace tilewake
