// SPDX-License-Identifier: Apache-2.0
#include "nas/space/space_design.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/common/error.hpp"
#include "tests/nas/space/additive_machine.hpp"
#include "tests/nas/space/midap_estimate.hpp"
#include "tests/support/csv_fields.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/random.hpp"
#include "tests/support/sanitizer.hpp"

namespace tilewake {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::uint64_t kNumSeeds = num_cases(40);

// The latency of an operator is the difference of whole networks with and without its layers.
TEST(SpaceDesignTest, WhereLayersAddUpLatenciesAreThoseOfTheBlocksLayers) {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const OperatorSpace space = synthetic_space();
    AdditiveMachine machine(seed);
    const SpaceDesign design = design_space(space, {1e6, 4, 1.5}, machine.estimate());
    for (std::size_t p = 0; p < design.positions.size(); ++p) {
      for (std::size_t i = 0; i < design.positions[p].operators.size(); ++i) {
        OperatorPath path(design.positions.size(), 0);
        path[p] = static_cast<int>(i);
        Network block = to_network(architecture_of(space, path));
        auto& layers = block.layers;
        layers.erase(std::remove_if(layers.begin(), layers.end(),
                                    [&](const Layer& layer) {
                                      return layer.block != design.positions[p].position.name;
                                    }),
                     layers.end());
        const OperatorProfile& profile = design.positions[p].operators.at(i);
        EXPECT_EQ(profile.op, operator_pool()[i]);
        EXPECT_EQ(profile.latency_ms, machine.network_ms(block)) << to_string(profile.op);
        EXPECT_EQ(profile.macs, block.num_macs()) << to_string(profile.op);
        EXPECT_EQ(profile.params, num_trained_params(block)) << to_string(profile.op);
      }
    }
  }
}

TEST(SpaceDesignTest, WhereLayersAddUpWhatIsFixedIsStemHeadAndClassifier) {
  const OperatorSpace space = synthetic_space();
  AdditiveMachine machine(7);
  const SpaceDesign design = design_space(space, {1e6, 4, 1.5}, machine.estimate());
  double fixed_ms = 0.0;
  const Network network = to_network(architecture_of(space, OperatorPath(4, 9)));
  for (const Layer& layer : network.layers) {
    if (layer.block.empty()) fixed_ms += machine.layer_ms(layer);
  }
  EXPECT_EQ(design.fixed_ms, fixed_ms);
  EXPECT_EQ(design.share_ms, (1e6 - fixed_ms) / 4.0);
  EXPECT_EQ(design_space(space, {0.5 * fixed_ms, 4, 1.5}, machine.estimate()).share_ms, 0.0);
}

TEST(SpaceDesignTest, CapacityIsTheGeometricMeanOfSharesAndTheScoreItsRate) {
  for (std::uint64_t seed = 0; seed < kNumSeeds; ++seed) {
    for (const PositionDesign& at : RandomDesign(seed).design.positions) {
      std::int64_t most_macs = 0;
      std::int64_t most_params = 0;
      for (const OperatorProfile& profile : at.operators) {
        most_macs = std::max(most_macs, profile.macs);
        most_params = std::max(most_params, profile.params);
      }
      for (const OperatorProfile& profile : at.operators) {
        const double macs = static_cast<double>(profile.macs) / static_cast<double>(most_macs);
        const double params =
            static_cast<double>(profile.params) / static_cast<double>(most_params);
        EXPECT_NEAR(profile.capacity, std::exp(0.5 * (std::log(macs) + std::log(params))), 1e-12);
        EXPECT_LE(profile.capacity, 1.0);
        if (profile.op.is_identity()) {
          EXPECT_EQ(profile.latency_ms + profile.capacity + profile.score, 0.0);
          continue;
        }
        EXPECT_GT(profile.capacity, 0.0);
        EXPECT_EQ(profile.score, profile.capacity / profile.latency_ms);
      }
    }
  }
}

