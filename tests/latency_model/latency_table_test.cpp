// SPDX-License-Identifier: Apache-2.0
#include "latency_model/latency_table.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "latency_model/rank_correlation.hpp"
#include "simulator/network/block_expansion.hpp"
#include "tests/latency_model/fake_features.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/random.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

/// A model with all coefficients 1.
LatencyModel plain_model(const HardwareConfig& hardware,
                         const ExtractorMaker& make_extractor = make_feature_extractor) {
  LatencyModel model;
  model.hardware = hardware;
  const FeatureSet& set = make_extractor(hardware)->set();
  model.coefficients.assign(set.op_classes.size(), std::vector<double>(set.features.size(), 1.0));
  return model;
}

HardwareConfig half_the_bandwidth() {
  HardwareConfig hardware = shipped_machine("midap");
  std::get<LatencyBandwidthDramConfig>(hardware.dram).bus_bytes /= 2;
  return hardware;
}

struct Branches {
  std::vector<std::int64_t> kernels;
  std::vector<std::int64_t> expansion_ratios;
};

/// The last one is a skip, which the first block of a stage does not have.
const std::vector<Branches> kOutcomes = {{{3, 5}, {4, 2}},       {{5}, {2}},       {{3}, {6}},
                                         {{3, 5, 7}, {2, 2, 2}}, {{5}, {6}},       {{3}, {2}},
                                         {{3, 7}, {2, 2}},       {{5, 7}, {4, 2}}, {}};

int num_outcomes() { return static_cast<int>(kOutcomes.size()); }

std::vector<int> random_choices(const ChoiceSpace& space, Random& random) {
  std::vector<int> choices;
  for (const ChoicePosition& position : space.positions)
    choices.push_back(static_cast<int>(random.between(0, position.num_choices - 1)));
  return choices;
}

/// The supernet's first three stages, and a classifier, at half the resolution.
class SmallS3nas {
 public:
  SmallS3nas() {
    for (std::size_t stage = 0; stage < kStages.size(); ++stage) {
      for (int i = 0; i < kStages[stage].depth; ++i) {
        space_.positions.push_back(
            {fmt::format("block{}_{}", stage, i), num_outcomes() - (i == 0 ? 1 : 0), 0});
      }
    }
    space_.network = network;
  }

  const ChoiceSpace& space() const { return space_; }

  std::vector<int> defaults() const { return std::vector<int>(space_.positions.size(), 0); }

  static Network network(const std::vector<int>& choices) {
    NetworkBuilder builder("small", {3, 112, 112});
    Layer stem = conv("stem", kNetworkInput, 32);
    stem.kernel_height = stem.kernel_width = 7;
    stem.stride = 2;
    int last = builder.add(stem);
    auto choice = choices.begin();
    for (std::size_t stage = 0; stage < kStages.size(); ++stage) {
      for (int i = 0; i < kStages[stage].depth; ++i) {
        const Branches& branches = kOutcomes.at(static_cast<std::size_t>(*choice++));
        if (branches.kernels.empty()) continue;
        Block block;
        block.name = fmt::format("block{}_{}", stage, i);
        block.kernels = branches.kernels;
        block.expansion_ratios = branches.expansion_ratios;
        block.out_channels = kStages[stage].out_channels;
        block.stride = i == 0 ? 2 : 1;
        last = expand_block(builder, block, last);
      }
    }
    last = builder.add(conv("head", last, 1280));
    Layer pool;
    pool.name = "pool";
    pool.op = Op::kGlobalAvgPool;
    pool.inputs = {last};
    last = builder.add(pool);
    Layer classifier = conv("classifier", last, 1000);
    classifier.op = Op::kFullyConnected;
    builder.add(classifier);
    return builder.build();
  }

 private:
  struct Stage {
    int depth;
    std::int64_t out_channels;
  };
  inline static const std::vector<Stage> kStages = {{3, 32}, {4, 64}, {5, 128}};

  static Layer conv(const std::string& name, int input, std::int64_t out_channels) {
    Layer layer;
    layer.name = name;
    layer.inputs = {input};
    layer.ofm.channels = out_channels;
    return layer;
  }

