// SPDX-License-Identifier: Apache-2.0
#include "latency_model/features/midap/midap_features.hpp"

#include <cmath>
#include <numeric>
#include <regex>
#include <string>
#include <unordered_map>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "simulator/api/simulation.hpp"
#include "simulator/common/error.hpp"
#include "simulator/network/network_builder.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/mapped_networks.hpp"
#include "tests/support/midap_machines.hpp"
#include "tests/support/shipped.hpp"
#include "tests/support/source_files.hpp"

namespace tilewake {
namespace {

double expected_cycles(const LayerFeatures& features) {
  return std::accumulate(features.values.begin(), features.values.end(), 0.0);
}

/// Cycles by the formulas before calibration, and simulated cycles.
struct Comparison {
  int layers = 0;
  int within_5 = 0;
  double sum = 0.0;
  double expected = 0.0;
  double simulated = 0.0;
};

Comparison compare(const Network& network, NetworkSimulator& machine) {
  const auto extractor = make_feature_extractor(machine.hardware());
  const std::vector<LayerFeatures> features = extractor->extract(network);
  std::unordered_map<std::string, const LayerFeatures*> of_layer;
  for (std::size_t i = 0; i < features.size(); ++i) of_layer[network.layers[i].name] = &features[i];
  Comparison result;
  for (const TraceRow& row : machine.run(network).rows) {
    const LayerFeatures& layer = *of_layer.at(row.layer);
    EXPECT_EQ(layer.op_class == kFusedLayer, row.is_fused()) << network.name << ' ' << row.layer;
    if (row.is_fused()) continue;
    const double expected = expected_cycles(layer);
    const auto simulated = static_cast<double>(row.total_cycles);
    const double error = std::abs(expected / simulated - 1.0);
    ++result.layers;
    result.within_5 += error <= 0.05 ? 1 : 0;
    result.sum += error;
    result.expected += expected;
    result.simulated += simulated;
  }
  return result;
}

TEST(MidapFeaturesTest, ExpectTheSimulatedCyclesOfShippedNetworks) {
  for (const HardwareConfig& hardware :
       {midap_with(4, 16, 64), midap_with(2, 16, 64), midap_with(3, 16, 64), midap_with(8, 16, 64),
        midap_with(4, 32, 32)}) {
    NetworkSimulator machine(hardware);
    for (const Network& network : shipped_networks()) {
      const Comparison result = compare(network, machine);
      EXPECT_NEAR(result.expected / result.simulated, 1.0, 0.003)
          << network.name << ", " << hardware.name;
      EXPECT_GE(result.within_5, 0.98 * result.layers) << network.name << ", " << hardware.name;
      EXPECT_LE(result.sum, 0.005 * result.layers) << network.name << ", " << hardware.name;
    }
  }
}

/// A shipped network for images of another size.
Network resized(const std::string& name, int size) {
  const std::string text = read_file(source_path("networks/" + name + ".yaml"));
  static const std::regex kInput(R"(height: \d+, width: \d+)");
  return read_network_text(
      std::regex_replace(text, kInput, fmt::format("height: {0}, width: {0}", size)), name);
}

// At some sizes the mapper has no plan and takes the plain schedule (ResNet-50 at 256 pixels).
TEST(MidapFeaturesTest, ExpectTheSimulatedCyclesAtOtherResolutions) {
  NetworkSimulator machine(midap_with(4, 16, 64));
  for (const char* name : {"resnet50", "resnet18", "mobilenet_v2", "efficientnet_b0", "s3nas_m"}) {
    for (const int size : {96, 128, 160, 192, 256, 288, 320}) {
      const Comparison result = compare(resized(name, size), machine);
      EXPECT_NEAR(result.expected / result.simulated, 1.0, 0.005) << name << " at " << size;
    }
  }
}

TEST(MidapFeaturesTest, OfRandomNetworksAreZeroExactlyForFusedLayers) {
  NetworkSimulator machine(midap_with(4, 16, 64));
  for (const MappedNetwork& mapped : map_networks(machine.hardware(), 100))
    compare(mapped.network, machine);
  for (const MappedNetwork& mapped : map_moving_networks(machine.hardware(), 100))
    compare(mapped.network, machine);
}

TEST(MidapFeaturesTest, DependOnNothingButTheNetwork) {
  const auto extractor = make_feature_extractor(shipped_machine("midap"));
  const Network network = shipped_network("efficientnet_b0");
  const std::vector<LayerFeatures> first = extractor->extract(network);
  extractor->extract(shipped_network("resnet50"));
  const std::vector<LayerFeatures> again = extractor->extract(network);
  for (std::size_t i = 0; i < first.size(); ++i) EXPECT_EQ(first[i].values, again[i].values);
}

TEST(MidapFeaturesTest, AreNeverNegative) {
  const auto extractor = make_feature_extractor(shipped_machine("midap"));
  for (int seed = 0; seed < 400; ++seed) {
    const Network network = seed < 300 ? random_network(seed) : moving_network(seed);
    try {
      for (const LayerFeatures& layer : extractor->extract(network)) {
        for (const double value : layer.values) {
          ASSERT_GE(value, 0.0) << "seed " << seed;
          ASSERT_TRUE(std::isfinite(value)) << "seed " << seed;
        }
      }
    } catch (const InputError&) {
      // Does not fit the machine.
    }
  }
}

TEST(MidapFeaturesTest, RefuseTheLayerThatTheMapperRefuses) {
  NetworkBuilder builder("wide", {4096, 8, 8});
  Layer layer;
  layer.name = "huge";
  layer.inputs = {kNetworkInput};
  layer.kernel_height = layer.kernel_width = 3;
  layer.ofm.channels = 16;
  builder.add(layer);
  const Network network = builder.build();
  const HardwareConfig hardware = shipped_machine("midap");
  const std::string refusal = input_error_of([&] { map_network(network, hardware); });
  EXPECT_THAT(refusal, testing::HasSubstr("huge"));
  EXPECT_EQ(input_error_of([&] { make_feature_extractor(hardware)->extract(network); }), refusal);
}

}  // namespace
}  // namespace tilewake
