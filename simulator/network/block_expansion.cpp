// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/block_expansion.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "simulator/network/limits.hpp"

namespace tilewake {
namespace {

void check(bool ok, const std::string& key, const std::string& what) {
  if (!ok) throw LayerError(key, what);
}

/// Appends the layers of one block.
class Expander {
 public:
  Expander(NetworkBuilder& builder, const Block& block, int input)
      : builder_(builder), block_(block), input_(input) {
    check_kernels();
    if (has_expansion_ratios(block.kind)) check_ratios();
    check(block.se_ratio >= 0 && block.se_ratio <= 1, "se_ratio", "must be from 0 to 1");
  }

  int expand() {
    switch (block_.kind) {
      case BlockKind::kMbconv:
      case BlockKind::kConvblock:
      case BlockKind::kBasicBlock:
        return added(project(excited(branches())));
      case BlockKind::kConvUnit:
        return added(
            excited(dense("conv", input_, block_.stride, block_.kernels[0], block_.out_channels)));
      case BlockKind::kSeparable: {
        const int depthwise =
            window("depthwise", input_, block_.stride, block_.kernels[0], block_.activation);
        return pointwise("pointwise", excited(depthwise), block_.out_channels);
      }
      case BlockKind::kShuffleUnit:
      case BlockKind::kXceptionUnit:
        return shuffled_halves();
    }
    throw LayerError("op", "unknown block");
  }

 private:
  // Both halves of the output, then a shuffle, so that each half of the next unit has channels of
  // both.
  int shuffled_halves() {
    const std::int64_t half = block_.out_channels / 2;
    check(block_.out_channels % 2 == 0, "out_channels",
          fmt::format("must be even, not {}", block_.out_channels));
    const bool same_shape = block_.stride == 1 && in_channels() == block_.out_channels;
    const int kept = same_shape ? part_of_input("keep", 0, half) : side_branch(half);
    const int worked = same_shape ? part_of_input("work", half, half) : input_;
    const bool is_xception = block_.kind == BlockKind::kXceptionUnit;
    const int branch =
        excited(is_xception ? xception_branch(worked, half) : shuffle_branch(worked, half));
    Layer shuffle = layer_of("shuffle", Op::kChannelShuffle,
                             {builder_.add(layer_of("concat", Op::kConcat, {kept, branch}))});
    shuffle.groups = 2;
    return builder_.add(std::move(shuffle));
  }

  int side_branch(std::int64_t half) {
    const int side =
        window("side_depthwise", input_, block_.stride, block_.kernels[0], Activation::kNone);
    return pointwise("side_project", side, half);
  }

  int part_of_input(const std::string& part, std::int64_t first, std::int64_t count) {
    Layer split = layer_of(part, Op::kChannelSplit, {input_});
    split.first_channel = first;
    split.ofm.channels = count;
    return builder_.add(std::move(split));
  }

  int shuffle_branch(int features, std::int64_t half) {
    const int reduced = pointwise("reduce", features, half);
    const int depthwise =
        window("depthwise", reduced, block_.stride, block_.kernels[0], Activation::kNone);
    return pointwise("expand", depthwise, half);
  }

  int xception_branch(int features, std::int64_t half) {
    constexpr int kNumSeparable = 3;
    for (int i = 0; i < kNumSeparable; ++i) {
      features = window(fmt::format("depthwise{}", i), features, i == 0 ? block_.stride : 1,
                        block_.kernels[0], Activation::kNone);
      features = pointwise(fmt::format("pointwise{}", i), features, half);
    }
    return features;
  }

  void check_kernels() const {
    check(!block_.kernels.empty(), "kernels", "must not be empty");
    check(has_expansion_ratios(block_.kind) || block_.kernels.size() == 1, "kernels",
          "this block takes one kernel");
    for (const std::int64_t kernel : block_.kernels) {
      check(kernel >= 1 && kernel <= kMaxKernel && kernel % 2 == 1, "kernels",
            fmt::format("must be odd and at most {}, not {}", kMaxKernel, kernel));
    }
  }

  void check_ratios() const {
    check(block_.kernels.size() == block_.expansion_ratios.size(), "expansion_ratios",
          fmt::format("must have one ratio per kernel ({}), not {}", block_.kernels.size(),
                      block_.expansion_ratios.size()));
    for (const std::int64_t ratio : block_.expansion_ratios) {
      check(ratio >= 1 && ratio <= kMaxExpansionRatio, "expansion_ratios",
            fmt::format("must be from 1 to {}, not {}", kMaxExpansionRatio, ratio));
      check(ratio * unit_channels() <= kMaxDimension, "expansion_ratios",
            fmt::format("{} x {} channels exceed {}", ratio, unit_channels(), kMaxDimension));
    }
  }

