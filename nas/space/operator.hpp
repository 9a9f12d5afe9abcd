// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "nas/space/architecture.hpp"

namespace tilewake {

/// An operator of the pool, a candidate for a position of a one-shot supernet.
struct Operator {
  BlockOp op = BlockOp::kMixConv;
  int kernel = 3;
  int expansion_ratio = 1;  // of a MixConv; otherwise 1
  bool squeeze_excite = false;

  friend bool operator==(const Operator&, const Operator&) = default;
};

/// The name in files and tables: "shuffle_5", "xception_3", "separable_7_se", "mbconv6_3".
std::string to_string(const Operator& op);

/// The pool's operator of that name, if it exists.
std::optional<Operator> operator_named(const std::string& name);

/// All 32, those without squeeze-and-excitation first: ShuffleNetV2 units with kernels 3, 5, 7; the
/// Xception-like unit; separable convolutions 3, 5, 7; MBConv with expansion 1, 3, 6 and kernels 3,
/// 5, 7. The first four are those of Guo et al., "Single Path One-Shot", ECCV 2020.
const std::vector<Operator>& operator_pool();

/// Whether it splits the channels into halves, which requires an even number.
bool needs_even_width(const Operator& op);

ArchitectureBlock block_of(const Operator& op, Activation activation);

}  // namespace tilewake
