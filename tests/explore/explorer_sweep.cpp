// SPDX-License-Identifier: Apache-2.0

// Explorations of a space of 4,096 machines, which is simulated once as a whole.

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "simulator/api/data_files.hpp"
#include "simulator/explore/explorer.hpp"
#include "simulator/explore/pareto.hpp"

namespace tilewake {
namespace {

using Known = std::map<std::pair<std::string, std::uint64_t>, Summary>;

ExploreOptions space() {
  ExploreOptions options;
  options.keys = {
      {"core.rows", {"16", "32", "64", "128"}},
      {"core.cols", {"16", "32", "64", "128"}},
      {"core.input_buffer.bytes", {"8192", "16384", "32768", "65536"}},
      {"core.weight_buffer.bytes", {"8192", "16384", "32768", "65536"}},
      {"core.feature_memory_bytes", {"262144", "524288", "1048576", "2097152"}},
      {"dram.num_channels", {"1", "2", "4", "8"}},
  };
  options.objectives = {&objective_named("latency", ""), &objective_named("energy", ""),
                        &objective_named("area", "")};
  return options;
}

PointRunner runner_of(PointRunnerOptions options) {
  return {read_hardware_file("coral_dev_board"), {read_workload("squeezenet")}, std::move(options)};
}

/// Every point of the space, simulated once for all tests.
class ExplorerSweep : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    known_ = new Known;
    PointRunnerOptions options;
    options.on_simulated = [](const Summary& network) {
      known_->insert_or_assign({network.info.machine, network.info.network_hash}, network);
    };
    PointRunner runner = runner_of(std::move(options));
    ExploreOptions all = space();
    all.exhaustive = true;
    exhaustive_ = new Exploration(explore(runner, all));
  }
  static void TearDownTestSuite() {
    delete std::exchange(exhaustive_, nullptr);
    delete std::exchange(known_, nullptr);
  }

  /// Options of a runner that simulates nothing of the space again.
  static PointRunnerOptions lookup() {
    PointRunnerOptions options;
    options.find = [](const std::string& machine, std::uint64_t hash) -> const Summary* {
      const auto found = known_->find({machine, hash});
      return found == known_->end() ? nullptr : &found->second;
    };
    return options;
  }

  static std::vector<ObjectiveValues> front_values(const Exploration& exploration) {
    std::vector<ObjectiveValues> values;
    for (const std::size_t i : exploration.front) {
      values.push_back(exploration.points[i].objectives);
    }
    return values;
  }

  static const Known* known() { return known_; }
  static const Exploration& exhaustive() { return *exhaustive_; }

 private:
  static inline Known* known_ = nullptr;
  static inline Exploration* exhaustive_ = nullptr;
};

TEST_F(ExplorerSweep, ExhaustiveExplorationHasEveryPointOnceAndOnlyUndominatedOnesOnItsFront) {
  const Exploration& all = exhaustive();
  ASSERT_TRUE(all.is_complete);
  EXPECT_TRUE(all.is_exhaustive);
  ASSERT_EQ(all.points.size(), 4096U);
  for (std::size_t i = 0; i < all.points.size(); ++i) EXPECT_EQ(all.points[i].index, i);
  ASSERT_GT(all.front.size(), 5U);
  const std::set<std::size_t> front(all.front.begin(), all.front.end());
  for (std::size_t i = 0; i < all.points.size(); ++i) {
    if (!all.points[i].is_feasible) continue;
    const bool is_covered = std::any_of(all.front.begin(), all.front.end(), [&](std::size_t k) {
      return all.points[k].objectives == all.points[i].objectives ||
             dominates(all.points[k].objectives, all.points[i].objectives);
    });
    EXPECT_TRUE(is_covered);
    if (!front.contains(i)) continue;
    for (const ExploredPoint& other : all.points) {
      EXPECT_FALSE(other.is_feasible && dominates(other.objectives, all.points[i].objectives));
    }
  }
}

