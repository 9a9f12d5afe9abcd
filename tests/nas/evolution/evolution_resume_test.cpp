// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/evolution/evolution.hpp"
#include "simulator/common/yaml_document.hpp"
#include "tests/nas/evolution/separable.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/random.hpp"
#include "tests/support/temp_dir.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::uint64_t kSeed = 17;

void expect_equal(const EvolutionResult& a, const EvolutionResult& b) {
  EXPECT_EQ(a.end, b.end);
  EXPECT_EQ(a.best, b.best);
  EXPECT_EQ(a.candidates, b.candidates);
  EXPECT_EQ(a.log, b.log);
  ASSERT_EQ(a.fastest_met.has_value(), b.fastest_met.has_value());
  EXPECT_EQ(a.fastest_met->path, b.fastest_met->path);
  EXPECT_EQ(a.fastest_met->latency_ms, b.fastest_met->latency_ms);
}

/// Scores that are no round numbers, and a file.
class EvolutionResumeTest : public ::testing::Test {
 protected:
  EvolutionResumeTest() : world_(std::vector<int>(7, 4), 1), problem_(world_.problem()) {
    options_.population = 8;
    options_.parents = 3;
    options_.mutations = 3;
    options_.crossovers = 3;
    options_.generations = 4;
    problem_.score = [this](const Path& path) {
      ++num_scored_;
      return world_.score(path) / 3.0;
    };
  }

  std::string file() const { return directory_.file("stage/evolution.json"); }
  std::string text() const { return read_text_file(file()); }
  void write(const std::string& text) const { std::ofstream(file(), std::ios::binary) << text; }

  EvolutionResult run() { return evolve(problem_, options_, kSeed, file()); }
  std::string run_error() {
    return input_error_of([&] { run(); });
  }
  /// Up to `num_scores` more scores.
  EvolutionResult run_until(int num_scores) {
    num_scored_ = 0;
    EvolutionProblem problem = problem_;
    problem.is_interrupted = [&] { return num_scored_ >= num_scores; };
    return evolve(problem, options_, kSeed, file());
  }

  TempDir directory_;
  Separable world_;
  EvolutionProblem problem_;
  EvolutionOptions options_;
  int num_scored_ = 0;
};

TEST_F(EvolutionResumeTest, AFileChangesNothing) {
  const EvolutionResult without = evolve(problem_, options_, kSeed);
  expect_equal(run(), without);
  EXPECT_EQ(without.candidates.size(), 32U);
}

TEST_F(EvolutionResumeTest, InterruptedAfterAnyScoreItEndsTheSame) {
  const EvolutionResult whole = run();
  const std::string bytes = text();
  const auto total = static_cast<int>(whole.candidates.size());
  for (int k = 0; k < total; ++k) {
    std::filesystem::remove(file());
    const EvolutionResult part = run_until(k);
    EXPECT_EQ(part.end, EvolutionEnd::kInterrupted);
    EXPECT_EQ(part.candidates,
              std::vector<Candidate>(whole.candidates.begin(), whole.candidates.begin() + k));
    EXPECT_EQ(part.best.has_value(), k > 0);
    num_scored_ = 0;
    expect_equal(run(), whole);
    EXPECT_EQ(num_scored_, total - k) << "what was scored is not scored again";
    EXPECT_EQ(text(), bytes);
  }
}

TEST_F(EvolutionResumeTest, InterruptedAfterEveryScoreItEndsTheSame) {
  const EvolutionResult whole = run();
  const std::string bytes = text();
  std::filesystem::remove(file());
  EvolutionResult result;
  int num_runs = 0;
  do {
    result = run_until(1);
    ++num_runs;
  } while (result.end == EvolutionEnd::kInterrupted);
  EXPECT_EQ(num_runs, 32);
  expect_equal(result, whole);
  EXPECT_EQ(text(), bytes);
}

TEST_F(EvolutionResumeTest, ScoresBeforeAFailureAreKept) {
  const EvolutionResult whole = run();
  const std::string bytes = text();
  std::filesystem::remove(file());
  EvolutionProblem failing = problem_;
  failing.score = [&](const Path& path) {
    if (path == whole.candidates[13].path) throw std::runtime_error("out of memory");
    return problem_.score(path);
  };
  EXPECT_THROW(evolve(failing, options_, kSeed, file()), std::runtime_error);
  num_scored_ = 0;
  expect_equal(run(), whole);
  EXPECT_EQ(num_scored_, 32 - 13);
  EXPECT_EQ(text(), bytes);
}

