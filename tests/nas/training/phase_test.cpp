// SPDX-License-Identifier: Apache-2.0
#include "nas/training/phase.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <numeric>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/training/checkpoint.hpp"
#include "nas/training/schedule.hpp"
#include "tests/nas/training/phase_world.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/temp_dir.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;

// Images of one value each: what is mixed with what can be read from the values.
TEST(Mixed, ImagesAndClassesAreMixedByTheSameShare) {
  const torch::Tensor values = torch::tensor({1.0F, 10.0F, 100.0F, 1000.0F, 5.0F});
  const torch::Tensor images =
      values.view({5, 1, 1, 1}).expand({5, 2, 3, 4}).contiguous(torch::MemoryFormat::ChannelsLast);
  const torch::Tensor labels = torch::tensor({0, 1, 2, 3, 1}, torch::kLong);
  double sum = 0.0;
  double squares = 0.0;
  constexpr int kNumSeeds = 2000;
  for (std::uint64_t seed = 0; seed < kNumSeeds; ++seed) {
    const auto [inputs, targets] = mixed(images, labels, 4, 0.4, random_bits(seed));
    ASSERT_EQ(targets.sizes(), torch::IntArrayRef({5, 4}));
    const double share = targets[0][0].item<double>();  // the last image has another class
    EXPECT_NEAR(targets[0][1].item<double>(), 1.0 - share, 1e-6);
    EXPECT_NEAR(targets[2][2].item<double>(), 1.0, 1e-6) << "the middle one, with itself";
    EXPECT_NEAR(inputs[0][1][2][3].item<double>(), share * 1.0 + (1.0 - share) * 5.0, 1e-4);
    EXPECT_NEAR(inputs[1][0][0][0].item<double>(), share * 10.0 + (1.0 - share) * 1000.0, 1e-2);
    EXPECT_TRUE(inputs.is_contiguous(torch::MemoryFormat::ChannelsLast));
    sum += share;
    squares += share * share;
  }
  // Beta(a, a): mean 1/2, variance 1 / (4 (2 a + 1)).
  const double mean = sum / kNumSeeds;
  EXPECT_NEAR(mean, 0.5, 0.03);
  EXPECT_NEAR(squares / kNumSeeds - mean * mean, 1.0 / (4.0 * 1.8), 0.01);
}

TEST(Steps, OfAnEpochAreItsWholeBatches) {
  PhaseRecipe recipe;
  recipe.batch_size = 128;
  EXPECT_EQ(steps_per_epoch_of(recipe, 60000), 468);
  recipe.max_images = 6000;
  EXPECT_EQ(steps_per_epoch_of(recipe, 60000), 46);
  EXPECT_EQ(steps_per_epoch_of(recipe, 1000), 7);  // fewer than that
  recipe.max_images = 100;
  EXPECT_EQ(steps_per_epoch_of(recipe, 60000), 1);
}

TEST(Steps, OfAPhaseAreItsEpochsToTheNearestStepAndAtLeastOne) {
  PhaseRecipe recipe;
  recipe.batch_size = 100;
  for (const auto& [epochs, steps] : std::vector<std::pair<double, std::int64_t>>{
           {1.0, 10}, {2.5, 25}, {0.44, 4}, {0.46, 5}, {0.01, 1}, {350.0, 3500}}) {
    recipe.epochs = epochs;
    EXPECT_EQ(num_steps_of(recipe, 1099), steps) << epochs;
  }
}

TEST(ToTensors, GivesImagesByChannelInTheMemoryOrderOfTheBatch) {
  Batch batch;
  batch.num_images = 2;
  batch.height = 3;
  batch.width = 4;
  batch.channels = 5;
  batch.images.resize(2 * 3 * 4 * 5);
  std::iota(batch.images.begin(), batch.images.end(), 0.0F);
  batch.labels = {7, 8};
  const auto [images, labels] = to_tensors(batch, torch::kCPU);
  EXPECT_TRUE(images.is_contiguous(torch::MemoryFormat::ChannelsLast));
  EXPECT_EQ(images.sizes(), torch::IntArrayRef({2, 5, 3, 4}));
  EXPECT_EQ((images[1][4][2][3].item<float>()), 119.0F);
  EXPECT_EQ((images[0][3][1][2].item<float>()), static_cast<float>((1 * 4 + 2) * 5 + 3));
  std::fill(batch.images.begin(), batch.images.end(), -1.0F);  // the next batch goes there
  batch.labels = {0, 0};
  EXPECT_EQ((images[1][4][2][3].item<float>()), 119.0F);
  EXPECT_EQ(labels[1].item<std::int64_t>(), 8);
}

