// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nas/space/operator.hpp"

namespace tilewake {

/// Blocks of one width and resolution; the first carries the stride and the change of channels.
struct OperatorStage {
  int width = 0;
  int stride = 1;
  std::vector<std::vector<Operator>> blocks;  // the possible operators of each block, at least one;
                                              // of the first block not the identity

  friend bool operator==(const OperatorStage&, const OperatorStage&) = default;
};

/// All networks that a one-shot supernet of operators holds: every position has operators of its
/// own.
struct OperatorSpace : Frame {
  double se_ratio = 0.25;  // of a block's input channels
  std::vector<OperatorStage> stages;
  int width_divisor = 8;        // scaled widths are multiples of it
  std::int64_t max_params = 0;  // of the final network; 0: no limit

  /// Whether a position still has the whole pool, so that a space can be generated.
  bool has_whole_pool() const;

  friend bool operator==(const OperatorSpace&, const OperatorSpace&) = default;
};

/// A position of the supernet, in order.
struct OperatorPosition {
  std::string name;  // Layer::block: "stage1.0"
  int in_channels = 0;
  int out_channels = 0;
  int stride = 1;
  std::int64_t height = 0;  // of its input feature map
  std::int64_t width = 0;
  std::vector<Operator> operators;
};

std::vector<OperatorPosition> positions_of(const OperatorSpace& space);

/// One operator per position, as an index into OperatorPosition::operators.
using OperatorPath = std::vector<int>;

/// The network of a path; an identity has no block.
Architecture architecture_of(const OperatorSpace& space, const OperatorPath& path);

/// log10 of the number of paths. With identities several paths of a stage give one network.
double log10_num_networks(const OperatorSpace& space);

/// Reads an operator-space file (format: nas/space/README.md). Throws InputError naming file, line
/// and key.
OperatorSpace read_operator_space(const std::string& path);

/// Same, from text in memory; `name` replaces the path in error messages.
OperatorSpace read_operator_space_text(const std::string& text, const std::string& name);

/// Same, for a data set, as read_search_space_for().
OperatorSpace read_operator_space_for(const DataShape& data, const std::string& text,
                                      const std::string& name);

/// The text of such a file; reading it returns an equal space.
std::string operator_space_yaml(const OperatorSpace& space);

}  // namespace tilewake