TEST_F(EvolutionResumeTest, ACompleteOneIsReadBackWithItsGenerations) {
  const EvolutionResult whole = run();
  num_scored_ = 0;
  int num_told = 0;
  problem_.on_generation = [&](const Generation&) { ++num_told; };
  problem_.is_interrupted = [] { return true; };
  expect_equal(run(), whole);
  EXPECT_EQ(num_scored_, 0);
  EXPECT_EQ(num_told, 4);
}

TEST_F(EvolutionResumeTest, OneThatEndedEarlyIsReadBack) {
  const Separable small({2, 3}, 1);
  problem_.space = small.problem(1.0).space;
  problem_.score = [&](const Path& path) {
    ++num_scored_;
    return small.score(path);
  };
  const EvolutionResult whole = run();
  EXPECT_EQ(num_scored_, 6);
  expect_equal(run(), whole);
  EXPECT_EQ(num_scored_, 6);
}

TEST_F(EvolutionResumeTest, OtherSettingsAreRefusedByName) {
  run();
  const std::string bytes = text();
  const EvolutionProblem problem = problem_;
  const EvolutionOptions options = options_;
  const std::vector<std::function<void()>> changes = {
      [&] { ++options_.population; },
      [&] { ++options_.parents; },
      [&] { ++options_.mutations; },
      [&] { ++options_.crossovers; },
      [&] { ++options_.generations; },
      [&] { --options_.generations; },
      [&] { options_.mutation_probability = 0.11; },
      [&] { ++options_.max_tries_factor; },
      [&] { problem_.space.num_choices[2] = 3; },
      [&] { problem_.space.fixed = Path(7, -1); },
      [&] { problem_.space.limit_ms *= 1.0 + 1e-15; },
      [&] { problem_.fastest = Path(7, 0); },
      [&] { problem_.fingerprint = "supernet=another"; }};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    changes[i]();
    EXPECT_THAT(run_error(), StartsWith(file() + ": was written with different settings: ")) << i;
    problem_ = problem;
    options_ = options;
  }
  EXPECT_THAT(input_error_of([&] { evolve(problem_, options_, kSeed + 1, file()); }),
              HasSubstr("settings: seed was "));
  EXPECT_EQ(text(), bytes);
}

TEST_F(EvolutionResumeTest, OtherLatenciesAreRefusedByName) {
  run();
  problem_.space.latency_ms = [&](const Path& path) { return world_.ms(path) * 0.999; };
  EXPECT_THAT(run_error(), StartsWith(file() + ": candidate 1 "));
  problem_.space.latency_ms = [&](const Path&) { return 1e9; };
  EXPECT_THAT(run_error(), StartsWith(file() + ": candidate 1 "));
}

TEST_F(EvolutionResumeTest, TruncatedFilesAreRefusedByName) {
  run();
  const std::string whole = text();
  for (std::size_t length = 0; length + 1 < whole.size(); length += 7) {
    write(whole.substr(0, length));
    ASSERT_THAT(run_error(), StartsWith(file() + ":")) << length;
  }
}

TEST_F(EvolutionResumeTest, AChangedByteIsRefusedByNameOrChangesNothing) {
  const EvolutionResult result = run();
  const std::string whole = text();
  Random random(5);
  int num_refused = 0;
  for (int n = 0; n < 1000; ++n) {
    const std::size_t at = random.below(whole.size());
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ static_cast<char>(1 + random.below(255)));
    write(damaged);
    if (const std::string error = run_error(); error != "no error") {
      ASSERT_THAT(error, StartsWith(file() + ":")) << damaged;
      ++num_refused;
    } else {
      expect_equal(run(), result);
    }
  }
  EXPECT_GT(num_refused, 950) << "a line break may become a space";
}

TEST_F(EvolutionResumeTest, ForeignFilesAreRefusedByName) {
  run();
  const std::string deep =
      R"({"hash": "x", "a": )" + std::string(100'000, '[') + std::string(100'000, ']') + "}";
  for (const std::string& foreign :
       {std::string(), std::string("null"), std::string("[]"), std::string("{}"), std::string("3"),
        std::string("name: a YAML file\n"), std::string("\xff\xfe\0\x01", 4), deep,
        std::string(R"({"hash": 3, "fingerprint": [], "candidates": null})")}) {
    write(foreign);
    EXPECT_THAT(run_error(), StartsWith(file() + ":")) << foreign.substr(0, 80);
  }
  std::filesystem::remove(file());
  std::filesystem::create_directories(file());
  EXPECT_THAT(run_error(), StartsWith(file() + ":"));
}

}  // namespace
}  // namespace tilewake
