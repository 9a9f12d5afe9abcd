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
  int kernel = 3;           // 0: the identity, no block
  int expansion_ratio = 1;  // where the block has one; otherwise 1
  bool squeeze_excite = false;

  bool is_identity() const { return kernel == 0; }

  friend bool operator==(const Operator&, const Operator&) = default;
};

/// The position has no block: only after the first block of a stage, which has the stride and the
/// change of channels.
inline constexpr Operator kIdentity = {BlockOp::kMixConv, 0, 1, false};

/// The name in files and tables: "shuffle_5", "separable_7_se", "mbconv6_3", "identity".
std::string to_string(const Operator& op);

/// The pool's operator of that name, if it exists.
std::optional<Operator> operator_named(const std::string& name);

/// All 49, first 24 without squeeze-and-excitation: ShuffleNetV2 units with kernels 3, 5, 7; the
/// Xception-like unit; separable convolutions 3, 5, 7; MBConv with expansion 1, 3, 6 and kernels 3,
/// 5, 7; fused MBConv with expansion 1, 3, 6 and kernels 3, 5; dense convolutions 3, 5. Then the
/// same with it, and the identity. The first four are those of Guo et al., "Single Path One-Shot",
/// ECCV 2020.
const std::vector<Operator>& operator_pool();

/// Whether it splits the channels into halves, which requires an even number.
bool needs_even_width(const Operator& op);

/// Whether it adds its input to its output where stride is 1 and the widths are equal.
bool has_residual(const Operator& op);

/// The block of an operator that is not the identity.
ArchitectureBlock block_of(const Operator& op, Activation activation);

}  // namespace tilewake
