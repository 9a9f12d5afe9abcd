// SPDX-License-Identifier: Apache-2.0
#include "nas/network/blocks.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "nas/export/onnx_writer.hpp"
#include "nas/network/block_network.hpp"
#include "tests/nas/export/reference_executor.hpp"
#include "tests/nas/network/operators.hpp"
#include "tests/nas/supernet/torch_test.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/random.hpp"

namespace tilewake {
namespace {

using BlocksTest = TorchTest;

ArchitectureBlock block_with(BlockOp op, int kernel, int expansion_ratio = 1) {
  return block_of({op, kernel, expansion_ratio, false}, Activation::kRelu);
}

TEST_F(BlocksTest, OnnxModelsOfEveryOperatorPassTheCheck) {
  for (const Architecture& a : operator_networks()) {
    BlockNetwork network(a);
    const Network layers = to_network(a);
    EXPECT_NO_THROW(check_onnx_model(onnx_model(layers, folded_weights(network)), layers))
        << architecture_text(a);
  }
}

TEST_F(BlocksTest, EveryParameterGetsTheGradientThatItHasInDoublePrecision) {
  for (Architecture a : operator_networks()) {
    SCOPED_TRACE(architecture_text(a));
    a.activation = Activation::kSwish;  // smooth: a ReLU's gradient jumps where rounding decides
    for (ArchitectureStage& stage : a.stages) {
      for (ArchitectureBlock& block : stage.blocks) block.activation = Activation::kSwish;
    }
    BlockNetwork network(a);
    BlockNetwork precise(a);
    precise->to(torch::kDouble);  // by the library's kernels
    {
      const torch::NoGradGuard no_grad;
      const auto values = network->named_parameters();
      for (auto& item : precise->named_parameters()) item.value().copy_(values[item.key()]);
    }
    const torch::Tensor images = random_images(a.input, 8);
    const torch::Tensor factors = torch::randn({8, a.num_classes});
    (network(images) * factors).sum().backward();
    (precise(images.to(torch::kDouble)) * factors).sum().backward();
    const auto expected = precise->named_parameters();
    for (const auto& item : network->named_parameters()) {
      ASSERT_TRUE(item.value().grad().defined()) << item.key();
      // The batch normalisation after it cancels everything except rounding.
      const torch::Tensor difference =
          item.value().grad() - expected[item.key()].grad().to(torch::kFloat);
      const double scale = expected[item.key()].grad().abs().max().item<double>();
      EXPECT_LT(difference.abs().max().item<double>(), 2e-3 * scale + 2e-3) << item.key();
    }
  }
}

TEST_F(BlocksTest, ShuffleUnitsOfEqualShapePassHalfOfTheirInput) {
  for (const BlockOp op : {BlockOp::kShuffleUnit, BlockOp::kXceptionUnit}) {
    NetworkBlock unit = make_block(8, 8, 1, block_with(op, 3), 0.25);
    const torch::Tensor x = torch::randn({2, 8, 5, 5});
    const torch::Tensor y = unit(x);
    using torch::indexing::None;
    using torch::indexing::Slice;
    EXPECT_TRUE(y.index({Slice(), Slice(0, None, 2)}).equal(x.narrow(1, 0, 4)));
    EXPECT_FALSE(y.index({Slice(), Slice(1, None, 2)}).equal(x.narrow(1, 4, 4)));
  }
}

/// The block of one branch with the centre of the weights of `of`, which are of a larger kernel.
NetworkBlock with_centre_of(NetworkBlock& of, const ArchitectureBlock& block) {
  NetworkBlock small = make_block(of->in_channels, of->out_channels, of->stride, block, 0.25);
  const torch::NoGradGuard no_grad;
  const auto values = of->named_parameters();
  for (auto& item : small->named_parameters()) {
    torch::Tensor value = values[item.key()];
    if (value.sizes() != item.value().sizes()) {
      const std::int64_t begin = (value.size(2) - item.value().size(2)) / 2;
      value = value.narrow(2, begin, item.value().size(2));
      value = value.narrow(3, begin, item.value().size(3));
    }
    item.value().copy_(value);
  }
  return small;
}

TEST_F(BlocksTest, ADenseKernelOfAZeroBorderIsTheSmallerKernel) {
  for (const BlockOp op : {BlockOp::kFused, BlockOp::kBasic, BlockOp::kConv}) {
    for (const int stride : {1, 2}) {
      const int ratio = op == BlockOp::kConv ? 1 : 3;
      NetworkBlock large = make_block(6, 6, stride, block_with(op, 5, ratio), 0.25);
      {
        const torch::NoGradGuard no_grad;
        for (torch::Tensor& weight : large->parameters()) {
          if (weight.dim() < 4 || weight.size(2) < 5) continue;
          const torch::Tensor centre = weight.narrow(2, 1, 3).narrow(3, 1, 3).clone();
          weight.zero_();
          weight.narrow(2, 1, 3).narrow(3, 1, 3).copy_(centre);
        }
      }
      NetworkBlock small = with_centre_of(large, block_with(op, 3, ratio));
      const torch::Tensor x = torch::randn({2, 6, 7, 6});
      EXPECT_LT((large(x) - small(x)).abs().max().item<double>(), 1e-5);
    }
  }
}

TEST_F(BlocksTest, ADenseBlockOfZeroScalePassesItsInput) {
  for (const BlockOp op : {BlockOp::kFused, BlockOp::kBasic, BlockOp::kConv}) {
    NetworkBlock block = make_block(8, 8, 1, block_with(op, 3), 0.25);
    const torch::NoGradGuard no_grad;
    const char* last = op == BlockOp::kConv ? "conv.bn.weight" : "project_bn.weight";
    block->named_parameters()[last].zero_();
    const torch::Tensor x = torch::randn({2, 8, 5, 5});
    EXPECT_TRUE(block(x).equal(x));
  }
}

TEST_F(BlocksTest, ChannelsLastStaysWhateverTheOperator) {
  for (const Architecture& a : one_block_networks()) {
    BlockNetwork network(a);
    const torch::Tensor x = torch::randn({2, a.stem_width, 7, 6});
    const torch::Tensor y = network->blocks[0](x.contiguous(torch::MemoryFormat::ChannelsLast));
    EXPECT_TRUE(y.is_contiguous(torch::MemoryFormat::ChannelsLast)) << architecture_text(a);
  }
}

TEST_F(BlocksTest, InvalidBlocksAreRefused) {
  const auto error_of = [](const ArchitectureBlock& block, int out) {
    return input_error_of([&] { make_block(8, out, 1, block, 0.25); });
  };
  EXPECT_EQ(error_of(block_with(BlockOp::kShuffleUnit, 3), 7),
            "a unit of two halves needs an even number of channels");
  EXPECT_EQ(error_of(block_with(BlockOp::kXceptionUnit, 3), 7),
            "a unit of two halves needs an even number of channels");
  const std::string kOneKernel = "a block of this operator takes one kernel and no expansion ratio";
  EXPECT_EQ(error_of(block_with(BlockOp::kSeparable, 3, 2), 8), kOneKernel);
  ArchitectureBlock two = block_with(BlockOp::kShuffleUnit, 3);
  two.branches.push_back({5, 1});
  EXPECT_EQ(error_of(two, 8), kOneKernel);
  EXPECT_EQ(error_of({}, 8), "a block needs at least one branch");
}

}  // namespace
}  // namespace tilewake
