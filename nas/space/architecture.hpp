// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "simulator/network/layer.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

/// One branch of a block: a depthwise kernel on expansion_ratio x in_channels channels.
struct MixBranch {
  int kernel = 3;
  int expansion_ratio = 1;

  friend bool operator==(const MixBranch&, const MixBranch&) = default;
  friend bool operator<(const MixBranch& a, const MixBranch& b) {
    return a.kernel != b.kernel ? a.kernel < b.kernel : a.expansion_ratio < b.expansion_ratio;
  }
};

/// Kinds of blocks. Their layers: simulator/network/block_expansion.hpp.
enum class BlockOp { kMixConv, kSeparable, kShuffleUnit, kXceptionUnit };

/// A block: a MixConv (with one branch: an MBConv), or another operator, which has one branch with
/// its kernel and expansion ratio 1.
struct ArchitectureBlock {
  std::vector<MixBranch> branches;  // at least one; kernels ascending and distinct
  Activation activation = Activation::kRelu;
  bool squeeze_excite = false;
  BlockOp op = BlockOp::kMixConv;

  friend bool operator==(const ArchitectureBlock&, const ArchitectureBlock&) = default;
};

struct ArchitectureStage {
  int width = 0;
  int stride = 1;  // of the first block
  std::vector<ArchitectureBlock> blocks;

  friend bool operator==(const ArchitectureStage&, const ArchitectureStage&) = default;
};

/// A network of the searched family, the common type of search, scaling and training: a
/// convolutional stem, stages of blocks, a 1x1 head, global average pool, and a fully connected
/// layer.
struct Architecture {
  std::string name;
  Shape input;
  int num_classes = 0;
  int stem_kernel = 3;
  int stem_stride = 1;
  int stem_width = 0;
  int head_width = 0;
  Activation activation = Activation::kRelu;  // of stem and head
  double se_ratio = 0.25;  // of a block's input channels, if it has squeeze-and-excitation
  std::vector<ArchitectureStage> stages;

  int num_blocks() const;

  friend bool operator==(const Architecture&, const Architecture&) = default;
};

/// Channels after the reduction of squeeze-and-excitation: max(1, floor(ratio x in_channels)).
/// Source: specs of S3NAS, section "post-processing"; as in network/block_expansion.
int squeeze_channels(double se_ratio, int in_channels);

/// The layers of `architecture`: "stem", for block "stageS.B" (stages from 1, blocks from 0) the
/// expansion of its entry in a network file, "head", "pool", "classifier". Throws InputError if the
/// network is invalid or exceeds nas/space/limits.hpp.
Network to_network(const Architecture& architecture);

/// The same as a network file with one entry per block: read_network_text returns an equal network.
/// `comment` is written at the top, line by line.
std::string network_yaml(const Architecture& architecture, const std::string& comment);

/// Number of trained parameters: weights of convolutions and dense layers, biases without batch
/// normalisation (squeeze-and-excitation, classifier), and two per normalised channel.
std::int64_t num_trained_params(const Architecture& architecture);

/// Same, for a network created by to_network.
std::int64_t num_trained_params(const Network& network);

/// Same, for one block of stride 1.
std::int64_t num_block_params(const ArchitectureBlock& block, int in_channels, int out_channels,
                              double se_ratio);

/// A lossless file format for this type, used between the steps of a run (nas/space/README.md).
std::string architecture_text(const Architecture& architecture);
/// Throws InputError naming file, line and key.
Architecture read_architecture(const std::string& path);
Architecture read_architecture_text(const std::string& text, const std::string& name);

}  // namespace tilewake
