// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nas/space/architecture.hpp"
#include "nas/space/frame.hpp"

namespace tilewake {

/// Options of one branch of a block: its kernels and expansion ratios.
struct BranchSpace {
  std::vector<int> kernels;           // odd, ascending
  std::vector<int> expansion_ratios;  // ascending; starts with 0 if the branch may vanish

  bool can_vanish() const { return expansion_ratios.front() == 0; }
  int max_kernel() const { return kernels.back(); }
  int max_expansion_ratio() const { return expansion_ratios.back(); }

  friend bool operator==(const BranchSpace&, const BranchSpace&) = default;
};

/// Blocks of one width and resolution; the first carries the stride and the change of channels.
struct StageSpace {
  int width = 0;   // output channels
  int stride = 1;  // of the first block
  int depth = 0;   // maximum number of blocks, >= 1; 0 until depths are designed for a machine
  BlockOp block = BlockOp::kMixConv;  // MixConv, fused MBConv, basic block or dense
                                      // convolution
  std::vector<BranchSpace> branches;  // of its blocks; empty: those of the space

  friend bool operator==(const StageSpace&, const StageSpace&) = default;
};

/// All networks that a supernet holds.
struct SearchSpace : Frame {
  std::vector<BranchSpace> branches;  // of the blocks of stages without their own
  std::vector<StageSpace> stages;
  int num_blocks = 0;           // of all stages, if depths are to be designed
  int width_divisor = 16;       // scaled widths are multiples of it
  std::int64_t max_params = 0;  // of the final network; 0: no limit

  bool has_depths() const;

  friend bool operator==(const SearchSpace&, const SearchSpace&) = default;
};

/// A searchable position of the supernet, in order.
struct BlockSpace {
  std::string name;  // Layer::block: "stage1.0"
  int stage = 0;     // index into SearchSpace::stages
  int index = 0;     // in its stage
  int in_channels = 0;
  int out_channels = 0;
  int stride = 1;
  BlockOp op = BlockOp::kMixConv;
  bool can_skip = false;  // all blocks except the first of a stage (stride 1, in = out),
                          // if every branch can vanish
  std::vector<BranchSpace> branches;  // in the first block the one with the largest kernel (of
                                      // several the last) cannot vanish. A dense convolution has
                                      // one, with the kernels of all and expansion ratio 1

  /// Output channels of a branch of expansion ratio 1.
  int unit_channels() const { return expands_output(op) ? out_channels : in_channels; }
};

/// The blocks of a space with given depths.
std::vector<BlockSpace> blocks_of(const SearchSpace& space);

/// Reads a space file (format: nas/space/README.md). Throws InputError naming file, line and key.
SearchSpace read_search_space(const std::string& path);

/// Same, from text in memory; `name` replaces the path in error messages.
SearchSpace read_search_space_text(const std::string& text, const std::string& name);

/// Same, for a data set, which gives what is `auto` in the file. With `input: auto`, strides become
/// 1 for small inputs, until the last map has a side of at least 4 pixels.
SearchSpace read_search_space_for(const DataShape& data, const std::string& text,
                                  const std::string& name);

/// The text of a space file; reading it returns an equal space.
std::string search_space_yaml(const SearchSpace& space);

}  // namespace tilewake