  std::int64_t in_channels() const { return builder_.shape_of(input_).channels; }

  // Channels of a branch of expansion ratio 1.
  std::int64_t unit_channels() const {
    return block_.kind == BlockKind::kBasicBlock ? block_.out_channels : in_channels();
  }

  Layer layer_of(const std::string& part, Op op, std::vector<int> inputs) const {
    Layer layer;
    layer.name = block_.name + "." + part;
    layer.block = block_.name;
    layer.op = op;
    layer.inputs = std::move(inputs);
    return layer;
  }

  Layer convolution(const std::string& part, int input, std::int64_t out_channels) const {
    Layer layer = layer_of(part, Op::kConv2d, {input});
    layer.ofm.channels = out_channels;
    return layer;
  }

  int pointwise(const std::string& part, int input, std::int64_t out_channels) {
    Layer layer = convolution(part, input, out_channels);
    layer.activation = block_.activation;
    return builder_.add(std::move(layer));
  }

  int dense(const std::string& part, int input, std::int64_t stride, std::int64_t kernel,
            std::int64_t out_channels) {
    Layer layer = convolution(part, input, out_channels);
    layer.kernel_height = layer.kernel_width = kernel;
    layer.stride = stride;
    layer.activation = block_.activation;
    return builder_.add(std::move(layer));
  }

  int window(const std::string& part, int input, std::int64_t stride, std::int64_t kernel,
             Activation activation) {
    Layer layer = layer_of(part, Op::kDepthwiseConv2d, {input});
    layer.kernel_height = layer.kernel_width = kernel;
    layer.stride = stride;
    layer.activation = activation;
    return builder_.add(std::move(layer));
  }

  int branches() {
    std::vector<int> outputs;
    for (std::size_t i = 0; i < block_.kernels.size(); ++i) outputs.push_back(branch(i));
    if (outputs.size() == 1) return outputs[0];
    return builder_.add(layer_of("concat", Op::kConcat, outputs));
  }

  int branch(std::size_t i) {
    const std::int64_t ratio = block_.expansion_ratios[i];
    const bool is_single = block_.kernels.size() == 1;
    if (block_.kind != BlockKind::kMbconv) {
      return dense(is_single ? "expand" : fmt::format("expand{}", i), input_, block_.stride,
                   block_.kernels[i], ratio * unit_channels());
    }
    int expanded = input_;
    if (!is_single || ratio != 1) {
      expanded = pointwise(fmt::format("expand{}", i), input_, ratio * in_channels());
    }
    return window(fmt::format("depthwise{}", i), expanded, block_.stride, block_.kernels[i],
                  block_.activation);
  }

  int excited(int features) { return block_.se_ratio > 0 ? squeeze_excite(features) : features; }

  int squeeze_excite(int features) {
    // The width follows the block's input, not the expanded features, as in EfficientNet.
    const auto reduced =
        static_cast<std::int64_t>(std::floor(block_.se_ratio * static_cast<double>(in_channels())));
    const int pool = builder_.add(layer_of("se_pool", Op::kGlobalAvgPool, {features}));
    Layer reduce = convolution("se_reduce", pool, std::max<std::int64_t>(1, reduced));
    reduce.activation = block_.se_activation;
    const int squeezed = builder_.add(std::move(reduce));
    Layer expand = convolution("se_expand", squeezed, builder_.shape_of(features).channels);
    expand.activation = Activation::kSigmoid;
    const int gate = builder_.add(std::move(expand));
    return builder_.add(layer_of("se_scale", Op::kMul, {features, gate}));
  }

  int project(int features) {
    Layer project = convolution("project", features, block_.out_channels);
    if (block_.kind == BlockKind::kBasicBlock)
      project.kernel_height = project.kernel_width = kBasicBlockKernel;
    return builder_.add(std::move(project));
  }

  int added(int result) {
    const bool same_shape = block_.stride == 1 && in_channels() == block_.out_channels;
    if (!same_shape || !block_.skip) return result;
    return builder_.add(layer_of("add", Op::kAdd, {input_, result}));
  }

  NetworkBuilder& builder_;
  const Block& block_;
  int input_;
};

}  // namespace

int expand_block(NetworkBuilder& builder, const Block& block, int input) {
  return Expander(builder, block, input).expand();
}

}  // namespace tilewake
