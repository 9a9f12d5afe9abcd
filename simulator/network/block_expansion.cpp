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
    check(block.kernels.size() == block.expansion_ratios.size(), "expansion_ratios",
          fmt::format("needs one ratio for each of the {} kernels, not {}", block.kernels.size(),
                      block.expansion_ratios.size()));
    check(!block.kernels.empty(), "kernels", "must not be empty");
    for (const std::int64_t kernel : block.kernels) {
      check(kernel >= 1 && kernel <= kMaxKernel && kernel % 2 == 1, "kernels",
            fmt::format("must be odd and at most {}, not {}", kMaxKernel, kernel));
    }
    for (const std::int64_t ratio : block.expansion_ratios) {
      check(ratio >= 1 && ratio <= kMaxExpansionRatio, "expansion_ratios",
            fmt::format("must be from 1 to {}, not {}", kMaxExpansionRatio, ratio));
      check(ratio * in_channels() <= kMaxDimension, "expansion_ratios",
            fmt::format("{} x {} channels exceed {}", ratio, in_channels(), kMaxDimension));
    }
    check(block.se_ratio >= 0 && block.se_ratio <= 1, "se_ratio", "must be from 0 to 1");
  }

  int mbconv() {
    const int depthwise = branches();
    const int scaled = block_.se_ratio > 0 ? squeeze_excite(depthwise) : depthwise;
    return project_and_add(scaled);
  }

  int convblock() {
    check(block_.kernels.size() == 1, "kernels", "a convblock has one branch");
    check(block_.se_ratio == 0, "se_ratio", "a convblock has no squeeze-and-excitation");
    Layer layer = convolution("expand", input_, block_.expansion_ratios[0] * in_channels());
    layer.kernel_height = layer.kernel_width = block_.kernels[0];
    layer.stride = block_.stride;
    layer.activation = block_.activation;
    return project_and_add(builder_.add(std::move(layer)));
  }

 private:
  std::int64_t in_channels() const { return builder_.shape_of(input_).channels; }

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

  int branches() {
    std::vector<int> outputs;
    for (std::size_t i = 0; i < block_.kernels.size(); ++i) outputs.push_back(branch(i));
    if (outputs.size() == 1) return outputs[0];
    return builder_.add(layer_of("concat", Op::kConcat, outputs));
  }

  int branch(std::size_t i) {
    const std::int64_t ratio = block_.expansion_ratios[i];
    int expanded = input_;
    if (block_.kernels.size() > 1 || ratio != 1) {
      Layer expand = convolution(fmt::format("expand{}", i), input_, ratio * in_channels());
      expand.activation = block_.activation;
      expanded = builder_.add(std::move(expand));
    }
    Layer depthwise = layer_of(fmt::format("depthwise{}", i), Op::kDepthwiseConv2d, {expanded});
    depthwise.kernel_height = depthwise.kernel_width = block_.kernels[i];
    depthwise.stride = block_.stride;
    depthwise.activation = block_.activation;
    return builder_.add(std::move(depthwise));
  }

  int squeeze_excite(int features) {
    // The width follows the block's input, not the expanded features (EfficientNet's convention).
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

  int project_and_add(int features) {
    const int project = builder_.add(convolution("project", features, block_.out_channels));
    const bool same_shape = block_.stride == 1 && in_channels() == block_.out_channels;
    if (!same_shape || !block_.skip) return project;
    return builder_.add(layer_of("add", Op::kAdd, {input_, project}));
  }

  NetworkBuilder& builder_;
  const Block& block_;
  int input_;
};

}  // namespace

int expand_block(NetworkBuilder& builder, const Block& block, int input) {
  Expander expander(builder, block, input);
  return block.kind == BlockKind::kMbconv ? expander.mbconv() : expander.convblock();
}

}  // namespace tilewake