TEST_F(ExplorerSweep, FifteenPercentOfTheEvaluationsFindTheFront) {
  ObjectiveValues reference(space().objectives.size(), 0.0);
  for (const ExploredPoint& point : exhaustive().points) {
    for (std::size_t m = 0; m < reference.size(); ++m) {
      if (point.is_feasible) reference[m] = std::max(reference[m], point.objectives[m]);
    }
  }
  const double whole = hypervolume(front_values(exhaustive()), reference);
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    PointRunner runner = runner_of(lookup());
    ExploreOptions options = space();
    options.max_evaluations = 614;
    options.seed = seed;
    const Exploration found = explore(runner, options);
    EXPECT_EQ(runner.num_simulated(), 0);
    EXPECT_FALSE(found.is_exhaustive);
    EXPECT_EQ(found.points.size(), 614U);
    EXPECT_GE(hypervolume(front_values(found), reference), 0.99 * whole) << "seed " << seed;
    std::vector<ObjectiveValues> missed;
    const std::vector<ObjectiveValues> values = front_values(found);
    for (const ObjectiveValues& value : front_values(exhaustive())) {
      if (std::find(values.begin(), values.end(), value) == values.end()) missed.push_back(value);
    }
    EXPECT_LE(missed.size(), exhaustive().front.size() / 20) << "seed " << seed;
  }
}

TEST_F(ExplorerSweep, LimitsHoldOnTheFrontAndCutNothingElse) {
  ASSERT_FALSE(exhaustive().front.empty());
  const ObjectiveValues& middle =
      exhaustive().points[exhaustive().front[exhaustive().front.size() / 2]].objectives;
  ExploreOptions options = space();
  options.exhaustive = true;
  options.limits = {{options.objectives[0], middle[0]}};
  PointRunner runner = runner_of(lookup());
  const Exploration limited = explore(runner, options);
  std::vector<ObjectiveValues> expected;
  for (const ObjectiveValues& value : front_values(exhaustive())) {
    if (value[0] <= middle[0]) expected.push_back(value);
  }
  EXPECT_EQ(front_values(limited), expected);
  EXPECT_LT(limited.num_feasible(), exhaustive().num_feasible());
}

TEST_F(ExplorerSweep, JobsAndInterruptionsChangeNothing) {
  ExploreOptions options = space();
  options.max_evaluations = 120;
  const auto text_of = [](const Exploration& exploration) {
    std::string text;
    for (const ExploredPoint& point : exploration.points) {
      text += std::to_string(point.index) + (point.result.is_ok() ? " ok" : " failed");
      for (const double value : point.objectives) text += " " + std::to_string(value);
      text += "\n";
    }
    for (const std::size_t i : exploration.front) text += std::to_string(i) + " ";
    return text;
  };
  PointRunner reference = runner_of(lookup());
  const std::string expected = text_of(explore(reference, options));
  for (const std::size_t num_jobs : {1, 3}) {
    Known journal;
    PointRunnerOptions stopped;
    stopped.num_jobs = num_jobs;
    stopped.on_simulated = [&](const Summary& network) {
      journal.insert_or_assign({network.info.machine, network.info.network_hash}, network);
    };
    stopped.keep_going = [](std::int64_t done) { return done < 50; };
    PointRunner first = runner_of(stopped);
    EXPECT_FALSE(explore(first, options).is_complete);
    EXPECT_GE(journal.size(), 50U);
    PointRunnerOptions resumed;
    resumed.num_jobs = num_jobs;
    resumed.find = [&](const std::string& machine, std::uint64_t hash) -> const Summary* {
      const auto found = journal.find({machine, hash});
      return found == journal.end() ? nullptr : &found->second;
    };
    PointRunner second = runner_of(resumed);
    EXPECT_EQ(text_of(explore(second, options)), expected);
    EXPECT_GT(second.num_found(), 0);
  }
}

}  // namespace
}  // namespace tilewake
