// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "nas/space/frame.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

/// One branch of a block: a kernel, and the channels that it computes over in_channels (of a basic
/// block: over out_channels): depthwise in a MixConv, dense in the others.
struct MixBranch {
  int kernel = 3;
  int expansion_ratio = 1;

  friend bool operator==(const MixBranch&, const MixBranch&) = default;
  friend bool operator<(const MixBranch& a, const MixBranch& b) {
    return a.kernel != b.kernel ? a.kernel < b.kernel : a.expansion_ratio < b.expansion_ratio;
  }
};

/// Kinds of blocks. Their layers: simulator/network/block_expansion.hpp.
enum class BlockOp { kMixConv, kFused, kBasic, kConv, kSeparable, kShuffleUnit, kXceptionUnit };

/// Whether blocks of this kind have several branches, with expansion ratios.
constexpr bool has_expansion_ratios(BlockOp op) {
  return op == BlockOp::kMixConv || op == BlockOp::kFused || op == BlockOp::kBasic;
}

/// Whether channels of expansion ratio 1 are as many as the block's output has, not its input.
constexpr bool expands_output(BlockOp op) { return op == BlockOp::kBasic || op == BlockOp::kConv; }

/// A block: a MixConv (with one branch: an MBConv), a fused MBConv, a basic block, or another
/// operator, which has one branch with its kernel and expansion ratio 1.
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

/// A network of the family that is searched: what the search finds, scaling scales and training
/// trains. A convolutional stem, stages of blocks, a 1x1 head, global average pool, and a fully
/// connected layer.
struct Architecture : Frame {
  double se_ratio = 0.25;  // of a block's input channels, where it has one
  std::vector<ArchitectureStage> stages;

  int num_blocks() const;

  friend bool operator==(const Architecture&, const Architecture&) = default;
};

/// Channels after the reduction of squeeze-and-excitation: max(1, floor(ratio x in_channels)).
/// Source: specs of S3NAS, section "post-processing"; as in network/block_expansion.
int squeeze_channels(double se_ratio, int in_channels);

/// The layers of `architecture`: "stem", per block "stageS.B" (both counted: stages from 1, blocks
/// from 0) what a block's entry in a network file expands to, "head", "pool", "classifier".
/// Throws InputError where no network can be made of it, or what is beyond SpaceLimits.
Network to_network(const Architecture& architecture);

/// Estimated latency of a network in ms; throws InputError for one that the machine cannot hold.
/// Code that designs, scales and samples networks gets the machine as this function.
using LatencyEstimate = std::function<double(const Network& network)>;

/// The same as a network file with one entry a block: reading it with read_network_text
/// gives an equal network. `comment` goes to the top, line by line.
std::string network_yaml(const Architecture& architecture, const std::string& comment);

/// Number of trained parameters: weights of convolutions and dense layers, biases without batch
/// normalisation (squeeze-and-excitation, classifier), and two per normalised channel.
std::int64_t num_trained_params(const Architecture& architecture);

/// Same, for a network created by to_network.
std::int64_t num_trained_params(const Network& network);

/// Same, for one block of stride 1.
std::int64_t num_block_params(const ArchitectureBlock& block, int in_channels, int out_channels,
                              double se_ratio);

/// "stem 16, 24: 3x3:2 | 3x3:2 5x5:4, 40: .., head 256, 28 px", for tables and logs.
std::string in_one_line(const Architecture& architecture);

/// A YAML file that holds exactly this type (format: nas/space/README.md), and the same as a JSON
/// object. JSON is YAML: both are read by read_architecture.
std::string architecture_json(const Architecture& architecture);
std::string architecture_text(const Architecture& architecture);
/// Throws InputError naming file, line and key.
Architecture read_architecture(const std::string& path);
Architecture read_architecture_text(const std::string& text, const std::string& name);

}  // namespace tilewake
