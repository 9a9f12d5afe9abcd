// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/nas/search/search_world.hpp"

namespace tilewake {
namespace {

/// A directory in which one run goes on, by one process after another.
class ResumedRun {
 public:
  ResumedRun() : config_(tiny_run(directory_)) { config_.num_random = 1; }

  /// One process, interrupted after `num_steps` training steps if so many are left. False if it
  /// was.
  bool process(std::size_t num_steps) {
    FakeMachine fake;
    fake.is_interrupted = [&] { return fake.phases.size() >= num_steps; };
    bool is_complete = true;
    try {
      run_search(fake.attached(config_), Step::kEvaluate);
    } catch (const Interrupted&) {
      is_complete = false;
    }
    phases_ = fake.phases;
    return is_complete;
  }
  void finish() { ASSERT_TRUE(process(kNever)); }

  static constexpr std::size_t kNever = 1'000'000;

  /// Of the steps that the last process made.
  const std::vector<std::string>& phases() const { return phases_; }
  std::map<std::string, std::string> files() const { return files_of(config_.directory); }

 private:
  TempDir directory_;
  RunContext config_;
  std::vector<std::string> phases_;
};

/// What the run leaves that nobody interrupts, and the phase of each of its steps.
const ResumedRun& uninterrupted_run() {
  static const auto run = [] {
    auto whole = std::make_unique<ResumedRun>();
    whole->finish();
    return whole;
  }();
  return *run;
}

/// Every file of both runs, byte for byte.
void expect_same_files(const std::map<std::string, std::string>& actual,
                       const std::map<std::string, std::string>& expected) {
  std::set<std::string> names;
  for (const auto& [name, text] : actual) names.insert(name);
  for (const auto& [name, text] : expected) names.insert(name);
  for (const std::string& name : names) {
    ASSERT_EQ(actual.count(name), 1U) << name << " is missing";
    ASSERT_EQ(expected.count(name), 1U) << name << " is left over";
    EXPECT_TRUE(actual.at(name) == expected.at(name)) << name << " differs";
  }
  for (const char* name : {"decisions.log", "metrics.csv"})
    EXPECT_EQ(actual.at(name), expected.at(name));
}

TEST(SearchResume, InterruptedInAnyPhaseItLeavesTheSameFiles) {
  const std::vector<std::string>& phases = uninterrupted_run().phases();
  std::set<std::string> kinds;
  for (std::size_t first = 0; first < phases.size(); ++first) {
    if (first > 0 && phases[first] == phases[first - 1]) continue;
    SCOPED_TRACE("interrupted in " + phases[first]);
    kinds.insert(phases[first].substr(0, phases[first].find('-')));
    ResumedRun run;
    ASSERT_FALSE(run.process(first + 1));
    EXPECT_EQ(run.phases().back(), phases[first]);
    run.finish();
    EXPECT_EQ(run.phases().size(), phases.size() - first - 1) << "no step is made twice";
    expect_same_files(run.files(), uninterrupted_run().files());
  }
  EXPECT_EQ(kinds, (std::set<std::string>{"random", "rank", "search", "supergraph", "train"}));
}

TEST(SearchResume, InterruptedAfterEveryStepItLeavesTheSameFiles) {
  ResumedRun run;
  std::vector<std::string> phases;
  bool is_complete = false;
  while (!is_complete) {
    is_complete = run.process(1);
    phases.insert(phases.end(), run.phases().begin(), run.phases().end());
    ASSERT_LE(phases.size(), uninterrupted_run().phases().size()) << "the run never completes";
  }
  EXPECT_EQ(phases, uninterrupted_run().phases());
  expect_same_files(run.files(), uninterrupted_run().files());
}

}  // namespace
}  // namespace tilewake
