// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "latency_model/dataset.hpp"
#include "latency_model/latency_model.hpp"
#include "simulator/trace/trace_network.hpp"
#include "tests/support/random.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {

/// Three features and three classes; concat is computed by others, and nothing here resembles any
/// machine. The law of the measurements is therefore known in tests of the fit.
class FakeFeatures final : public FeatureExtractor {
 public:
  enum Class { kConv, kPool, kJoin };
  enum Feature { kCompute, kTraffic, kStart };

  const FeatureSet& set() const override {
    static constexpr std::array<std::string_view, 3> kClasses = {"conv", "pool", "join"};
    static constexpr std::array<FeatureInfo, 3> kFeatures = {
        FeatureInfo{"compute", "cycles per issue slot", "slots of the array", 0.9, 1.1},
        FeatureInfo{"traffic", "cycles per bus beat", "bytes over the bus", 0.25, 2.0},
        FeatureInfo{"start", "cycles per cycle", "filling of the pipe", 0.0, 10.0}};
    static constexpr FeatureSet kSet{kClasses, kFeatures};
    return kSet;
  }

  std::vector<LayerFeatures> extract(const Network& network) const override {
    std::vector<LayerFeatures> features;
    for (const Layer& layer : network.layers) {
      LayerFeatures& f = features.emplace_back();
      if (layer.op == Op::kConcat) continue;
      f.op_class = layer.has_weights() ? kConv : layer.is_elementwise() ? kJoin : kPool;
      // The array idles in the others: there its feature is 0.
      f.values[kCompute] = std::ceil(static_cast<double>(layer.num_macs()) / 1024.0);
      f.values[kTraffic] = static_cast<double>(layer.ifm.num_elements() + layer.num_weights()) / 8;
      f.values[kStart] = 40.0;
    }
    return features;
  }
};

inline std::unique_ptr<FeatureExtractor> make_fake_features(const HardwareConfig&) {
  return std::make_unique<FakeFeatures>();
}

using CoefficientRows = std::vector<std::vector<double>>;

inline const CoefficientRows kPlanted = {{1.02, 0.75, 3.0}, {1.0, 1.25, 2.0}, {1.0, 0.5, 4.0}};

/// A row of the trace for each layer; the fake machine takes `cycles[i]` for the layer i.
inline std::vector<TraceRow> rows_of(const Network& network,
                                     const std::vector<std::int64_t>& cycles) {
  std::vector<TraceRow> rows;
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    TraceRow& row = rows.emplace_back();
    describe_layer(network, static_cast<int>(i), row);
    row.total_cycles = cycles[i];
    if (row.op == Op::kConcat) row.fused_into = "x";
  }
  return rows;
}

/// Cycles of the fake machine for `network`: the planted law with up to +-`noise` per layer.
inline std::vector<TraceRow> measure(const Network& network, Random& random, double noise = 0.0) {
  const Coefficients planted(kPlanted);
  std::vector<std::int64_t> cycles;
  for (const LayerFeatures& features : FakeFeatures().extract(network)) {
    const double share = static_cast<double>(random.between(-1000, 1000)) / 1000.0;
    cycles.push_back(std::llround(planted.cycles(features) * (1.0 + noise * share)));
  }
  return rows_of(network, cycles);
}

/// Networks of random layers, all measured.
inline Dataset fake_dataset(int num_networks, std::uint64_t seed, double noise = 0.0) {
  Random random(seed);
  const HardwareConfig hardware = shipped_machine("midap");
  Dataset dataset;
  for (int i = 0; i < num_networks; ++i) {
    std::string text = fmt::format(
        "name: net{}\ninput: {{channels: 8, height: {}, width: {}}}\nlayers:\n"
        "  - {{name: stem, op: conv2d, out_channels: 16, kernel: 3}}\n",
        i, random.between(8, 64), random.between(8, 64));
    for (int j = 0; j < 5; ++j) {
      const std::int64_t channels = random.between(1, 64);
      text += fmt::format(
          "  - {{name: a{0}, op: conv2d, out_channels: {1}, kernel: {2}}}\n"
          "  - {{name: b{0}, op: conv2d, inputs: [a{0}], out_channels: {1}, kernel: 1}}\n"
          "  - {{name: add{0}, op: add, inputs: [a{0}, b{0}]}}\n"
          "  - {{name: cat{0}, op: concat, inputs: [a{0}, add{0}]}}\n"
          "  - {{name: pool{0}, op: max_pool, kernel: 3, padding: same}}\n",
          j, channels, 2 * random.between(0, 3) + 1);
    }
    const Network network = read_network_text(text, "net.yaml");
    add_measurement(dataset, FakeFeatures(), hardware, network, measure(network, random, noise));
  }
  return dataset;
}

}  // namespace tilewake
