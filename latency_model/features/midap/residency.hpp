// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "simulator/mapping/midap/graph.hpp"

namespace tilewake::midap {

/// Number of fragments of each tensor in FMEM during the walk over the layers: the mapper's bank
/// planner reduced to counts, without bank identities.
class Residency {
 public:
  /// The state at the start of a layer.
  struct Layer {
    std::int64_t resident = 0;   // input fragments on chip
    std::int64_t reserved = 0;   // input fragments kept for another path of a fork
    std::int64_t usable = 0;     // unreserved banks
    std::int64_t banks = 0;      // banks available to input and output: not used by other tensors
    bool input_flipped = false;  // its columns are stored in reverse order
  };

  explicit Residency(const Graph& graph);

  /// Reserves the fragments that `node` must keep, and the banks of a concat if it writes the first
  /// part.
  Layer begin(const Node& node);
  /// `kept` output fragments have a bank; `loaded`: the whole input was loaded.
  void end(const Node& node, std::int64_t kept, bool loaded, bool reverse);
  /// A global pool fused into its producer claims banks and releases its input in its own turn,
  /// which may be after other layers.
  void fused_pool(const Node& node);
  /// Fragments of a tensor that have a bank.
  std::int64_t num_fragments(int tensor) const {
    return fragments_[static_cast<std::size_t>(tensor)];
  }

 private:
  std::int64_t& fragments_of(int tensor) { return fragments_[static_cast<std::size_t>(tensor)]; }
  void map_concat(const Node& node);

  const Graph& graph_;
  std::int64_t num_banks_;
  std::vector<std::int64_t> fragments_;  // on chip, by tensor
  std::vector<bool> flipped_;            // by tensor
  std::int64_t mapped_ = 0;              // sum of fragments_
  int reserved_tensor_ = -1;
  std::int64_t reserved_ = 0;         // banks of that tensor
  std::int64_t reserved_concat_ = 0;  // banks of a concat
};

}  // namespace tilewake::midap