  ChoiceSpace space_;
};

struct Accuracy {
  double mean = 0.0;  // of |error|, a share
  double max = 0.0;
  double tau = 0.0;
};

Accuracy accuracy(const std::vector<double>& tabulated, const std::vector<double>& predicted) {
  const ErrorSummary errors = summarize_errors(tabulated, predicted);
  return {errors.mape, errors.max, kendall_tau(tabulated, predicted)};
}

struct TableAccuracy {
  Accuracy total;
  Accuracy additive;
};

TableAccuracy accuracy_on_random_networks(const Predictor& predictor) {
  const SmallS3nas s3nas;
  const LatencyTable table = tabulate(predictor, s3nas.space());
  Random random(1);
  std::vector<double> predicted, total, additive;
  for (int i = 0; i < 200; ++i) {
    const std::vector<int> choices = random_choices(s3nas.space(), random);
    predicted.push_back(predictor.predict(SmallS3nas::network(choices)).total_cycles);
    total.push_back(table.total_cycles(choices));
    additive.push_back(table.additive_cycles(choices));
  }
  return {accuracy(total, predicted), accuracy(additive, predicted)};
}

// Measured: 0.000 % at worst, and 0.001 % without neighbours.
TEST(LatencyTableTest, RandomNetworksOfMidapAreSumsOfTheirBlocks) {
  const TableAccuracy a =
      accuracy_on_random_networks(Predictor(plain_model(shipped_machine("midap"))));
  EXPECT_LT(a.total.max, 1e-4);
  EXPECT_LT(a.additive.max, 1e-4);
  EXPECT_GT(a.total.tau, 0.999);
  EXPECT_GT(a.additive.tau, 0.999);
}

// Measured: 0.001 % (0.19 % at worst, where neighbours meet over skips), without neighbours
// 0.024 % (0.12 %).
TEST(LatencyTableTest, NeighboursMatterWhereTheBusIsSlow) {
  const TableAccuracy a = accuracy_on_random_networks(Predictor(plain_model(half_the_bandwidth())));
  EXPECT_LT(a.total.mean, 1e-4);
  EXPECT_LT(a.total.max, 5e-3);
  EXPECT_LT(a.additive.max, 5e-3);
  EXPECT_GT(a.total.tau, 0.999);
  EXPECT_GT(a.additive.tau, 0.98);
  EXPECT_LT(a.total.mean, a.additive.mean / 5.0);
}

TEST(LatencyTableTest, TablesAreExactWithoutSkips) {
  const Predictor predictor(plain_model(half_the_bandwidth()));
  ChoiceSpace space = SmallS3nas().space();
  for (ChoicePosition& position : space.positions) position.num_choices = num_outcomes() - 1;
  const LatencyTable table = tabulate(predictor, space);
  Random random(3);
  for (int i = 0; i < 100; ++i) {
    const std::vector<int> choices = random_choices(space, random);
    const double predicted = predictor.predict(space.network(choices)).total_cycles;
    EXPECT_NEAR(table.total_cycles(choices), predicted, 1e-5 * predicted);
  }
}

class MidapTable : public ::testing::Test {
 protected:
  double predict(const std::vector<int>& choices) const {
    return predictor_.predict(SmallS3nas::network(choices)).total_cycles;
  }
  /// Measured once for all laws.
  static const LatencyTable& midap_table() {
    static const LatencyTable table =
        tabulate(Predictor(plain_model(half_the_bandwidth())), SmallS3nas().space());
    return table;
  }

  const SmallS3nas s3nas_;
  const Predictor predictor_{plain_model(half_the_bandwidth())};
  const LatencyTable& table_ = midap_table();
};

TEST_F(MidapTable, IsExactWhereTwoNeighboursDifferFromTheDefaults) {
  for (std::size_t p = 1; p < s3nas_.space().positions.size(); ++p) {
    for (int before = 0; before < s3nas_.space().positions[p - 1].num_choices; before += 2) {
      for (int choice = 0; choice < s3nas_.space().positions[p].num_choices; ++choice) {
        std::vector<int> choices = s3nas_.defaults();
        choices[p - 1] = before;
        choices[p] = choice;
        const double predicted = predict(choices);
        ASSERT_NEAR(table_.total_cycles(choices), predicted, 1e-9 * predicted)
            << p << ": " << before << ", " << choice;
      }
    }
  }
}

