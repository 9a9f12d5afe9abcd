// SPDX-License-Identifier: Apache-2.0
#include "nas/search/teacher.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/space/scaling.hpp"
#include "tests/nas/search/search_world.hpp"
#include "tests/support/input_error.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kNumImages = 6;
constexpr std::int64_t kNumClasses = 5;

struct TaughtCase {
  TaughtCase() {
    torch::manual_seed(1);
    const auto options = torch::TensorOptions(torch::kDouble);
    logits = torch::randn({kNumImages, kNumClasses}, options).set_requires_grad(true);
    of_teacher = 3.0 * torch::randn({kNumImages, kNumClasses}, options);
    images = torch::randn({kNumImages, 1, 8, 8}, options);
    labels = torch::randint(kNumClasses, {kNumImages}, torch::kLong);
    teacher.side = 8;
    teacher.logits = [this](const torch::Tensor&) { return of_teacher; };
    distillation.weight = 0.3;
    distillation.temperature = 2.5;
  }
  torch::Tensor loss(const Teacher* by) {
    return taught_loss(logits, images, labels, /*label_smoothing=*/0.0, by, distillation);
  }

  torch::Tensor logits, of_teacher, images, labels;
  Teacher teacher;
  DistillationRecipe distillation;
};

// d/dz of CE is p - y, of t^2 KL(q || p_t) it is t (p_t - q); both over the number of images.
TEST(TeacherTest, TheGradientIsTheWeightedSumOfBothErrors) {
  TaughtCase c;
  c.loss(&c.teacher).backward();
  const double w = c.distillation.weight;
  const double t = c.distillation.temperature;
  const torch::NoGradGuard no_grad;
  const torch::Tensor y = torch::nn::functional::one_hot(c.labels, kNumClasses).to(torch::kDouble);
  const torch::Tensor of_labels = c.logits.softmax(1) - y;
  const torch::Tensor of_teacher = t * ((c.logits / t).softmax(1) - (c.of_teacher / t).softmax(1));
  const torch::Tensor expected =
      ((1.0 - w) * of_labels + w * of_teacher) / static_cast<double>(kNumImages);
  EXPECT_LT((c.logits.grad() - expected).abs().max().item<double>(), 1e-12);
}

TEST(TeacherTest, ATeacherOfTheSameLogitsAddsNothing) {
  TaughtCase c;
  const double alone = c.loss(nullptr).item<double>();
  c.of_teacher = c.logits.detach();
  EXPECT_NEAR(c.loss(&c.teacher).item<double>(), (1.0 - c.distillation.weight) * alone, 1e-12);
  c.distillation.weight = 0.0;
  EXPECT_NEAR(c.loss(&c.teacher).item<double>(), alone, 1e-12);
}

TEST(TeacherTest, ATeacherSeesImagesOfItsOwnSize) {
  TaughtCase c;
  c.teacher.side = 12;
  std::int64_t side = 0;
  c.teacher.logits = [&](const torch::Tensor& images) {
    side = images.size(2);
    EXPECT_FALSE(torch::GradMode::is_enabled());
    EXPECT_EQ(images.size(3), side);
    return c.of_teacher;
  };
  c.loss(&c.teacher);
  EXPECT_EQ(side, 12);
}

TEST(TeacherTest, TheTeacherOfASupernetIsTrainedOnceAndWider) {
  StepWorld world;
  Recipe& recipe = world.run.recipe;
  EXPECT_EQ(teacher_of(world.run, world.target), nullptr);
  recipe.train_distillation.teacher = kSupernetTeacher;
  recipe.train_distillation.teacher_width = 3.0;
  const auto teacher = teacher_of(world.run, world.target);
  ASSERT_NE(teacher, nullptr);
  EXPECT_GT(world.fake.phases.size(), 0U);
  const StepRecord record = records_in(world.target.directory).at("teacher");
  const SearchSpace& space = world.run.space;
  const Architecture full = architecture_of(space, full_outcomes(space));
  EXPECT_GT(num_trained_params(*record.architecture), 3 * num_trained_params(full));
  const torch::Tensor images = torch::randn({2, 1, space.input.height, space.input.width});
  world.fake.phases.clear();
  const auto again = teacher_of(world.run, world.target);
  EXPECT_TRUE(world.fake.phases.empty());
  EXPECT_EQ(teacher->identity, again->identity);
  EXPECT_TRUE(torch::equal(teacher->logits(images), again->logits(images)));
}

TEST(TeacherTest, AMethodWithoutSupernetHasNoSuchTeacher) {
  StepWorld world;
  world.run.recipe.train_distillation.teacher = kSupernetTeacher;
  world.run.method = Method::kMobilenetV2;
  EXPECT_THAT(input_error_of([&] { teacher_of(world.run, world.target); }),
              HasSubstr("method mobilenet_v2 has no supernet of blocks"));
}

}  // namespace
}  // namespace tilewake
