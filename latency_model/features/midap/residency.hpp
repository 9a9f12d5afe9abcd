// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "simulator/mapping/midap/graph.hpp"

namespace tilewake::midap {

/// How many fragments of each tensor lie in FMEM while the layers are walked over: the bookkeeping
/// of the mapper's bank planner in numbers, without telling one bank from another.
class Residency {
 public:
  /// What a layer finds.
  struct Layer {
    std::int64_t resident = 0;   // input fragments on chip
    std::int64_t reserved = 0;   // input fragments that stay for another path of a fork
    std::int64_t usable = 0;     // banks that nobody has reserved
    std::int64_t banks = 0;      // that input and output may have: those of no other tensor
    bool input_flipped = false;  // its columns are stored in reverse
  };

  explicit Residency(const Graph& graph);

  /// Reserves what `node` must leave in place, and banks of a concat that it is the first to write.
  Layer begin(const Node& node);
  /// `kept` fragments of the output have a bank; all of the input was loaded if `loaded`.
  void end(const Node& node, std::int64_t kept, bool loaded, bool reverse);
  /// A global pool that rides on its producer claims banks and releases its input when its turn
  /// comes, which may be after other layers.
  void fused_pool(const Node& node);

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