TEST_F(MidapTable, HasTheCyclesOfEachBlock) {
  const std::vector<int> choices = s3nas_.defaults();
  const Network network = SmallS3nas::network(choices);
  const Prediction prediction = predictor_.predict(network);
  double fixed = 0.0;
  std::vector<double> own(choices.size(), 0.0);
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    double* sum = &fixed;
    for (std::size_t p = 0; p < own.size(); ++p) {
      if (s3nas_.space().positions[p].block == network.layers[i].block) sum = &own[p];
    }
    *sum += prediction.layer_cycles[i];
  }
  EXPECT_NEAR(table_.fixed_cycles, fixed, 1e-6);
  for (std::size_t p = 0; p < own.size(); ++p) {
    EXPECT_NEAR(table_.cycles[p][0], own[p], 0.02 * own[p]) << p;
  }
}

TEST_F(MidapTable, SkipCostsNextToNothing) {
  for (std::size_t p = 0; p < table_.cycles.size(); ++p) {
    if (s3nas_.space().positions[p].num_choices < num_outcomes()) continue;
    EXPECT_LT(std::abs(table_.cycles[p].back()), 0.01 * table_.cycles[p].front()) << p;
  }
}

TEST_F(MidapTable, CyclesAreTheMeanOverTheChoicesBefore) {
  for (std::size_t p = 0; p < table_.cycles.size(); ++p) {
    ASSERT_EQ(table_.given[p].size(), p == 0 ? 1 : table_.cycles[p - 1].size());
    for (std::size_t choice = 0; choice < table_.cycles[p].size(); ++choice) {
      double sum = 0.0;
      for (const auto& row : table_.given[p]) sum += row.at(choice);
      EXPECT_NEAR(table_.cycles[p][choice], sum / static_cast<double>(table_.given[p].size()),
                  1e-6);
    }
  }
}

TEST_F(MidapTable, CertainChoicesAreExpectedToTakeTheirSum) {
  Random random(2);
  for (int i = 0; i < 20; ++i) {
    const std::vector<int> choices = random_choices(s3nas_.space(), random);
    std::vector<std::vector<double>> probabilities;
    for (std::size_t p = 0; p < choices.size(); ++p) {
      probabilities.emplace_back(table_.cycles[p].size(), 0.0);
      probabilities[p].at(static_cast<std::size_t>(choices[p])) = 1.0;
    }
    EXPECT_DOUBLE_EQ(table_.expected_cycles(probabilities), table_.additive_cycles(choices));
  }
}

TEST_F(MidapTable, ExpectationIsLinearInProbabilities) {
  std::vector<std::vector<double>> even;
  double expected = table_.fixed_cycles;
  for (const std::vector<double>& row : table_.cycles) {
    even.emplace_back(row.size(), 1.0 / static_cast<double>(row.size()));
    for (const double cycles : row) expected += cycles / static_cast<double>(row.size());
  }
  EXPECT_NEAR(table_.expected_cycles(even), expected, 1e-6);
}

/// The cycles of a layer depend on the kernels of both neighbours.
class NeighbourFeatures final : public FeatureExtractor {
 public:
  const FeatureSet& set() const override { return fake_.set(); }

  std::vector<LayerFeatures> extract(const Network& network) const override {
    std::vector<LayerFeatures> features;
    std::vector<double> kernels = {0.0};
    for (const Layer& layer : network.layers)
      kernels.push_back(static_cast<double>(layer.kernel_width));
    kernels.push_back(0.0);
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
      const double work = static_cast<double>(network.layers[i].ofm.channels) * kernels[i + 1];
      features.push_back({FakeFeatures::kConv, {work * kernels[i] + 100.0 * kernels[i + 2]}});
    }
    return features;
  }

 private:
  FakeFeatures fake_;
};

std::unique_ptr<FeatureExtractor> make_neighbour_features(const HardwareConfig&) {
  return std::make_unique<NeighbourFeatures>();
}

