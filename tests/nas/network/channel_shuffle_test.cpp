// SPDX-License-Identifier: Apache-2.0
#include "nas/network/channel_shuffle.hpp"

#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "tests/nas/supernet/torch_test.hpp"

namespace tilewake {
namespace {

using ChannelShuffleTest = TorchTest;

/// Also those whose memory layout is ambiguous: one channel, one pixel.
const std::vector<std::vector<std::int64_t>> kShuffledShapes = {
    {2, 4, 5, 3}, {1, 1, 4, 4}, {3, 7, 1, 1}, {1, 1, 1, 1}, {2, 16, 3, 8}, {4, 3, 1, 5}};

TEST_F(ChannelShuffleTest, ChannelsOfBothHalvesTakeTurns) {
  for (const auto type : {torch::kFloat, torch::kDouble}) {
    for (const std::vector<std::int64_t>& shape : kShuffledShapes) {
      const torch::Tensor first = torch::randn(shape, type);
      const torch::Tensor second = torch::randn(shape, type);
      for (const auto layout :
           {torch::MemoryFormat::Contiguous, torch::MemoryFormat::ChannelsLast}) {
        const torch::Tensor both =
            concat_and_shuffle(first.contiguous(layout), second.contiguous(layout));
        ASSERT_EQ(both.size(1), 2 * shape[1]);
        EXPECT_TRUE(both.is_contiguous(torch::MemoryFormat::ChannelsLast));
        const torch::Tensor concat = torch::cat({first, second}, 1);
        for (std::int64_t j = 0; j < shape[1]; ++j) {
          for (std::int64_t i = 0; i < 2; ++i)
            EXPECT_TRUE(both.select(1, j * 2 + i).equal(concat.select(1, i * shape[1] + j)));
        }
      }
    }
  }
}

TEST_F(ChannelShuffleTest, HalvesOfOneTensorNeedNoCopy) {
  const torch::Tensor x = torch::randn({2, 8, 3, 5}).contiguous(torch::MemoryFormat::ChannelsLast);
  const std::vector<torch::Tensor> halves = x.chunk(2, 1);
  EXPECT_TRUE(concat_and_shuffle(halves[0], halves[1])
                  .equal(concat_and_shuffle(halves[0].contiguous(), halves[1].contiguous())));
}

TEST_F(ChannelShuffleTest, GradientsGoBackToTheChannelsTheyCameFrom) {
  for (const auto type : {torch::kFloat, torch::kDouble}) {
    for (const std::vector<std::int64_t>& shape : kShuffledShapes) {
      const torch::Tensor first = torch::randn(shape, type).requires_grad_();
      const torch::Tensor second = torch::randn(shape, type).requires_grad_();
      const torch::Tensor both = concat_and_shuffle(first, second);
      const torch::Tensor gradient = torch::randn_like(both).contiguous();
      both.backward(gradient);
      EXPECT_TRUE(concat_and_shuffle(first.grad(), second.grad()).equal(gradient));
    }
  }
}

TEST_F(ChannelShuffleTest, HalvesThatDifferAreRefused) {
  EXPECT_THROW(concat_and_shuffle(torch::zeros({1, 2, 3, 3}), torch::zeros({1, 1, 3, 3})),
               c10::Error);
}

}  // namespace
}  // namespace tilewake
