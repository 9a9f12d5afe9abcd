// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "simulator/common/yaml_reader.hpp"
#include "simulator/network/layer.hpp"

namespace tilewake {

/// The largest sizes of a search space and its networks: far above what has been published (kernels
/// of 7x7, 31 blocks, widths of 1568, 600 pixels), and small enough that tables of outcomes,
/// supernets and scaling stay within memory and end.
struct SpaceLimits {
  static constexpr int kMaxBranches = 4;
  static constexpr int kMaxKernel = 15;
  static constexpr int kMaxExpansionRatio = 16;  // of a branch, before branches are merged
  static constexpr int kMaxMergedRatio = kMaxBranches * kMaxExpansionRatio;
  static constexpr std::int64_t kMaxCombinations = 100'000;  // of the branches' options in a block
  static constexpr int kMaxStages = 32;
  static constexpr int kMaxDepth = 64;    // blocks of a stage
  static constexpr int kMaxBlocks = 256;  // of all stages
  static constexpr int kMaxStride = 4;
  static constexpr int kMaxWidth = 4096;          // channels of stem, stage, head and input
  static constexpr std::int64_t kMaxSide = 4096;  // pixels of the input
  static constexpr int kMaxClasses = 100'000;
  static constexpr int kMaxWidthDivisor = 1024;
  static constexpr std::int64_t kMaxParams = 1'000'000'000'000;
  static constexpr double kMinSeRatio = 0.001;
};

/// The activations that networks of a search space can have: those that nas/network trains.
inline constexpr std::array<std::pair<std::string_view, Activation>, 8> kTrainedActivationNames = {{
    {"none", Activation::kNone},
    {"relu", Activation::kRelu},
    {"relu6", Activation::kRelu6},
    {"hswish", Activation::kHswish},
    {"swish", Activation::kSwish},
    {"sigmoid", Activation::kSigmoid},
    {"hsigmoid", Activation::kHsigmoid},
    {"leaky_relu", Activation::kLeakyRelu},
}};

/// All of a network but its blocks: what architectures and both kinds of search space begin with.
struct Frame {
  std::string name;
  Shape input;
  int num_classes = 0;
  int stem_kernel = 3;
  int stem_stride = 1;
  int stem_width = 0;
  int head_width = 0;
  Activation activation = Activation::kRelu;  // of stem and head; of a space also of the blocks

  Frame& frame() { return *this; }
  const Frame& frame() const { return *this; }

  friend bool operator==(const Frame&, const Frame&) = default;
};

/// What a data set gives to a space with `input: auto` or `num_classes: auto`.
struct DataShape {
  std::int64_t channels = 0;
  std::int64_t side = 0;  // pixels, of the square that an image is seen in; usually at least that
  int num_classes = 0;
};

/// Reads the keys of the frame (nas/space/README.md). Throws InputError naming file, line and key.
Frame read_frame(YamlReader& root);

/// The text of these keys.
std::string frame_text(const Frame& frame);

/// An integer of that range, or a sequence of them.
int read_int(YamlReader& yaml, const std::string& key, int min, int max);
std::vector<int> read_ints(YamlReader& yaml, const std::string& key, int min, int max);

/// `kernels`: odd, ascending, none twice.
std::vector<int> read_kernels(YamlReader& yaml);

/// Calls `action`, of which a failure is one of the file as a whole.
template <typename Action>
void located_at(const YamlReader& root, const std::string& key, Action action) {
  try {
    action();
  } catch (const InputError& e) {
    root.fail(key, e.what());
  }
}

}  // namespace tilewake
