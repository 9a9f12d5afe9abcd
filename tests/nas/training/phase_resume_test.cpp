// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/training/checkpoint.hpp"
#include "nas/training/phase.hpp"
#include "tests/nas/training/phase_world.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/temp_dir.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::int64_t kNumResumedSteps = 12;  // 2.4 epochs of 5 steps

/// Ends a process in these tests: all its state is discarded.
struct Killed {};

/// The results of a phase.
struct Outcome {
  PhaseResult result;
  std::vector<torch::Tensor> values;
  double own_state = 0.0;
  std::string metrics;     // the text of metrics.csv
  std::string checkpoint;  // bytes of the files
  std::string best;
};

/// A directory in which one run trains, by one process after another.
class TrainingRun {
 public:
  explicit TrainingRun(OptimizerKind kind, int batch_size = 8, double epochs = 2.4)
      : kind_(kind), batch_size_(batch_size), epochs_(epochs) {}

  /// One process: killed in step `kill_at`, interrupted after `interrupt_at`, if so many are made.
  /// Empty if it was killed.
  std::optional<Outcome> process(double checkpoint_seconds, std::int64_t kill_at,
                                 std::int64_t interrupt_at) {
    at::set_num_threads(1);
    TinyLearner learner;
    MetricsLog metrics(directory_.path().string());
    const auto train = tiny_loader(43, batch_size_, true);
    const auto validation = tiny_loader(21, 9, false);
    PhaseOptions options = tiny_options(kind_);
    options.recipe.batch_size = batch_size_;
    options.recipe.epochs = epochs_;
    options.checkpoint_path = directory_.file("checkpoint");
    options.best_path = directory_.file("best");
    options.checkpoint_seconds = checkpoint_seconds;
    options.fingerprint = "f";
    options.metrics = &metrics;
    options.target_ms = 1.5;
    options.validation = validation.get();
    options.predict = [&](const torch::Tensor& images) { return learner.net->forward(images); };
    std::int64_t step = 0;  // of the phase
    options.on_progress = [&](const PhaseProgress& progress) {
      step = progress.step;
      if (step == kill_at) throw Killed();
    };
    options.is_interrupted = [&] { return step == interrupt_at; };
    Outcome outcome;
    try {
      outcome.result = run_phase(learner, *train, options);
    } catch (const Killed&) {
      return {};
    }
    num_steps_made = static_cast<std::int64_t>(learner.contexts.size());
    outcome.values = values_of(*learner.net);
    outcome.own_state = learner.own_state;
    outcome.metrics = text_of(directory_.file("metrics.csv"));
    outcome.checkpoint = text_of(options.checkpoint_path);
    outcome.best = text_of(options.best_path);
    return outcome;
  }

  Outcome finish() { return *process(3600.0, -1, -1); }

  void add_row(const MetricsRow& row) { MetricsLog(directory_.path().string()).add(row); }

  std::int64_t num_steps_made = 0;  // by the last process

 private:
  TempDir directory_;
  OptimizerKind kind_;
  int batch_size_;
  double epochs_;
};

void expect_same(const Outcome& a, const Outcome& b) {
  EXPECT_EQ(b.result.end, PhaseEnd::kComplete);
  EXPECT_TRUE(all_equal(a.values, b.values));
  EXPECT_EQ(a.own_state, b.own_state);
  EXPECT_EQ(a.metrics, b.metrics);
  EXPECT_TRUE(a.checkpoint == b.checkpoint) << "checkpoints differ";
  EXPECT_TRUE(a.best == b.best) << "best weights differ";
  EXPECT_EQ(a.result.best_accuracy, b.result.best_accuracy);
  EXPECT_EQ(a.result.best_step, b.result.best_step);
  ASSERT_TRUE(a.result.validation && b.result.validation);
  EXPECT_EQ(a.result.validation->correct, b.result.validation->correct);
  EXPECT_EQ(a.result.validation->loss, b.result.validation->loss);
}

class PhaseResume : public ::testing::TestWithParam<OptimizerKind> {};

TEST_P(PhaseResume, InterruptedAfterAnyStepItResumesBitIdentically) {
  const Outcome whole = TrainingRun(GetParam()).finish();
  for (std::int64_t n = 1; n < kNumResumedSteps; ++n) {
    TrainingRun run(GetParam());
    const std::optional<Outcome> first = run.process(3600.0, -1, n);
    ASSERT_TRUE(first.has_value());
    EXPECT_EQ(first->result.end, PhaseEnd::kInterrupted);
    EXPECT_EQ(run.num_steps_made, n);
    const Outcome resumed = run.finish();
    EXPECT_EQ(run.num_steps_made, kNumResumedSteps - n);
    SCOPED_TRACE(n);
    expect_same(whole, resumed);
  }
}

