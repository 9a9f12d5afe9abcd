// SPDX-License-Identifier: Apache-2.0
#include "nas/space/published_networks.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "nas/space/frame_fields.hpp"

namespace tilewake {
namespace {

struct PublishedStage {
  int expansion_ratio;
  int kernel;
  int width;
  int depth;
  int stride;
};

void fit_strides(Architecture& architecture) {
  std::vector<int*> strides = {&architecture.stem_stride};
  for (ArchitectureStage& stage : architecture.stages) strides.push_back(&stage.stride);
  limit_strides(std::min(architecture.input.height, architecture.input.width), strides);
}

Architecture published(std::string name, const Shape& input, int num_classes, int stem_width,
                       int head_width, const std::vector<PublishedStage>& stages) {
  Architecture architecture;
  architecture.name = std::move(name);
  architecture.input = input;
  architecture.num_classes = num_classes;
  architecture.stem_stride = 2;
  architecture.stem_width = stem_width;
  architecture.head_width = head_width;
  architecture.activation = Activation::kRelu6;
  for (const PublishedStage& from : stages) {
    ArchitectureStage stage;
    stage.width = from.width;
    stage.stride = from.stride;
    const ArchitectureBlock block{
        {{from.kernel, from.expansion_ratio}}, Activation::kRelu6, /*squeeze_excite=*/false};
    stage.blocks.assign(static_cast<std::size_t>(from.depth), block);
    architecture.stages.push_back(std::move(stage));
  }
  fit_strides(architecture);
  return architecture;
}

/// `depth` equal blocks of one branch.
ArchitectureStage stage_of(int width, int stride, int depth, const ArchitectureBlock& block) {
  return {width, stride, std::vector<ArchitectureBlock>(static_cast<std::size_t>(depth), block)};
}

}  // namespace

Architecture mobilenet_v3(const Shape& input, int num_classes) {
  Architecture architecture = published("mobilenet_v3", input, num_classes, 16, 576, {});
  architecture.activation = Activation::kHswish;
  architecture.se_ratio = 1.0;
  const auto block = [](int kernel, int ratio, bool squeeze_excite, Activation activation) {
    return ArchitectureBlock{{{kernel, ratio}}, activation, squeeze_excite, BlockOp::kMixConv};
  };
  constexpr auto kRelu = Activation::kRelu;
  constexpr auto kHswish = Activation::kHswish;
  architecture.stages = {stage_of(16, 2, 1, block(3, 1, true, kRelu)),
                         stage_of(24, 2, 2, block(3, 4, false, kRelu)),
                         stage_of(40, 2, 3, block(5, 6, true, kHswish)),
                         stage_of(48, 1, 2, block(5, 3, true, kHswish)),
                         stage_of(96, 2, 3, block(5, 6, true, kHswish))};
  architecture.stages[2].blocks[0] = block(5, 4, true, kHswish);
  fit_strides(architecture);
  return architecture;
}

Architecture dense_network(const Shape& input, int num_classes) {
  Architecture architecture = published("dense", input, num_classes, 64, 512, {});
  architecture.activation = Activation::kRelu;
  const ArchitectureBlock conv{
      {{3, 1}}, Activation::kRelu, /*squeeze_excite=*/false, BlockOp::kConv};
  for (const int width : {64, 128, 256, 512})
    architecture.stages.push_back(stage_of(width, 2, 4, conv));
  fit_strides(architecture);
  return architecture;
}

Architecture mobilenet_v2(const Shape& input, int num_classes) {
  return published("mobilenet_v2", input, num_classes, 32, 1280,
                   {{1, 3, 16, 1, 1},
                    {6, 3, 24, 2, 2},
                    {6, 3, 32, 3, 2},
                    {6, 3, 64, 4, 2},
                    {6, 3, 96, 3, 1},
                    {6, 3, 160, 3, 2},
                    {6, 3, 320, 1, 1}});
}

Architecture efficientnet_lite0(const Shape& input, int num_classes) {
  return published("efficientnet_lite0", input, num_classes, 32, 1280,
                   {{1, 3, 16, 1, 1},
                    {6, 3, 24, 2, 2},
                    {6, 5, 40, 2, 2},
                    {6, 3, 80, 3, 2},
                    {6, 5, 112, 3, 1},
                    {6, 5, 192, 4, 2},
                    {6, 3, 320, 1, 1}});
}

}  // namespace tilewake