TEST(SpaceDesignTest, PositionsOfOneShapeAndPoolAreMeasuredOnce) {
  OperatorSpace space = synthetic_space();
  space.stages[1].blocks.resize(4, space.stages[1].blocks[1]);
  AdditiveMachine machine(3);
  int num_estimates = 0;
  const SpaceDesign design = design_space(space, {1e6, 4, 1.5}, [&](const Network& network) {
    ++num_estimates;
    return machine.network_ms(network);
  });
  std::set<std::string> shapes;
  for (const PositionDesign& a : design.positions) {
    for (const PositionDesign& b : design.positions) {
      if (std::tie(a.position.in_channels, a.position.out_channels, a.position.stride,
                   a.position.height, a.position.width) !=
          std::tie(b.position.in_channels, b.position.out_channels, b.position.stride,
                   b.position.height, b.position.width))
        continue;
      for (std::size_t i = 0; i < a.operators.size(); ++i) {
        EXPECT_EQ(a.operators[i].latency_ms, b.operators[i].latency_ms);
        EXPECT_EQ(a.operators[i].verdict, b.operators[i].verdict);
      }
    }
    shapes.insert(std::to_string(a.position.in_channels) + " " + std::to_string(a.position.height) +
                  " " + std::to_string(a.position.stride));
  }
  EXPECT_EQ(shapes.size(), 4U);
  // All but the identity, and one whole network.
  EXPECT_EQ(num_estimates, 4 * static_cast<int>(operator_pool().size()) + 1);
}

TEST(SpaceDesignTest, PositionsOfOneShapeMayHaveDifferentOperators) {
  OperatorSpace space = synthetic_space();
  const auto named = [](const char* name) { return *operator_named(name); };
  space.stages[0].blocks = {synthetic_space().stages[0].blocks[0],
                            {named("mbconv6_7"), named("shuffle_3")},
                            {named("separable_3"), named("shuffle_3")}};
  AdditiveMachine machine(4);
  const SpaceDesign design = design_space(space, {1e6, 4, 1.5}, machine.estimate());
  EXPECT_EQ(design.positions[1].operators[0].op, named("mbconv6_7"));
  EXPECT_EQ(design.positions[1].operators[0].capacity, 1.0);  // among its two
  EXPECT_EQ(design.positions[2].operators[0].op, named("separable_3"));
  EXPECT_EQ(design.positions[2].operators[0].capacity, 1.0);
  EXPECT_EQ(design.positions[1].operators[1].latency_ms,
            design.positions[2].operators[1].latency_ms);
}

TEST(SpaceDesignTest, EstimatesThatAreNotPositiveAreRefused) {
  const OperatorSpace space = synthetic_space();
  const auto error_of = [&](const LatencyEstimate& estimate) {
    return input_error_of([&] { design_space(space, {1.0, 4, 1.5}, estimate); });
  };
  EXPECT_THAT(error_of([](const Network&) { return 3.0; }), StartsWith("stage1.0: shuffle_3 "));
  EXPECT_THAT(
      error_of([](const Network& network) { return -static_cast<double>(network.layers.size()); }),
      HasSubstr("stage1.0: shuffle_3 "));
  EXPECT_THAT(error_of([](const Network&) { return std::nan(""); }),
              HasSubstr("stage1.0: shuffle_3 "));
}

/// One ms per layer, on a machine that does not support `op`.
LatencyEstimate machine_without(Op op) {
  return [op](const Network& network) -> double {
    for (const Layer& layer : network.layers) {
      if (layer.op == op) throw InputError("too \"large\"");
    }
    return static_cast<double>(network.layers.size());
  };
}