/// One convolution a position, between two fixed ones; choice c has a kernel of 2c + 1.
ChoiceSpace chain_of(const std::vector<int>& num_choices) {
  ChoiceSpace space;
  for (std::size_t p = 0; p < num_choices.size(); ++p)
    space.positions.push_back({fmt::format("conv{}", p), num_choices[p], num_choices[p] / 2});
  space.network = [](const std::vector<int>& choices) {
    NetworkBuilder builder("chain", {8, 16, 16});
    int last = kNetworkInput;
    const auto add = [&](const std::string& name, const std::string& block, int choice) {
      Layer layer;
      layer.name = name;
      layer.block = block;
      layer.inputs = {last};
      layer.ofm.channels = 8 + last;
      layer.kernel_height = layer.kernel_width = 2 * choice + 1;
      last = builder.add(layer);
    };
    add("first", "", 1);
    for (std::size_t p = 0; p < choices.size(); ++p)
      add(fmt::format("layer{}", p), fmt::format("conv{}", p), choices[p]);
    add("last", "fixed block", 2);
    return builder.build();
  };
  return space;
}

Predictor neighbour_predictor() {
  return Predictor(plain_model(shipped_machine("midap"), make_neighbour_features),
                   make_neighbour_features);
}

TEST(LatencyTableTest, IsExactForAllNetworksWhereOnlyNeighboursMatter) {
  const Predictor predictor = neighbour_predictor();
  const ChoiceSpace space = chain_of({3, 1, 4, 3, 2});
  const LatencyTable table = tabulate(predictor, space);
  for (int n = 0; n < 3 * 4 * 3 * 2; ++n) {
    const std::vector<int> choices = {n % 3, 0, n / 3 % 4, n / 12 % 3, n / 36};
    const double predicted = predictor.predict(space.network(choices)).total_cycles;
    EXPECT_NEAR(table.total_cycles(choices), predicted, 1e-9 * predicted);
  }
}

TEST(LatencyTableTest, IsThePredictionWithoutChoices) {
  const Predictor predictor = neighbour_predictor();
  for (const std::vector<int>& num_choices : {std::vector<int>{}, {1}, {1, 1, 1}}) {
    const ChoiceSpace space = chain_of(num_choices);
    const std::vector<int> choices(num_choices.size(), 0);
    const LatencyTable table = tabulate(predictor, space);
    const double predicted = predictor.predict(space.network(choices)).total_cycles;
    EXPECT_DOUBLE_EQ(table.total_cycles(choices), predicted);
    EXPECT_DOUBLE_EQ(table.additive_cycles(choices), predicted);
  }
}

std::string error_of(const ChoiceSpace& space) {
  return input_error_of([&] { tabulate(neighbour_predictor(), space); });
}

TEST(LatencyTableTest, RefusesPositionsThatCannotBeMeasured) {
  EXPECT_THAT(error_of(chain_of({2, 0, 2})), AllOf(HasSubstr("conv1"), HasSubstr("no choices")));
  EXPECT_THAT(error_of(chain_of({2, -1, 2})), AllOf(HasSubstr("conv1"), HasSubstr("no choices")));

  ChoiceSpace space = chain_of({2, 2, 2});
  space.positions[1].block = "conv3";
  EXPECT_THAT(error_of(space), AllOf(HasSubstr("conv3"), HasSubstr("no choice at")));
  space.positions[1].block = "conv2";
  EXPECT_THAT(error_of(space), AllOf(HasSubstr("two positions"), HasSubstr("conv2")));
  space.positions[1].block = "";
  EXPECT_THAT(error_of(space), HasSubstr("no block name"));
}

TEST(LatencyTableTest, NamesTheLayerThatTheMachineCannotHold) {
  const Predictor predictor(plain_model(shipped_machine("midap")));
  EXPECT_THAT(input_error_of([&] {
                tabulate(predictor, chain_of({2, 40, 2}));
              }),
              AllOf(HasSubstr("layer1"), HasSubstr("WMEM bank")));
}

}  // namespace
}  // namespace tilewake
