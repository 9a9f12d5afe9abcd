// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "latency_model/calibration_set.hpp"
#include "simulator/common/error.hpp"
#include "simulator/mapping/mapper.hpp"
#include "simulator/network/network_yaml.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

std::string text_of(const Network& network) {
  std::ostringstream text;
  write_network(text, network);
  return text.str();
}

/// The computation of a network, without the names of its layers.
using Signature = std::vector<std::tuple<Op, std::vector<int>, std::int64_t, std::int64_t,
                                         std::int64_t, std::int64_t, std::int64_t>>;
Signature signature_of(const Network& network) {
  Signature signature;
  for (const Layer& l : network.layers) {
    signature.emplace_back(l.op, l.inputs, l.ifm.num_elements(), l.ofm.num_elements(),
                           l.kernel_height, l.stride.height, l.groups);
  }
  return signature;
}

class CalibrationSetTest : public ::testing::Test {
 protected:
  static std::vector<Network> networks_of(const CalibrationSet& set) {
    std::vector<Network> networks;
    for (int i = 0; i < set.size(); ++i) networks.push_back(set.network(i));
    return networks;
  }
  /// Of MIDAP with seed 1; designed once.
  static const std::vector<Network>& networks() {
    static const std::vector<Network> networks =
        networks_of(CalibrationSet(shipped_machine("midap"), 1));
    return networks;
  }
  static std::int64_t count(const std::function<bool(const Layer&)>& holds) {
    return count(networks(), holds);
  }
  static std::int64_t count(const std::vector<Network>& networks,
                            const std::function<bool(const Layer&)>& holds) {
    std::int64_t sum = 0;
    for (const Network& network : networks)
      sum += std::count_if(network.layers.begin(), network.layers.end(), holds);
    return sum;
  }

  const HardwareConfig machine_ = shipped_machine("midap");
};

TEST_F(CalibrationSetTest, MachineAndSeedDecideTheNetworks) {
  const CalibrationSet same(shipped_machine("midap"), 1, 200);
  const CalibrationSet other(machine_, 2, 200);
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(text_of(same.network(i)), text_of(networks()[static_cast<std::size_t>(i)]));
    EXPECT_NE(signature_of(other.network(i)),
              signature_of(networks()[static_cast<std::size_t>(i)]));
  }
}

TEST_F(CalibrationSetTest, ALargerMachineGetsMapsThatDoNotFitItEither) {
  HardwareConfig large = machine_;
  std::get<MidapConfig>(large.core).fmem_bank_bytes *= 8;
  const std::int64_t buffer = large.scale().feature_entries;
  const auto exceeds = [&](const Layer& l) { return l.ifm.num_elements() > buffer; };
  const std::int64_t num_large = count(networks_of(CalibrationSet(large, 1)), exceeds);
  EXPECT_GE(num_large, 300);
  EXPECT_GE(num_large, 3 * count(exceeds));
}

TEST_F(CalibrationSetTest, EveryOpComesOften) {
  std::map<Op, std::int64_t> layers;
  for (const Network& network : networks())
    for (const Layer& layer : network.layers) ++layers[layer.op];
  EXPECT_EQ(layers.size(), 9U);
  for (const auto& [op, num_layers] : layers) EXPECT_GE(num_layers, 200) << to_string(op);
}

TEST_F(CalibrationSetTest, AMachineThatRunsAllOpsGetsThem) {
  std::map<Op, std::int64_t> layers;
  std::int64_t unequal = 0;
  for (const Network& network :
       networks_of(CalibrationSet(shipped_machine("edge_systolic_32"), 1, 1000)))
    for (const Layer& layer : network.layers) {
      ++layers[layer.op];
      if (!layer.stride.are_equal()) ++unequal;
    }
  for (const Op op : {Op::kConv2d,
                      Op::kDepthwiseConv2d,
                      Op::kFullyConnected,
                      Op::kMaxPool,
                      Op::kAvgPool,
                      Op::kGlobalAvgPool,
                      Op::kAdd,
                      Op::kMul,
                      Op::kConcat,
                      Op::kConvTranspose2d,
                      Op::kMatmul,
                      Op::kSub,
                      Op::kDiv,
                      Op::kResize,
                      Op::kReduce,
                      Op::kSoftmax,
                      Op::kLayerNorm,
                      Op::kGroupNorm,
                      Op::kLrn,
                      Op::kSlice,
                      Op::kPad,
                      Op::kTranspose,
                      Op::kSpaceToDepth})
    EXPECT_GE(layers[op], 10) << to_string(op);
  EXPECT_GE(unequal, 30);
}

