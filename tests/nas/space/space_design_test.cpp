// SPDX-License-Identifier: Apache-2.0
#include "nas/space/space_design.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
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
#include "tests/nas/space/midap_estimate.hpp"
#include "tests/nas/space/spaces.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/random.hpp"

namespace tilewake {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

/// A machine on which layers take what they take, whatever stands beside them: for each op and
/// kernel a random whole number of ms for a multiplication, and one for the layer. Whole numbers,
/// so that sums and differences are exact.
class AdditiveMachine {
 public:
  explicit AdditiveMachine(std::uint64_t seed) : random_(seed) {}

  double layer_ms(const Layer& layer) {
    auto& cost = costs_[{layer.op, layer.kernel_height}];
    if (cost.first == 0) cost = {random_.between(1, 5), random_.between(1, 20'000)};
    return static_cast<double>(cost.first * layer.num_macs() + cost.second);
  }
  double network_ms(const Network& network) {
    double ms = 0.0;
    for (const Layer& layer : network.layers) ms += layer_ms(layer);
    return ms;
  }
  LatencyEstimate estimate() {
    return [this](const Network& network) { return network_ms(network); };
  }

 private:
  Random random_;
  std::map<std::pair<Op, std::int64_t>, std::pair<std::int64_t, std::int64_t>> costs_;
};

OperatorSpace synthetic_space() { return shipped_operator_space("operators_synthetic"); }

std::vector<std::string> kept_at(const PositionDesign& at) {
  std::vector<std::string> names;
  for (const OperatorProfile& profile : at.operators) {
    if (profile.is_kept) names.push_back(to_string(profile.op));
  }
  return names;
}

bool is_dominated(const OperatorProfile& profile, const OperatorProfile& by) {
  return &profile != &by && by.latency_ms <= profile.latency_ms && by.capacity >= profile.capacity;
}

/// Any limit and options on any machine, of seed `seed`.
struct RandomDesign {
  explicit RandomDesign(std::uint64_t seed) : machine(seed) {
    Random random(seed + 1000);
    options.keep = static_cast<int>(random.between(1, 6));
    options.rho = 0.25 * static_cast<double>(random.between(1, 12));
    options.target_ms = static_cast<double>(random.between(0, 12'000'000));
    design = design_space(synthetic_space(), options, machine.estimate());
  }

  AdditiveMachine machine;
  SpaceDesignOptions options;
  SpaceDesign design;
};

constexpr std::uint64_t kNumSeeds = 40;

// What an operator is said to take is what a whole network takes longer with its layers.
TEST(SpaceDesignTest, WhereLayersAddUpLatenciesAreThoseOfTheBlocksLayers) {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const OperatorSpace space = synthetic_space();
    AdditiveMachine machine(seed);
    const SpaceDesign design = design_space(space, {1e6, 4, 1.5}, machine.estimate());
    for (std::size_t p = 0; p < design.positions.size(); ++p) {
      for (std::size_t i = 0; i < operator_pool().size(); ++i) {
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
        EXPECT_GT(profile.capacity, 0.0);
        EXPECT_LE(profile.capacity, 1.0);
        EXPECT_EQ(profile.score, profile.capacity / profile.latency_ms);
      }
    }
  }
}

TEST(SpaceDesignTest, AtMostSoManyAreKeptAndTheFastestIsOneOfThem) {
  for (std::uint64_t seed = 0; seed < kNumSeeds; ++seed) {
    const RandomDesign random(seed);
    for (const PositionDesign& at : random.design.positions) {
      const auto fastest = std::min_element(
          at.operators.begin(), at.operators.end(),
          [](const auto& a, const auto& b) { return a.latency_ms < b.latency_ms; });
      int num_kept = 0;
      double fastest_kept = std::numeric_limits<double>::infinity();
      for (const OperatorProfile& profile : at.operators) {
        EXPECT_EQ(profile.is_kept, profile.verdict.rfind("kept: ", 0) == 0) << profile.verdict;
        EXPECT_FALSE(profile.verdict.empty());
        if (!profile.is_kept) continue;
        ++num_kept;
        fastest_kept = std::min(fastest_kept, profile.latency_ms);
      }
      EXPECT_EQ(fastest_kept, fastest->latency_ms);
      EXPECT_LE(num_kept, random.options.keep);
      EXPECT_GE(num_kept, 1);
    }
  }
}

TEST(SpaceDesignTest, TheMostCapableWithinItsShareIsKept) {
  int num_found = 0;
  for (std::uint64_t seed = 0; seed < kNumSeeds; ++seed) {
    const RandomDesign random(seed);
    if (random.options.keep < 2) continue;
    for (const PositionDesign& at : random.design.positions) {
      double most = 0.0;
      double most_kept = 0.0;
      for (const OperatorProfile& profile : at.operators) {
        if (profile.latency_ms > random.options.rho * random.design.share_ms) continue;
        most = std::max(most, profile.capacity);
        if (profile.is_kept) most_kept = std::max(most_kept, profile.capacity);
      }
      EXPECT_EQ(most_kept, most);
      if (most > 0.0) ++num_found;
    }
  }
  EXPECT_GT(num_found, 40);  // else the limits that were drawn test nothing
}

TEST(SpaceDesignTest, NoKeptOperatorIsDominatedByAnother) {
  for (std::uint64_t seed = 0; seed < kNumSeeds; ++seed) {
    for (const PositionDesign& at : RandomDesign(seed).design.positions) {
      for (const OperatorProfile& profile : at.operators) {
        for (const OperatorProfile& other : at.operators) {
          if (!profile.is_kept || !other.is_kept) continue;
          EXPECT_FALSE(is_dominated(profile, other))
              << to_string(profile.op) << " by " << to_string(other.op);
        }
      }
    }
  }
}

TEST(SpaceDesignTest, WhoLeavesIsDominatedOrHasALowerScoreThanWhoeverStaysByIt) {
  for (std::uint64_t seed = 0; seed < kNumSeeds; ++seed) {
    const RandomDesign random(seed);
    for (const PositionDesign& at : random.design.positions) {
      const auto num_kept = static_cast<int>(kept_at(at).size());
      double least_by_score = std::numeric_limits<double>::infinity();
      for (const OperatorProfile& profile : at.operators) {
        if (profile.verdict == "kept: by score")
          least_by_score = std::min(least_by_score, profile.score);
      }
      for (const OperatorProfile& profile : at.operators) {
        if (profile.is_kept) continue;
        const bool is_beaten = std::any_of(at.operators.begin(), at.operators.end(),
                                           [&](const OperatorProfile& other) {
                                             return other.is_kept && is_dominated(profile, other);
                                           });
        if (is_beaten) {
          EXPECT_THAT(profile.verdict, StartsWith("slower and less capable than "));
        } else {
          EXPECT_EQ(profile.verdict, "a lower score");
          EXPECT_EQ(num_kept, random.options.keep);
          EXPECT_LE(profile.score, least_by_score);
        }
      }
    }
  }
}

// Kernels that cost the same on some machine: of equally fast ones the most capable stays.
TEST(SpaceDesignTest, OfEquallyFastOperatorsTheMostCapableStays) {
  const LatencyEstimate by_layers = [](const Network& network) {
    return static_cast<double>(network.layers.size());
  };
  const SpaceDesign design = design_space(synthetic_space(), {1.0, 4, 1.5}, by_layers);
  for (const PositionDesign& at : design.positions) {
    double least_ms = std::numeric_limits<double>::infinity();
    for (const OperatorProfile& p : at.operators) least_ms = std::min(least_ms, p.latency_ms);
    double most = 0.0;
    for (const OperatorProfile& p : at.operators) {
      if (p.latency_ms == least_ms) most = std::max(most, p.capacity);
    }
    for (const OperatorProfile& p : at.operators) {
      if (p.is_kept && p.latency_ms == least_ms) {
        EXPECT_EQ(p.capacity, most) << to_string(p.op);
      }
    }
  }
}

TEST(SpaceDesignTest, PositionsOfOneShapeAndPoolAreMeasuredOnceAndAlike) {
  OperatorSpace space = synthetic_space();
  space.stages[1].blocks.resize(4, space.stages[1].blocks[0]);
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
  EXPECT_EQ(num_estimates, 4 * (1 + 32) + 1);  // and one whole network
}

TEST(SpaceDesignTest, PositionsOfOneShapeMayHaveOperatorsOfTheirOwn) {
  OperatorSpace space = synthetic_space();
  const auto named = [](const char* name) { return *operator_named(name); };
  space.stages[0].blocks = {operator_pool(),
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

/// 1 ms a million MACs, and so much for a layer that moves channels.
LatencyEstimate moving_costs(double ms) {
  return [ms](const Network& network) {
    double sum = 0.0;
    for (const Layer& layer : network.layers)
      sum += 1e-6 * static_cast<double>(layer.num_macs()) + (layer.moves_channels() ? ms : 1e-6);
    return sum;
  };
}

bool has_unit_of_halves(const PositionDesign& at) {
  return std::any_of(at.operators.begin(), at.operators.end(), [](const OperatorProfile& profile) {
    return profile.is_kept && needs_even_width(profile.op);
  });
}

TEST(SpaceDesignTest, WhatMovingChannelsCostsDecidesWhetherUnitsOfHalvesStay) {
  const OperatorSpace space = synthetic_space();
  const SpaceDesign cheap = design_space(space, {10.0, 4, 1.5}, moving_costs(1e-6));
  const SpaceDesign dear = design_space(space, {10.0, 4, 1.5}, moving_costs(100.0));
  for (std::size_t p = 0; p < cheap.positions.size(); ++p) {
    EXPECT_TRUE(has_unit_of_halves(cheap.positions[p])) << p;
    EXPECT_FALSE(has_unit_of_halves(dear.positions[p])) << p;
    EXPECT_NE(kept_at(cheap.positions[p]), kept_at(dear.positions[p]));
  }
}

TEST(SpaceDesignTest, MoreTimeKeepsMoreCapableOperators) {
  const OperatorSpace space = synthetic_space();
  AdditiveMachine machine(5);
  double before = 0.0;
  for (const double target_ms : {0.0, 3e6, 6e6, 1e7, 1e9}) {
    const SpaceDesign design = design_space(space, {target_ms, 4, 1.5}, machine.estimate());
    double sum = 0.0;
    for (const PositionDesign& at : design.positions) {
      double most = 0.0;
      for (const OperatorProfile& profile : at.operators) {
        if (profile.is_kept) most = std::max(most, profile.capacity);
        if (target_ms == 0.0) {
          EXPECT_THAT(profile.verdict, Not(HasSubstr("within its share")));
        }
      }
      sum += most;
    }
    EXPECT_GE(sum, before);
    before = sum;
  }
  const SpaceDesign all_time = design_space(space, {1e9, 4, 1.5}, machine.estimate());
  for (const PositionDesign& at : all_time.positions)
    EXPECT_THAT(kept_at(at), ::testing::Contains("mbconv6_7_se"));
}

TEST(SpaceDesignTest, EstimatesThatSayNothingAreRefused) {
  const OperatorSpace space = synthetic_space();
  const auto error_of = [&](const LatencyEstimate& estimate) {
    return input_error_of([&] { design_space(space, {1.0, 4, 1.5}, estimate); });
  };
  EXPECT_EQ(error_of([](const Network&) { return 3.0; }),
            "stage1.0: shuffle_3 would take 0 ms by the estimates, which says nothing about its "
            "cost");
  EXPECT_THAT(
      error_of([](const Network& network) { return -static_cast<double>(network.layers.size()); }),
      HasSubstr("stage1.0: shuffle_3 would take -"));
  EXPECT_THAT(error_of([](const Network&) { return std::nan(""); }),
              HasSubstr("stage1.0: shuffle_3 would take "));
  EXPECT_EQ(error_of([](const Network& network) -> double {
              for (const Layer& layer : network.layers) {
                if (layer.op == Op::kMul) throw InputError("too large");
              }
              return static_cast<double>(network.layers.size());
            }),
            "too large");
}

TEST(SpaceDesignTest, AtLeastOneOperatorIsKept) {
  AdditiveMachine machine(6);
  const auto error_of = [&](int keep) {
    return input_error_of([&] {
      design_space(synthetic_space(), {1e6, keep, 1.5}, machine.estimate());
    });
  };
  EXPECT_EQ(error_of(0), "a position keeps at least one operator, not 0");
  EXPECT_EQ(error_of(-1), "a position keeps at least one operator, not -1");
  EXPECT_EQ(error_of(1), "no error");
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

TEST(SpaceDesignTest, OperatorsThatTheDesignDoesNotKnowLeaveTheFirst) {
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

/// Fields of a line of CSV (RFC 4180, section 2).
std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields(1);
  bool is_quoted = false;
  for (const char c : line) {
    if (c == '"') {
      is_quoted = !is_quoted;
    } else if (c == ',' && !is_quoted) {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  return fields;
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
    ASSERT_EQ(at.operators.size(), 32U);
    for (const OperatorProfile& profile : at.operators)
      EXPECT_GT(profile.latency_ms, 0.0) << at.position.name << " " << to_string(profile.op);
  }
  EXPECT_GT(design_.fixed_ms, 0.0);
}

// Neighbours share buffers, so not exactly. Measured: 0.51 % at worst.
TEST_F(SpaceDesignOnMidapTest, BlocksAddUpToTheNetworkWithinAPercent) {
  Random random(12);
  double worst = 0.0;
  for (int i = 0; i < 100; ++i) {
    OperatorPath path;
    for (std::size_t p = 0; p < 11; ++p) path.push_back(static_cast<int>(random.below(32)));
    const double whole = estimate_(to_network(architecture_of(space_, path)));
    worst = std::max(worst, std::abs(path_ms(design_, path) / whole - 1.0));
  }
  EXPECT_LT(worst, 0.01);
}

}  // namespace
}  // namespace tilewake