// Logits that depend on the image's mean alone, against sums written out here.
TEST(Evaluate, CountsEveryImageOnceInOrder) {
  const auto loader = tiny_loader(25, 9, false);
  const auto logits_of = [](const torch::Tensor& images) {
    const torch::Tensor mean = images.mean({1, 2, 3});
    return torch::stack({mean, -mean, 0.1 + 0.0 * mean}, 1);
  };
  for (int pass = 0; pass < 2; ++pass) {
    const Accuracy accuracy = evaluate(logits_of, *loader, torch::kCPU);
    ASSERT_EQ(accuracy.correct.size(), 25U);
    EXPECT_EQ(accuracy.num_images, 25);
    EXPECT_EQ(std::accumulate(accuracy.correct.begin(), accuracy.correct.end(), 0),
              accuracy.num_correct);
    double loss = 0.0;
    TinyImages images(25);
    Image image;
    for (std::int64_t i = 0; i < 25; ++i) {
      images.read(i, image);
      double mean = 0.0;
      for (const std::uint8_t pixel : image.pixels) mean += (pixel / 255.0 - 0.3) / 0.2 / 36.0;
      const std::vector<double> logits = {mean, -mean, 0.1};
      double sum = 0.0;
      for (const double logit : logits) sum += std::exp(logit);
      const auto label = static_cast<std::size_t>(images.label(i));
      loss += std::log(sum) - logits[label];
      const auto best =
          static_cast<std::size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
      EXPECT_EQ(accuracy.correct[static_cast<std::size_t>(i)], best == label ? 1 : 0) << i;
    }
    EXPECT_NEAR(accuracy.loss, loss / 25.0, 1e-5);
  }
}

TEST(Accuracy, HasABinomialStandardError) {
  Accuracy accuracy;
  EXPECT_EQ(accuracy.share(), 0.0);
  EXPECT_EQ(accuracy.standard_error(), 0.0);
  accuracy.num_images = 10000;
  accuracy.num_correct = 9000;
  EXPECT_DOUBLE_EQ(accuracy.share(), 0.9);
  EXPECT_NEAR(accuracy.standard_error(), 0.003, 1e-12);
}

class Phase : public ::testing::Test {
 protected:
  Phase() : train(tiny_loader(43, 8, true)), validation(tiny_loader(21, 9, false)) {
    at::set_num_threads(1);
    options = tiny_options();
  }
  void validate_with(TinyLearner& learner) {
    options.validation = validation.get();
    options.predict = [&learner](const torch::Tensor& images) {
      EXPECT_FALSE(learner.net->is_training());
      return learner.net->forward(images);
    };
  }

  std::unique_ptr<ImageLoader> train;       // 5 steps an epoch
  std::unique_ptr<ImageLoader> validation;  // 3 batches
  PhaseOptions options;
};

TEST_F(Phase, WithMixupLearnersGetProbabilities) {
  struct MixedLearner : TinyLearner {
    Result forward(const torch::Tensor& images, const torch::Tensor& labels,
                   const StepContext&) override {
      EXPECT_EQ(labels.sizes(), torch::IntArrayRef({8, 3}));
      EXPECT_TRUE(torch::allclose(labels.sum(1), torch::ones({8})));
      const torch::Tensor logits = net->forward(images);
      const torch::Tensor loss = torch::nn::functional::cross_entropy(logits, labels);
      const torch::Tensor by_hand = -(labels * torch::log_softmax(logits, 1)).sum(1).mean();
      EXPECT_NEAR(loss.item<double>(), by_hand.item<double>(), 1e-6);
      return {loss, logits, {}};
    }
  } learner;
  options.recipe.mixup = 0.2;
  options.num_classes = 3;
  EXPECT_EQ(run_phase(learner, *train, options).end, PhaseEnd::kComplete);
}

