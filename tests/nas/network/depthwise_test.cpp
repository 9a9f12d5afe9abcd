// SPDX-License-Identifier: Apache-2.0
#include "nas/network/depthwise.hpp"

#include <algorithm>
#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/random.hpp"

namespace tilewake {
namespace {

using depthwise::SimdLevel;
using ::testing::HasSubstr;

std::vector<SimdLevel> levels_of_this_cpu() {
  std::vector<SimdLevel> levels = {SimdLevel::kNone};
  if (depthwise::best_simd_level() >= SimdLevel::kAvx2) levels.push_back(SimdLevel::kAvx2);
  if (depthwise::best_simd_level() >= SimdLevel::kAvx512) levels.push_back(SimdLevel::kAvx512);
  return levels;
}

struct DepthwiseCase {
  torch::Tensor input;
  std::vector<torch::Tensor> weights;
  int stride = 1;

  std::string text() const {
    std::ostringstream out;
    out << "input " << input.sizes() << ", stride " << stride << ", weights";
    for (const torch::Tensor& weight : weights) out << ' ' << weight.sizes();
    return out.str();
  }
};

DepthwiseCase case_of(std::vector<std::int64_t> sizes,
                      const std::vector<std::vector<std::int64_t>>& branches, int stride) {
  DepthwiseCase c;
  c.stride = stride;
  sizes.insert(sizes.begin() + 1, 0);
  for (const std::vector<std::int64_t>& branch : branches) {  // channels, kernel
    c.weights.push_back(torch::randn({branch[0], 1, branch[1], branch[1]}));
    sizes[1] += branch[0];
  }
  c.input = torch::randn(sizes).contiguous(torch::MemoryFormat::ChannelsLast);
  return c;
}

struct Result {
  torch::Tensor output;
  torch::Tensor input_gradient;
  std::vector<torch::Tensor> weight_gradients;
};

std::vector<torch::Tensor> leaves(const std::vector<torch::Tensor>& tensors, torch::Dtype type) {
  std::vector<torch::Tensor> copies;
  for (const torch::Tensor& t : tensors) {
    copies.push_back(t.detach().to(type).clone().requires_grad_());
  }
  return copies;
}

/// Runs `convolve` on leaves of `type` and takes the gradients of sum(output x direction).
template <typename Convolve>
Result run(const DepthwiseCase& c, torch::Dtype type, const Convolve& convolve) {
  const torch::Tensor input = leaves({c.input}, type)[0];
  const std::vector<torch::Tensor> weights = leaves(c.weights, type);
  Result result;
  result.output = convolve(input, weights);
  const torch::Tensor direction =
      torch::sin(torch::arange(result.output.numel(), type)).reshape(result.output.sizes());
  (result.output * direction).sum().backward();
  result.input_gradient = input.grad();
  for (const torch::Tensor& weight : weights) result.weight_gradients.push_back(weight.grad());
  return result;
}

Result run_at(const DepthwiseCase& c, SimdLevel level) {
  return run(c, torch::kFloat, [&](const auto& input, const auto& weights) {
    return depthwise::mix_depthwise(input, weights, c.stride, level);
  });
}

/// Reference implementation in double, by the definition, branch by branch.
Result oracle(const DepthwiseCase& c) {
  return run(c, torch::kDouble, [&](const auto& input, const auto& weights) {
    std::vector<torch::Tensor> outputs;
    std::int64_t begin = 0;
    for (const torch::Tensor& weight : weights) {
      const std::int64_t channels = weight.size(0);
      outputs.push_back(torch::conv2d(input.narrow(1, begin, channels), weight, {}, c.stride,
                                      weight.size(2) / 2, 1, channels));
      begin += channels;
    }
    return torch::cat(outputs, 1);
  });
}

/// Tolerance of float against double: a sum of `terms` products of about 1.
void expect_close(const torch::Tensor& ours, const torch::Tensor& theirs, std::int64_t terms) {
  ASSERT_EQ(ours.sizes(), theirs.sizes());
  if (ours.numel() == 0) return;
  const double error = (ours.to(torch::kDouble) - theirs).abs().max().item<double>();
  EXPECT_LT(error, 1e-6 * (10.0 + static_cast<double>(terms)));
}

void expect_close(const DepthwiseCase& c, const Result& ours, const Result& theirs) {
  std::int64_t largest = 1;
  for (const torch::Tensor& weight : c.weights) largest = std::max(largest, weight.size(2));
  const std::int64_t outputs = theirs.output.numel() / std::max<std::int64_t>(c.input.size(1), 1);
  expect_close(ours.output, theirs.output, largest * largest);
  expect_close(ours.input_gradient, theirs.input_gradient, largest * largest);
  ASSERT_EQ(ours.weight_gradients.size(), theirs.weight_gradients.size());
  for (std::size_t b = 0; b < c.weights.size(); ++b) {
    expect_close(ours.weight_gradients[b], theirs.weight_gradients[b], outputs);
  }
}

void expect_exactly(const Result& a, const Result& b) {
  EXPECT_TRUE(torch::equal(a.output, b.output));
  EXPECT_TRUE(torch::equal(a.input_gradient, b.input_gradient));
  for (std::size_t i = 0; i < a.weight_gradients.size(); ++i) {
    EXPECT_TRUE(torch::equal(a.weight_gradients[i], b.weight_gradients[i]));
  }
}

void expect_oracle_at_all_levels(const DepthwiseCase& c) {
  const Result expected = oracle(c);
  for (const SimdLevel level : levels_of_this_cpu()) {
    SCOPED_TRACE(c.text() + ", level " + std::to_string(static_cast<int>(level)));
    expect_close(c, run_at(c, level), expected);
  }
}

class Depthwise : public ::testing::Test {
 protected:
  void SetUp() override {
    at::set_num_threads(1);
    torch::manual_seed(1);
  }
};

TEST_F(Depthwise, EqualsConvolutionsWithGroupsOfOneChannel) {
  for (const int stride : {1, 2, 3}) {
    for (const std::int64_t kernel : {1, 3, 5, 7, 9, 11, 13, 15}) {
      expect_oracle_at_all_levels(case_of({2, 14, 15}, {{16, kernel}}, stride));
    }
  }
}

TEST_F(Depthwise, EqualsConvolutionsOnRandomShapes) {
  Random random(3);
  for (int i = 0; i < 60; ++i) {
    std::vector<std::vector<std::int64_t>> branches;
    const std::int64_t num_branches = random.between(1, 4);
    for (std::int64_t b = 0; b < num_branches; ++b) {
      branches.push_back({random.between(1, 40), 2 * random.between(0, 5) + 1});
    }
    const std::vector<std::int64_t> sizes = {random.between(1, 20), random.between(1, 30),
                                             random.between(1, 30)};
    expect_oracle_at_all_levels(case_of(sizes, branches, static_cast<int>(random.between(1, 3))));
  }
}

TEST_F(Depthwise, EveryWidthOfARowIsComputed) {
  for (std::int64_t width = 1; width <= 40; ++width) {
    expect_oracle_at_all_levels(case_of({1, 3, width}, {{16, 3}, {8, 5}, {1, 7}}, 1));
    expect_oracle_at_all_levels(case_of({1, 3, width}, {{16, 7}, {8, 3}, {4, 5}}, 2));
  }
}

// Strips and tiles of rows are cut by size, so one case has planes larger than any of them.
TEST_F(Depthwise, LargeImagesAreNoDifferent) {
  expect_oracle_at_all_levels(case_of({1, 120, 131}, {{16, 7}, {16, 3}}, 1));
  expect_oracle_at_all_levels(case_of({1, 131, 120}, {{16, 5}, {16, 7}}, 2));
}

TEST_F(Depthwise, MoreStrideThanKernelLeavesPixelsWithoutGradient) {
  expect_oracle_at_all_levels(case_of({2, 11, 13}, {{5, 1}, {16, 3}}, 5));
}

TEST_F(Depthwise, AnEmptyBatchGivesEmptyOutputAndZeroWeightGradients) {
  for (const SimdLevel level : levels_of_this_cpu()) {
    const DepthwiseCase c = case_of({0, 7, 7}, {{16, 3}, {16, 5}}, 2);
    const Result result = run_at(c, level);
    EXPECT_EQ(result.output.sizes(), (std::vector<std::int64_t>{0, 32, 4, 4}));
    for (const torch::Tensor& gradient : result.weight_gradients) {
      EXPECT_EQ(gradient.abs().sum().item<float>(), 0.0F);
    }
  }
}

TEST_F(Depthwise, FiniteDifferencesAgreeWithTheGradients) {
  const DepthwiseCase c = case_of({2, 5, 4}, {{3, 3}, {2, 5}}, 2);
  for (const SimdLevel level : levels_of_this_cpu()) {
    const Result result = run_at(c, level);
    const torch::Tensor direction = torch::sin(torch::arange(result.output.numel(), torch::kFloat))
                                        .reshape(result.output.sizes());
    // The operation is linear in each argument: any step is exact except for rounding.
    const auto difference = [&](torch::Tensor argument, std::int64_t i) {
      const auto loss = [&] {
        const torch::Tensor y = depthwise::mix_depthwise(c.input, c.weights, c.stride, level);
        return (y * direction).sum().item<double>();
      };
      float* value = argument.data_ptr<float>() + i;
      const double before = loss();
      *value += 1.0F;
      const double after = loss();
      *value -= 1.0F;
      return after - before;
    };
    const torch::Tensor input_gradient =
        result.input_gradient.contiguous(torch::MemoryFormat::ChannelsLast);
    for (std::int64_t i = 0; i < c.input.numel(); i += 3) {
      EXPECT_NEAR(difference(c.input, i), input_gradient.data_ptr<float>()[i], 1e-4);
    }
    for (std::size_t b = 0; b < c.weights.size(); ++b) {
      for (std::int64_t i = 0; i < c.weights[b].numel(); ++i) {
        EXPECT_NEAR(difference(c.weights[b], i), result.weight_gradients[b].data_ptr<float>()[i],
                    1e-4);
      }
    }
  }
}

TEST_F(Depthwise, OrderOfTheInputInMemoryDoesNotMatter) {
  for (const SimdLevel level : levels_of_this_cpu()) {
    DepthwiseCase c = case_of({3, 9, 8}, {{16, 5}, {7, 3}}, 1);
    const Result channels_last = run_at(c, level);
    const Result expected = oracle(c);
    for (const torch::Tensor& input :
         {c.input.contiguous(), c.input.transpose(2, 3).contiguous().transpose(2, 3)}) {
      c.input = input;
      const Result other = run_at(c, level);
      expect_close(c, other, expected);
      if (level != SimdLevel::kNone) expect_exactly(channels_last, other);
    }
  }
}

TEST_F(Depthwise, SlicesAndBroadcastsAreRead) {
  const DepthwiseCase whole = case_of({3, 9, 8}, {{24, 3}}, 1);
  for (const SimdLevel level : levels_of_this_cpu()) {
    DepthwiseCase part = whole;
    part.input = whole.input.narrow(1, 5, 16).narrow(2, 2, 6);
    part.weights = {whole.weights[0].narrow(0, 8, 16)};
    expect_close(part, run_at(part, level), oracle(part));
    part.input = torch::randn({3, 16, 1, 1}).expand({3, 16, 6, 8});
    expect_close(part, run_at(part, level), oracle(part));
  }
}

// The gradient of a mean over pixels is broadcast: its strides are 0.
TEST_F(Depthwise, ABroadcastGradientIsRead) {
  const DepthwiseCase c = case_of({2, 6, 7}, {{16, 5}}, 1);
  for (const SimdLevel level : levels_of_this_cpu()) {
    const std::vector<torch::Tensor> ours = leaves({c.input, c.weights[0]}, torch::kFloat);
    depthwise::mix_depthwise(ours[0], {ours[1]}, 1, level).mean({2, 3}).sum().backward();
    const std::vector<torch::Tensor> theirs = leaves({c.input, c.weights[0]}, torch::kDouble);
    torch::conv2d(theirs[0], theirs[1], {}, 1, 2, 1, 16).mean({2, 3}).sum().backward();
    expect_close(ours[0].grad(), theirs[0].grad(), 25);
    expect_close(ours[1].grad(), theirs[1].grad(), 84);
  }
}

TEST_F(Depthwise, OutputIsChannelsLast) {
  for (const SimdLevel level : levels_of_this_cpu()) {
    const DepthwiseCase c = case_of({2, 9, 8}, {{16, 5}, {16, 3}}, 2);
    const torch::Tensor y =
        depthwise::mix_depthwise(c.input.contiguous(), c.weights, c.stride, level);
    EXPECT_TRUE(y.is_contiguous(torch::MemoryFormat::ChannelsLast));
  }
}

TEST_F(Depthwise, TheSameTwiceAndWithAnyNumberOfThreadsToTheBit) {
  const DepthwiseCase c = case_of({19, 14, 14}, {{32, 3}, {20, 5}, {16, 7}}, 1);
  for (const SimdLevel level : levels_of_this_cpu()) {
    if (level == SimdLevel::kNone) continue;  // the library's own affair
    const Result once = run_at(c, level);
    expect_exactly(once, run_at(c, level));
    at::set_num_threads(3);
    expect_exactly(once, run_at(c, level));
    at::set_num_threads(1);
  }
}

// The search masks rings of a kernel: the result must not depend on whether the mask is noticed.
TEST_F(Depthwise, MaskedRingsGiveTheSmallerKernelsOutputAndAllGradients) {
  for (const int stride : {1, 2, 3}) {
    for (const std::int64_t kept : {1, 3, 5}) {
      DepthwiseCase c = case_of({3, 12, 13}, {{20, 7}, {16, 7}}, stride);
      torch::Tensor mask = torch::zeros({7, 7});
      const std::int64_t begin = (7 - kept) / 2;
      mask.narrow(0, begin, kept).narrow(1, begin, kept).fill_(1.0F);
      c.weights[0].mul_(mask);
      expect_oracle_at_all_levels(c);
    }
  }
}

TEST_F(Depthwise, AWeightAtTheRimOfOneChannelIsNotMasked) {
  for (std::int64_t tap = 0; tap < 25; ++tap) {
    DepthwiseCase c = case_of({1, 6, 6}, {{16, 5}}, 1);
    c.weights[0].zero_();
    c.weights[0].view({16, 25})[tap % 16][tap] = 2.0F;
    expect_oracle_at_all_levels(c);
  }
}

TEST_F(Depthwise, AllZeroWeightsGiveZerosAndTheirGradient) {
  DepthwiseCase c = case_of({2, 6, 6}, {{16, 5}, {3, 3}}, 1);
  for (torch::Tensor& weight : c.weights) weight.zero_();
  expect_oracle_at_all_levels(c);
}

TEST_F(Depthwise, OnlyGradientsThatAreAskedForAreComputed) {
  const DepthwiseCase c = case_of({2, 6, 6}, {{16, 5}, {3, 3}}, 1);
  const Result both = run_at(c, SimdLevel::kNone);
  for (const SimdLevel level : levels_of_this_cpu()) {
    torch::Tensor input = leaves({c.input}, torch::kFloat)[0];
    depthwise::mix_depthwise(input, c.weights, 1, level).sum().backward();
    EXPECT_TRUE(input.grad().defined());

    const std::vector<torch::Tensor> weights = {c.weights[0],
                                                leaves({c.weights[1]}, torch::kFloat)[0]};
    depthwise::mix_depthwise(c.input, weights, 1, level).sum().backward();
    EXPECT_FALSE(weights[0].grad().defined());
    EXPECT_TRUE(weights[1].grad().defined());
  }
}

TEST_F(Depthwise, OtherTypesUseTheLibrary) {
  const DepthwiseCase c = case_of({2, 6, 7}, {{5, 5}, {3, 3}}, 2);
  const Result ours = run(c, torch::kDouble, [&](const auto& input, const auto& weights) {
    return mix_depthwise(input, weights, c.stride);
  });
  EXPECT_EQ(ours.output.scalar_type(), torch::kDouble);
  expect_close(c, ours, oracle(c));
}

TEST_F(Depthwise, TheBestLevelIsTheDefault) {
  const DepthwiseCase c = case_of({2, 6, 7}, {{20, 5}, {3, 3}}, 2);
  EXPECT_TRUE(
      torch::equal(mix_depthwise(c.input, c.weights, 2),
                   depthwise::mix_depthwise(c.input, c.weights, 2, depthwise::best_simd_level())));
}

TEST_F(Depthwise, TheSecondDerivativeIsRefused) {
  const DepthwiseCase c = case_of({1, 5, 5}, {{16, 3}}, 1);
  for (const SimdLevel level : levels_of_this_cpu()) {
    if (level == SimdLevel::kNone) continue;
    const torch::Tensor input = leaves({c.input}, torch::kFloat)[0];
    const torch::Tensor y = depthwise::mix_depthwise(input, c.weights, 1, level);
    try {
      torch::autograd::grad({y.sum()}, {input}, {}, /*retain_graph=*/true, /*create_graph=*/true);
      ADD_FAILURE() << "no error";
    } catch (const c10::Error& e) {
      EXPECT_THAT(e.what(), HasSubstr("mix_depthwise() is differentiable once"));
    }
  }
}

TEST_F(Depthwise, ArgumentsThatDoNotFitAreRefused) {
  const torch::Tensor input = torch::zeros({1, 8, 5, 5});
  const auto message = [](const torch::Tensor& x, const std::vector<torch::Tensor>& weights,
                          int stride) -> std::string {
    try {
      mix_depthwise(x, weights, stride);
    } catch (const c10::Error& e) {
      return e.what();
    }
    return "no error";
  };
  const torch::Tensor weight = torch::zeros({8, 1, 3, 3});
  EXPECT_THAT(message(input[0], {weight}, 1), HasSubstr("input must be N x C x H x W"));
  EXPECT_THAT(message(input, {weight}, 0), HasSubstr("stride must be 1 or more, not 0"));
  EXPECT_THAT(message(input, {weight, weight}, 1),
              HasSubstr("the weights have 16 channels, the input has 8"));
  EXPECT_THAT(message(input, {torch::zeros({8, 1, 4, 4})}, 1),
              HasSubstr("k odd, not [8, 1, 4, 4]"));
  EXPECT_THAT(message(input, {torch::zeros({8, 1, 3, 5})}, 1), HasSubstr("C x 1 x k x k"));
}

}  // namespace
}  // namespace tilewake