TEST_P(PhaseResume, InterruptedAfterEveryStepItResumesBitIdentically) {
  const Outcome whole = TrainingRun(GetParam()).finish();
  TrainingRun run(GetParam());
  for (std::int64_t n = 1; n < kNumResumedSteps; ++n)
    ASSERT_TRUE(run.process(3600.0, -1, n).has_value());
  expect_same(whole, run.finish());
}

// The step in which it is killed has written its row of metrics, and at an epoch's end the best
// weights, but no checkpoint.
TEST_P(PhaseResume, KilledInAnyStepItResumesBitIdentically) {
  const Outcome whole = TrainingRun(GetParam()).finish();
  for (std::int64_t n = 1; n <= kNumResumedSteps; ++n) {
    TrainingRun run(GetParam());
    EXPECT_FALSE(run.process(0.0, n, -1).has_value());
    const Outcome resumed = run.finish();
    EXPECT_EQ(run.num_steps_made, kNumResumedSteps - n + 1) << "the step before was not saved";
    SCOPED_TRACE(n);
    expect_same(whole, resumed);
  }
}

TEST_P(PhaseResume, KilledBeforeTheFirstTimedCheckpointItRestarts) {
  const Outcome whole = TrainingRun(GetParam()).finish();
  TrainingRun run(GetParam());
  EXPECT_FALSE(run.process(3600.0, 7, -1).has_value());
  EXPECT_FALSE(run.process(3600.0, 4, -1).has_value());
  const Outcome resumed = run.finish();
  EXPECT_EQ(run.num_steps_made, kNumResumedSteps);
  expect_same(whole, resumed);
}

INSTANTIATE_TEST_SUITE_P(Optimizers, PhaseResume,
                         ::testing::Values(OptimizerKind::kRmspropTf, OptimizerKind::kSgd,
                                           OptimizerKind::kAdamW));

TEST(PhaseResumed, ACompletePhaseReturnsAtOnceWhatItReturned) {
  TrainingRun run(OptimizerKind::kRmspropTf);
  const Outcome whole = run.finish();
  EXPECT_EQ(run.num_steps_made, kNumResumedSteps);
  const Outcome again = run.finish();
  EXPECT_EQ(run.num_steps_made, 0);
  EXPECT_EQ(again.result.num_images, 0);
  expect_same(whole, again);
}

TEST(PhaseResumed, ACompletePhaseLeavesTheMetricsOfTheNextAlone) {
  TrainingRun run(OptimizerKind::kSgd);
  const Outcome whole = run.finish();
  MetricsRow row;
  row.phase = "next";
  run.add_row(row);
  const std::string metrics = run.finish().metrics;
  EXPECT_EQ(metrics.substr(0, whole.metrics.size()), whole.metrics);
  EXPECT_THAT(metrics.substr(whole.metrics.size()), ::testing::StartsWith("next,"));
}

// Batches of one image: 43 steps an epoch and a row of metrics every second step, so that a
// checkpoint after an odd step holds half of a row.
TEST(PhaseResumed, InterruptedBetweenMetricsRowsItResumesBitIdentically) {
  const Outcome whole = TrainingRun(OptimizerKind::kSgd, 1, 0.2).finish();
  for (std::int64_t n = 1; n < 9; ++n) {
    TrainingRun run(OptimizerKind::kSgd, 1, 0.2);
    ASSERT_TRUE(run.process(3600.0, -1, n).has_value());
    SCOPED_TRACE(n);
    expect_same(whole, run.finish());
  }
}

/// A phase of one step that leaves a checkpoint, and what another with other options makes of it.
class PhaseCheckpoint : public ::testing::Test {
 protected:
  PhaseCheckpoint() : train_(tiny_loader(43, 8, true)) {
    at::set_num_threads(1);
    options_ = tiny_options();
    options_.checkpoint_path = directory_.file("checkpoint");
    options_.fingerprint = "train.epochs=2\n";
    options_.is_interrupted = [] { return true; };
    run(options_);
  }

  PhaseResult run(const PhaseOptions& options) {
    TinyLearner learner;
    return run_phase(learner, *train_, options);
  }
  std::string error_of(const PhaseOptions& options) {
    const std::string before = text_of(options_.checkpoint_path);
    std::string error = input_error_of([&] { run(options); });
    EXPECT_TRUE(text_of(options_.checkpoint_path) == before);
    return error;
  }