TEST_F(Phase, TrainsOnTheLoadersBatchesOfEachEpoch) {
  options.recipe.max_images = 30;  // 3 of 5 batches
  TinyLearner learner;
  const PhaseResult result = run_phase(learner, *train, options);
  EXPECT_EQ(result.end, PhaseEnd::kComplete);
  ASSERT_EQ(learner.batches.size(), 7U);  // 2.4 epochs of 3
  EXPECT_EQ(result.num_images, 7 * 8);
  EXPECT_TRUE(learner.was_training);
  const auto loader = tiny_loader(43, 8, true);
  for (std::size_t step = 0; step < 7; ++step) {
    Batch batch;
    loader->start(static_cast<std::int64_t>(step) / 3, static_cast<std::int64_t>(step) % 3);
    ASSERT_TRUE(loader->next(batch));
    EXPECT_TRUE(torch::equal(learner.batches[step], to_tensors(batch, torch::kCPU).second));
    const StepContext& context = learner.contexts[step];
    EXPECT_EQ(context.step, static_cast<std::int64_t>(step));
    EXPECT_EQ(context.num_steps, 7);
    EXPECT_DOUBLE_EQ(context.epoch, static_cast<double>(step) / 3.0);
  }
}

TEST_F(Phase, SeedsOfStepsDifferByStepPhaseAndRun) {
  std::vector<std::uint64_t> seeds;
  for (const std::string name : {"train", "search"}) {
    for (const std::uint64_t seed : {1, 2}) {
      options.name = name;
      options.seed = seed;
      TinyLearner learner;
      run_phase(learner, *train, options);
      for (const StepContext& context : learner.contexts) seeds.push_back(context.seed);
    }
  }
  std::sort(seeds.begin(), seeds.end());
  EXPECT_EQ(std::adjacent_find(seeds.begin(), seeds.end()), seeds.end());
}

std::vector<std::vector<std::string>> rows_of(const std::string& path) {
  std::istringstream file(text_of(path));
  std::vector<std::vector<std::string>> rows;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    rows.emplace_back();
    std::istringstream cells(line);
    for (std::string cell; std::getline(cells, cell, ',');) rows.back().push_back(cell);
    if (line.back() == ',') rows.back().emplace_back();
  }
  return rows;  // the header first
}

TEST_F(Phase, WritesARowEvery20thOfAnEpochAndAtItsEnd) {
  const TempDir directory;
  MetricsLog metrics(directory.path().string());
  train = tiny_loader(43, 1, true);  // 43 steps an epoch, a row every second
  options.recipe.batch_size = 1;
  options.recipe.epochs = 1.1;  // 47 steps
  options.metrics = &metrics;
  options.target_ms = 1.25;
  TinyLearner learner;
  validate_with(learner);
  const PhaseResult result = run_phase(learner, *train, options);
  const auto rows = rows_of(directory.file("metrics.csv"));
  const auto cell = [&](std::size_t row, const std::string& column) {
    const auto& header = rows.at(0);
    const auto at = std::find(header.begin(), header.end(), column) - header.begin();
    return rows.at(row).at(static_cast<std::size_t>(at));
  };
  ASSERT_EQ(rows.size(), 1U + 22U + 2U);  // 2 .. 42 and 43; 45 and 47
  std::int64_t from = 0;
  for (std::size_t row = 1; row < rows.size(); ++row) {
    const std::int64_t step = std::stoll(cell(row, "step"));
    const auto first = learner.losses.begin() + from;
    const auto last = learner.losses.begin() + step;
    EXPECT_EQ(step, row < 22 ? 2 * static_cast<std::int64_t>(row)
                             : (std::vector<std::int64_t>{43, 45, 47})[row - 22]);
    EXPECT_NEAR(std::stod(cell(row, "epoch")), static_cast<double>(step) / 43.0, 1e-5);
    EXPECT_NEAR(std::stod(cell(row, "loss")),
                std::accumulate(first, last, 0.0) / static_cast<double>(step - from), 1e-4);
    const double rate = learning_rate(options.recipe.schedule, 1, step - 1, 43.0, 47);
    EXPECT_NEAR(std::stod(cell(row, "learning_rate")), rate, 1e-5 * rate);
    EXPECT_NEAR(std::stod(cell(row, "gap_ms")), std::stod(cell(row, "latency_ms")) - 1.25, 1e-4);
    EXPECT_EQ(cell(row, "validation_loss").empty(), step != 43 && step != 47) << step;
    from = step;
  }
  EXPECT_NEAR(std::stod(cell(24, "validation_accuracy")), result.validation->share(), 1e-5);
  EXPECT_NEAR(std::stod(cell(24, "latency_ms")), 1.0 + learner.own_state, 1e-4);
}