TEST(SpaceDesignTest, OperatorsThatDoNotFitTheMachineAreRejectedWithTheReason) {
  const OperatorSpace space = synthetic_space();
  // Room for the whole pool: nothing leaves for want of a place.
  const SpaceDesign design = design_space(space, {1e6, 49, 1.5}, machine_without(Op::kMul));
  for (const PositionDesign& at : design.positions) {
    std::size_t num_left_out = 0;
    for (const OperatorProfile& profile : at.operators) {
      EXPECT_EQ(std::isinf(profile.latency_ms), profile.op.squeeze_excite);
      if (!profile.op.squeeze_excite) continue;
      ++num_left_out;
      EXPECT_FALSE(profile.is_kept);
      EXPECT_EQ(profile.verdict, "the machine cannot hold it: too \"large\"");
    }
    EXPECT_EQ(num_left_out, operator_pool().size() / 2);
  }
  EXPECT_TRUE(std::isfinite(design.fixed_ms));
  EXPECT_THAT(input_error_of([&] { check_all_held(design); }),
              StartsWith("stage1.0: shuffle_3_se: "));
  EXPECT_THAT(space_design_csv(design),
              HasSubstr("\"the machine cannot hold it: too \"\"large\"\"\""));
  const OperatorSpace designed = with_operators(space, design);
  const OperatorPath slowest = slowest_operators(designed, design);
  EXPECT_NO_THROW(machine_without(Op::kMul)(to_network(architecture_of(designed, slowest))));
  const LatencyEstimate without_blocks = [](const Network& network) -> double {
    for (const Layer& layer : network.layers) {
      if (!layer.block.empty()) throw InputError("too large");
    }
    return static_cast<double>(network.layers.size());
  };
  EXPECT_THAT(input_error_of([&] {
                design_space(space, {1e6, 4, 1.5}, without_blocks);
              }),
              StartsWith("stage1.0: shuffle_3: "));
}

TEST(SpaceDesignTest, TheDesignedSpaceHasWhatWasKeptAndNothingElseChanges) {
  const OperatorSpace space = synthetic_space();
  const RandomDesign random(8);
  OperatorSpace designed = with_operators(space, random.design);
  const std::vector<OperatorPosition> positions = positions_of(designed);
  for (std::size_t p = 0; p < positions.size(); ++p) {
    std::vector<std::string> names;
    for (const Operator& op : positions[p].operators) names.push_back(to_string(op));
    EXPECT_EQ(names, kept_at(random.design.positions[p]));
  }
  EXPECT_EQ(read_operator_space_text(operator_space_yaml(designed), "s.yaml"), designed);
  for (std::size_t s = 0; s < space.stages.size(); ++s)
    designed.stages[s].blocks = space.stages[s].blocks;
  EXPECT_EQ(designed, space);
}

TEST(SpaceDesignTest, BestScoresAndFastestOperatorsAreThoseOfTheTable) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const RandomDesign random(seed);
    const OperatorSpace whole = synthetic_space();
    for (const OperatorSpace& space : {whole, with_operators(whole, random.design)}) {
      const std::vector<OperatorPosition> positions = positions_of(space);
      const OperatorPath best = best_scores(space, random.design);
      const OperatorPath fastest = fastest_operators(space, random.design);
      ASSERT_EQ(best.size(), positions.size());
      for (std::size_t p = 0; p < positions.size(); ++p) {
        std::map<std::string, OperatorProfile> profiles;
        for (const OperatorProfile& profile : random.design.positions[p].operators)
          profiles[to_string(profile.op)] = profile;
        const auto profile_of = [&](int index) {
          return profiles.at(to_string(positions[p].operators.at(static_cast<std::size_t>(index))));
        };
        for (const Operator& op : positions[p].operators) {
          EXPECT_GE(profile_of(best[p]).score, profiles.at(to_string(op)).score);
          EXPECT_LE(profile_of(fastest[p]).latency_ms, profiles.at(to_string(op)).latency_ms);
        }
      }
    }
  }
}

TEST(SpaceDesignTest, OperatorsOutsideOfTheDesignFallBackToTheFirst) {
  OperatorSpace space = synthetic_space();
  const auto named = [](const char* name) { return *operator_named(name); };
  for (OperatorStage& stage : space.stages)
    stage.blocks.assign(2, {named("mbconv6_3"), named("shuffle_3")});
  AdditiveMachine machine(9);
  const SpaceDesign design = design_space(space, {1e6, 4, 1.5}, machine.estimate());
  OperatorSpace other = space;
  other.stages[1].blocks[0] = {named("separable_3"), named("separable_5")};
  EXPECT_EQ(best_scores(other, design)[2], 0);
  EXPECT_EQ(fastest_operators(other, design)[2], 0);
  EXPECT_EQ(best_scores(other, design)[3], best_scores(space, design)[3]);
}