  TempDir directory_;
  std::unique_ptr<ImageLoader> train_;
  PhaseOptions options_;
};

TEST_F(PhaseCheckpoint, OfAnotherRunIsRefused) {
  PhaseOptions other = options_;
  other.fingerprint = "train.epochs=3\n";
  EXPECT_THAT(error_of(other), StartsWith(options_.checkpoint_path + ": "));
  EXPECT_THAT(error_of(other), HasSubstr("train.epochs was 2, is now 3"));
  other = options_;
  other.recipe.epochs = 3.0;
  EXPECT_THAT(error_of(other), StartsWith(options_.checkpoint_path + ": is of a phase of "));
  other = options_;
  other.name = "search";
  EXPECT_THAT(error_of(other), StartsWith(options_.checkpoint_path + ": is of phase train"));
}

// With equal fingerprints, the settings in the state are still checked.
TEST_F(PhaseCheckpoint, OfAnotherOptimizerOrEmaIsRefused) {
  PhaseOptions other = options_;
  other.recipe.optimizer.momentum = 0.5;
  EXPECT_EQ(error_of(other),
            options_.checkpoint_path + ": optimizer sgd: momentum is 0.9, this run has 0.5");
  other = options_;
  other.recipe.ema_decay = 0.5;
  EXPECT_EQ(error_of(other), options_.checkpoint_path + ": ema_decay is 0.8, this run has 0.5");
}

TEST_F(PhaseCheckpoint, WithoutItsBestWeightsIsRefused) {
  const auto validation = tiny_loader(21, 9, false);
  PhaseOptions options = options_;
  options.checkpoint_path = directory_.file("other");
  options.best_path = directory_.file("best");
  options.validation = validation.get();
  options.predict = [](const torch::Tensor& images) { return torch::zeros({images.size(0), 3}); };
  options.is_interrupted = {};
  run(options);
  std::filesystem::remove(options.best_path);
  EXPECT_THAT(input_error_of([&] { run(options); }),
              AllOf(StartsWith(options.checkpoint_path + ": "), HasSubstr(options.best_path)));
}

TEST_F(PhaseCheckpoint, GivesItsWeightsToAnotherModule) {
  TinyLearner learner;
  PhaseOptions options = options_;
  options.is_interrupted = {};
  run_phase(learner, *train_, options);
  TinyNet other(123, 0.0);
  load_phase_module(options_.checkpoint_path, *other);
  EXPECT_TRUE(all_equal(values_of(*other), learner.values.back()));  // without EMA
  torch::nn::Linear wrong(2, 2);
  EXPECT_THAT(input_error_of([&] { load_phase_module(options_.checkpoint_path, *wrong); }),
              ::testing::HasSubstr(options_.checkpoint_path + ": weight "));
}

TEST_F(PhaseCheckpoint, IsTheStateThatTheNextPhasesOptimizerBeginsWith) {
  PhaseOptions first = options_;
  first.checkpoint_path = directory_.file("first");
  first.is_interrupted = {};
  first.recipe = tiny_options(OptimizerKind::kRmspropTf).recipe;
  first.recipe.ema_decay = 0.0;
  TinyLearner learner;
  run_phase(learner, *train_, first);
  const auto& values = learner.values;

  // With a learning rate of 0, RMSProp still moves by momentum x its last move.
  PhaseOptions second = first;
  second.name = "search";
  second.checkpoint_path.clear();
  second.recipe.epochs = 0.1;
  second.recipe.schedule.learning_rate = 0.0;
  TinyLearner fresh;
  load_phase_module(first.checkpoint_path, *fresh.net);
  run_phase(fresh, *train_, second);
  EXPECT_TRUE(torch::equal(fresh.values.back()[0], values.back()[0]));

  second.optimizer_from = first.checkpoint_path;
  TinyLearner going_on;
  load_phase_module(first.checkpoint_path, *going_on.net);
  run_phase(going_on, *train_, second);
  ASSERT_EQ(going_on.values.size(), 1U);
  const torch::Tensor last_move = values[values.size() - 1][0] - values[values.size() - 2][0];
  EXPECT_TRUE(
      torch::allclose(going_on.values[0][0] - values.back()[0], 0.9 * last_move, 1e-3, 1e-6));

  second.recipe.optimizer.kind = OptimizerKind::kSgd;  // begins afresh
  TinyLearner other_kind;
  load_phase_module(first.checkpoint_path, *other_kind.net);
  run_phase(other_kind, *train_, second);
  EXPECT_TRUE(torch::equal(other_kind.values.back()[0], values.back()[0]));
}

}  // namespace
}  // namespace tilewake
