// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "nas/space/architecture.hpp"

namespace tilewake {

/// Blocks of the published networks, as the authors' figure draws them: Lee, Kang, Ha, "S3NAS",
/// arXiv:2009.02009 (2020). A letter is a block, kernel and expansion ratio of each branch.
inline std::vector<ArchitectureBlock> published_blocks(const std::string& letters) {
  static const std::map<char, std::vector<MixBranch>> kBlocks = {
      {'A', {{3, 2}, {5, 2}}}, {'B', {{3, 6}}},
      {'C', {{3, 4}, {5, 2}}}, {'D', {{5, 2}}},
      {'E', {{3, 2}, {5, 4}}}, {'F', {{3, 4}}},
      {'H', {{5, 6}}},         {'G', {{3, 2}, {5, 2}, {7, 2}}}};
  std::vector<ArchitectureBlock> blocks;
  for (const char letter : letters) {
    ArchitectureBlock block;
    block.branches = kBlocks.at(letter);
    blocks.push_back(block);
  }
  return blocks;
}

/// `widths` of stem, five stages and head; `letters` of the stages' blocks.
inline Architecture published(const std::string& name, int resolution,
                              const std::vector<int>& widths,
                              const std::vector<std::string>& letters) {
  const std::vector<int> strides = {2, 2, 2, 1, 2};
  Architecture architecture;
  architecture.name = name;
  architecture.input = {3, resolution, resolution};
  architecture.num_classes = 1000;
  architecture.stem_kernel = 7;
  architecture.stem_stride = 2;
  architecture.stem_width = widths.front();
  architecture.head_width = widths.back();
  for (std::size_t s = 0; s < letters.size(); ++s)
    architecture.stages.push_back({widths.at(s + 1), strides.at(s), published_blocks(letters[s])});
  return architecture;
}

inline Architecture published_m() {
  return published("s3nas_m", 224, {32, 32, 64, 128, 160, 256, 1280},
                   {"ABB", "CCCC", "CBBCCAD", "EBFB", "GHHHHHHHHHH"});
}

/// h-swish everywhere, and squeeze-and-excitation in every block but the first.
inline Architecture with_post_processing(Architecture architecture) {
  architecture.activation = Activation::kHswish;
  for (ArchitectureStage& stage : architecture.stages) {
    for (ArchitectureBlock& block : stage.blocks) {
      block.activation = Activation::kHswish;
      block.squeeze_excite = true;
    }
  }
  architecture.stages.front().blocks.front().squeeze_excite = false;
  return architecture;
}

inline Architecture published_m_plus() { return with_post_processing(published_m()); }

inline Architecture published_l_plus() {
  return with_post_processing(published("s3nas_m", 268, {32, 32, 64, 144, 176, 288, 1408},
                                        {"ABB", "CCCC", "CBBCCCAD", "EBFB", "GGHHHHHHHHHH"}));
}

/// Before squeeze-and-excitation is removed from some of its blocks.
inline Architecture published_xl_plus() {
  return with_post_processing(published("s3nas_m", 332, {48, 48, 80, 160, 192, 320, 1568},
                                        {"ABBB", "CCCCC", "CBBCCCCAD", "EEBFB", "GGHHHHHHHHHHH"}));
}

}  // namespace tilewake