// A reference EMA, updated with the weights after each step.
TEST_F(Phase, ValidatesAndEndsWithTheAverage) {
  TinyLearner learner;
  validate_with(learner);
  std::vector<std::vector<torch::Tensor>> validated;
  const auto forward = options.predict;
  options.predict = [&](const torch::Tensor& images) {
    validated.push_back(values_of(*learner.net));
    return forward(images);
  };
  const std::vector<torch::Tensor> initial = values_of(*learner.net);
  run_phase(learner, *train, options);
  ASSERT_EQ(validated.size(), 3U * 3U);  // epochs (the last one cut short) x batches

  std::vector<torch::Tensor> average;
  for (const torch::Tensor& value : initial) average.push_back(value.to(torch::kDouble));
  for (std::size_t n = 0; n < learner.values.size(); ++n) {
    const double decay =
        std::min(0.8, (1.0 + static_cast<double>(n)) / (10.0 + static_cast<double>(n)));
    for (std::size_t i = 0; i < average.size(); ++i) {
      average[i] = decay * average[i] + (1.0 - decay) * learner.values[n][i].to(torch::kDouble);
    }
    const std::size_t done = n + 1;
    if (done % 5 != 0 && done != 12) continue;
    const auto& seen = validated[(done == 12 ? 2 : done / 5 - 1) * 3];
    for (std::size_t i = 0; i < average.size(); ++i) {
      if (initial[i].is_floating_point()) {
        EXPECT_TRUE(torch::allclose(seen[i].to(torch::kDouble), average[i], 1e-4, 1e-6)) << i;
      }
    }
  }
  EXPECT_TRUE(all_equal(values_of(*learner.net), validated.back()));
}

TEST_F(Phase, KeepsTheWeightsOfTheBestEpoch) {
  const TempDir directory;
  options.best_path = directory.file("best");
  options.recipe.epochs = 5.0;
  // Right answers per epoch, by decree: the third is best, the fifth equals it.
  const std::vector<std::int64_t> num_right = {3, 2, 9, 8, 9};
  TinyLearner learner;
  options.validation = validation.get();
  std::int64_t num_batches = 0;
  std::vector<std::vector<torch::Tensor>> validated;
  options.predict = [&](const torch::Tensor& images) {
    if (num_batches % 3 == 0) validated.push_back(values_of(*learner.net));
    const std::int64_t epoch = num_batches / 3;
    const std::int64_t first = num_batches++ % 3 * 9;
    torch::Tensor logits = torch::zeros({images.size(0), 3});
    for (std::int64_t i = 0; i < images.size(0); ++i) {
      const std::int64_t image = first + i;
      const bool is_right = image < num_right[static_cast<std::size_t>(epoch)];
      logits[i][(image % 3 + (is_right ? 0 : 1)) % 3] = 1.0;
    }
    return logits;
  };
  const PhaseResult result = run_phase(learner, *train, options);
  EXPECT_EQ(result.best_step, 15);
  EXPECT_DOUBLE_EQ(result.best_accuracy, 9.0 / 21.0);
  EXPECT_EQ(result.validation->num_correct, 9);
  TinyNet best(1, 0.0);
  read_checkpoint(options.best_path,
                  [&](const StateArchive& archive) { load_module(archive, *best); });
  EXPECT_TRUE(all_equal(values_of(*best), validated[2]));
}

TEST_F(Phase, AParameterWithoutGradientOnlyDecays) {
  options.recipe.ema_decay = 0.0;
  options.recipe.optimizer.momentum = 0.0;
  options.recipe.optimizer.nesterov = false;
  options.recipe.optimizer.weight_decay = 0.5;
  TinyLearner learner;
  run_phase(learner, *train, options);
  double expected = 1.0;
  for (std::int64_t step = 0; step < 12; ++step) {
    expected *= 1.0 - 0.5 * learning_rate(options.recipe.schedule, 8, step, 5.0, 12);
  }
  EXPECT_NEAR(learner.net->unused[1][1].item<double>(), expected, 1e-6);
}