TEST(SpaceDesignTest, CsvHasALineForEveryOperatorOfEveryPosition) {
  const RandomDesign random(10);
  std::istringstream lines(space_design_csv(random.design));
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line, "# tilewake-operators v1");
  std::getline(lines, line);
  const std::vector<std::string> names = fields_of(line);
  EXPECT_THAT(names, ElementsAre("position", "in_channels", "out_channels", "stride", "height",
                                 "width", "operator", "latency_ms", "macs", "params", "capacity",
                                 "score", "kept", "verdict"));
  for (const PositionDesign& at : random.design.positions) {
    for (const OperatorProfile& profile : at.operators) {
      ASSERT_TRUE(std::getline(lines, line));
      const std::vector<std::string> fields = fields_of(line);
      ASSERT_EQ(fields.size(), names.size()) << line;
      EXPECT_EQ(fields[0], at.position.name);
      EXPECT_EQ(fields[4], std::to_string(at.position.height));
      EXPECT_EQ(fields[6], to_string(profile.op));
      EXPECT_EQ(std::stod(fields[7]), profile.latency_ms);
      EXPECT_EQ(std::stod(fields[11]), profile.score);
      EXPECT_EQ(fields[12], profile.is_kept ? "1" : "0");
      EXPECT_EQ(fields[13], profile.verdict);
    }
  }
  EXPECT_FALSE(std::getline(lines, line));
}

class SpaceDesignOnMidapTest : public ::testing::Test {
 protected:
  static double path_ms(const SpaceDesign& design, const OperatorPath& path) {
    double ms = design.fixed_ms;
    for (std::size_t p = 0; p < path.size(); ++p)
      ms += design.positions[p].operators.at(static_cast<std::size_t>(path[p])).latency_ms;
    return ms;
  }

  const OperatorSpace space_ = shipped_operator_space("operators_fashion");
  const LatencyEstimate estimate_ = midap_estimate();
  const SpaceDesign design_ = design_space(space_, {0.1, 4, 1.5}, estimate_);
};

TEST_F(SpaceDesignOnMidapTest, EveryOperatorTakesTimeEverywhere) {
  ASSERT_EQ(design_.positions.size(), 11U);
  for (const PositionDesign& at : design_.positions) {
    ASSERT_EQ(at.operators.size(), operator_pool().size() - (at.position.name.back() == '0'));
    for (const OperatorProfile& profile : at.operators) {
      EXPECT_EQ(profile.latency_ms > 0.0, !profile.op.is_identity())
          << at.position.name << " " << to_string(profile.op);
    }
  }
  EXPECT_GT(design_.fixed_ms, 0.0);
}

// Neighbours share buffers, so not exactly. Measured: 0.51 % at worst; with dense operators, whose
// weights are many, 1.5 % in the mean and 12 % at worst.
TEST_F(SpaceDesignOnMidapTest, BlocksAddUpToTheNetworkWithinAPercentOrTwoIfDense) {
  for (const bool with_dense : {false, true}) {
    Random random(12);
    double worst = 0.0;
    double sum = 0.0;
    constexpr int kNumPaths = 100;
    for (int i = 0; i < kNumPaths; ++i) {
      OperatorPath path;
      while (path.size() < design_.positions.size()) {
        const auto& operators = design_.positions[path.size()].operators;
        const std::uint64_t drawn = random.below(operators.size());
        const BlockOp op = operators[drawn].op.op;
        const bool is_dense = op == BlockOp::kFused || op == BlockOp::kConv;
        if (with_dense || !is_dense) path.push_back(static_cast<int>(drawn));
      }
      const double whole = estimate_(to_network(architecture_of(space_, path)));
      const double error = std::abs(path_ms(design_, path) / whole - 1.0);
      worst = std::max(worst, error);
      sum += error;
    }
    EXPECT_LT(worst, with_dense ? 0.15 : 0.01);
    EXPECT_LT(sum / kNumPaths, with_dense ? 0.02 : 0.005);
  }
}

}  // namespace
}  // namespace tilewake