TEST_F(CalibrationSetTest, WindowsHaveEveryUsualKernelAndStride) {
  std::map<std::tuple<Op, std::int64_t, std::int64_t>, int> windows;
  for (const Network& network : networks())
    for (const Layer& l : network.layers)
      if (l.kernel_height == l.kernel_width) ++windows[{l.op, l.kernel_height, l.stride.height}];
  for (const std::int64_t stride : {1, 2}) {
    for (const std::int64_t kernel : {1, 2, 3, 5, 7})
      EXPECT_GE((windows[{Op::kConv2d, kernel, stride}]), 10) << kernel << "/" << stride;
    for (const std::int64_t kernel : {3, 5, 7, 9})
      EXPECT_GE((windows[{Op::kDepthwiseConv2d, kernel, stride}]), 10) << kernel << "/" << stride;
    for (const std::int64_t kernel : {2, 3}) {
      EXPECT_GE((windows[{Op::kMaxPool, kernel, stride}]), 10) << kernel << "/" << stride;
      EXPECT_GE((windows[{Op::kAvgPool, kernel, stride}]), 10) << kernel << "/" << stride;
    }
  }
  EXPECT_GE(count([](const Layer& l) { return l.kernel_height != l.kernel_width; }), 100);
  EXPECT_GE(count([](const Layer& l) { return l.dilation.height > 1; }), 100);
  EXPECT_GE(count([](const Layer& l) { return l.groups > 1; }), 100);
  EXPECT_GE(count([](const Layer& l) { return l.has_weights() && !l.bias; }), 100);
}

TEST_F(CalibrationSetTest, FirstLayersOfImagesHaveEveryKernel) {
  std::set<std::int64_t> kernels;
  for (const Network& network : networks()) {
    const Layer& first = network.layers.front();
    if (first.op == Op::kConv2d && first.ifm.channels == 3) kernels.insert(first.kernel_height);
  }
  for (const std::int64_t kernel : {1, 3, 5, 7, 11}) EXPECT_TRUE(kernels.contains(kernel));
}

TEST_F(CalibrationSetTest, SizesAndChannelsReachFromOneToThousands) {
  const auto layers_with = [&](auto value, std::int64_t low, std::int64_t high) {
    return count([&](const Layer& l) { return value(l) >= low && value(l) <= high; });
  };
  const auto height = [](const Layer& l) { return l.ifm.height; };
  const auto in_channels = [](const Layer& l) { return l.ifm.channels; };
  const auto out_channels = [](const Layer& l) { return l.ofm.channels; };
  for (const auto& [low, high] : {std::pair(1, 1), {2, 7}, {8, 28}, {29, 112}, {113, 320}})
    EXPECT_GE(layers_with(height, low, high), 200) << low;
  for (const auto& [low, high] : {std::pair(1, 4), {5, 16}, {17, 64}, {65, 256}, {257, 4096}}) {
    EXPECT_GE(layers_with(in_channels, low, high), 200) << low;
    EXPECT_GE(layers_with(out_channels, low, high), 100) << low;
  }
  for (const std::int64_t lanes : {16, 64}) {
    EXPECT_GE(count([&](const Layer& l) { return l.ifm.channels % lanes != 0; }), 1000);
    EXPECT_GE(count([&](const Layer& l) { return l.ifm.channels % lanes == 0; }), 1000);
  }
}

TEST_F(CalibrationSetTest, SomeMapsAndWeightsFitOnChipAndSomeDoNot) {
  const MachineScale scale = machine_.scale();
  EXPECT_EQ(scale.feature_entries, 1 << 20);
  const std::int64_t weights = scale.filter_entries * scale.output_lanes;
  const auto num_within = [&](double low, double high) {
    return count([&](const Layer& l) {
      const auto share =
          static_cast<double>(l.ifm.num_elements()) / static_cast<double>(scale.feature_entries);
      return share > low && share <= high;
    });
  };
  EXPECT_GE(num_within(0.0, 0.25), 1000);
  EXPECT_GE(num_within(0.25, 1.0), 1000);
  EXPECT_GE(num_within(1.0, 2.0), 500);
  EXPECT_GE(num_within(2.0, 8.0), 200);
  EXPECT_GE(count([&](const Layer& l) { return l.num_weights() > weights; }), 500);
  EXPECT_GE(count([&](const Layer& l) { return l.num_weights() > 2 * weights; }), 200);
}

TEST_F(CalibrationSetTest, NetworksAreShortAndHaveOneOutput) {
  std::int64_t num_layers = 0;
  for (const Network& network : networks()) {
    num_layers += static_cast<std::int64_t>(network.layers.size());
    EXPECT_LE(network.layers.size(), 150U) << network.name;
    std::set<int> read;
    for (const Layer& layer : network.layers) read.insert(layer.inputs.begin(), layer.inputs.end());
    read.erase(kNetworkInput);
    EXPECT_EQ(read.size() + 1, network.layers.size()) << network.name;
  }
  EXPECT_LE(num_layers, 30 * static_cast<std::int64_t>(networks().size()));
}

TEST_F(CalibrationSetTest, NoShippedNetworkIsAmongThem) {
  std::set<Signature> shipped;
  for (const Network& network : shipped_networks()) shipped.insert(signature_of(network));
  for (const Network& network : networks()) EXPECT_FALSE(shipped.contains(signature_of(network)));
}

TEST_F(CalibrationSetTest, AMachineHoldsAllButAFew) {
  int num_refused = 0;
  for (int i = 0; i < 500; ++i) {
    try {
      map_network(networks()[static_cast<std::size_t>(i)], machine_);
    } catch (const InputError&) {
      ++num_refused;
    }
  }
  EXPECT_LE(num_refused, 25);
}

}  // namespace
}  // namespace tilewake