TEST_F(Phase, ReportsEveryStep) {
  std::vector<PhaseProgress> seen;
  options.on_progress = [&seen](const PhaseProgress& progress) { seen.push_back(progress); };
  options.target_ms = 2.0;
  TinyLearner learner;
  run_phase(learner, *train, options);
  ASSERT_EQ(seen.size(), 12U);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    EXPECT_EQ(seen[i].phase, "train");
    EXPECT_EQ(seen[i].step, static_cast<std::int64_t>(i + 1));
    EXPECT_EQ(seen[i].num_steps, 12);
    EXPECT_GT(seen[i].images_per_second, 0.0);
    EXPECT_EQ(seen[i].eta_seconds == 0.0, i == 11);
    EXPECT_EQ(seen[i].target_ms, 2.0);
    EXPECT_TRUE(seen[i].latency_ms.has_value());
    const auto last = learner.losses.begin() + static_cast<std::ptrdiff_t>(i + 1);
    EXPECT_NEAR(seen[i].loss,
                std::accumulate(learner.losses.begin(), last, 0.0) / static_cast<double>(i + 1),
                1e-6);  // of fewer than 20 steps: the mean
  }
}

TEST_F(Phase, ANonFiniteLossIsRefusedAndNotSaved) {
  const TempDir directory;
  options.checkpoint_path = directory.file("checkpoint");
  options.checkpoint_seconds = 0.0;
  TinyLearner learner;
  options.on_progress = [&learner](const PhaseProgress& progress) {
    if (progress.step == 4) learner.loss_factor = std::numeric_limits<double>::quiet_NaN();
  };
  EXPECT_EQ(input_error_of([&] { run_phase(learner, *train, options); }),
            "phase train: the loss is not finite at step 5 of 12; lower schedule.learning_rate "
            "(now 1 per 256 images) or set clip_norm");
  TinyNet saved(1, 0.0);
  load_phase_module(options.checkpoint_path, *saved);
  EXPECT_TRUE(all_equal(values_of(*saved), learner.values[3]));
}

TEST_F(Phase, ADivergingLearningRateIsRefused) {
  options.recipe.clip_norm = 0.0;
  options.recipe.epochs = 40;
  options.recipe.schedule.learning_rate = 1e30;
  TinyLearner learner;
  EXPECT_THAT(input_error_of([&] { run_phase(learner, *train, options); }),
              HasSubstr("phase train: the loss is not finite at step "));
}

TEST_F(Phase, ANonFiniteGradientIsRefusedByClipping) {
  /// sqrt(x - x) has the value 0 and an infinite slope.
  class Learner : public TinyLearner {
   public:
    Result forward(const torch::Tensor& images, const torch::Tensor& labels,
                   const StepContext& context) override {
      Result result = TinyLearner::forward(images, labels, context);
      result.loss = result.loss + torch::sqrt(net->unused.square().sum() * 0.0);
      return result;
    }
  };
  Learner learner;
  EXPECT_EQ(input_error_of([&] { run_phase(learner, *train, options); }),
            "phase train: a gradient is not finite at step 1 of 12; lower schedule.learning_rate");
}

TEST_F(Phase, MixedPrecisionOnACpuIsRefused) {
  options.mixed_precision = true;
  TinyLearner learner;
  EXPECT_EQ(input_error_of([&] { run_phase(learner, *train, options); }),
            "mixed precision needs a CUDA device; leave it off on a CPU");
}

TEST_F(Phase, LearnsWhatCanBeLearned) {
  for (const OptimizerKind kind :
       {OptimizerKind::kRmspropTf, OptimizerKind::kSgd, OptimizerKind::kAdamW}) {
    options = tiny_options(kind);
    options.recipe.epochs = 20.0;
    train = tiny_loader(240, 8, true);
    TinyLearner learner(0.0);
    validate_with(learner);
    const PhaseResult result = run_phase(learner, *train, options);
    EXPECT_GT(result.validation->share(), 0.9);
    EXPECT_LT(result.validation->loss, 0.5 * std::log(3.0));
    EXPECT_LT(learner.losses.back(), 0.5 * learner.losses.front());
  }
}

}  // namespace
}  // namespace tilewake
