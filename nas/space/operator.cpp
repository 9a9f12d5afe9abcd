// SPDX-License-Identifier: Apache-2.0
#include "nas/space/operator.hpp"

#include <cassert>

#include <fmt/format.h>

namespace tilewake {
namespace {

std::vector<Operator> make_pool() {
  std::vector<Operator> pool;
  for (const bool squeeze_excite : {false, true}) {
    const auto add = [&](BlockOp op, int kernel, int ratio) {
      pool.push_back({op, kernel, ratio, squeeze_excite});
    };
    for (const int kernel : {3, 5, 7}) add(BlockOp::kShuffleUnit, kernel, 1);
    add(BlockOp::kXceptionUnit, 3, 1);
    for (const int kernel : {3, 5, 7}) add(BlockOp::kSeparable, kernel, 1);
    for (const int ratio : {1, 3, 6}) {
      for (const int kernel : {3, 5, 7}) add(BlockOp::kMixConv, kernel, ratio);
    }
    for (const int ratio : {1, 3, 6}) {
      for (const int kernel : {3, 5}) add(BlockOp::kFused, kernel, ratio);
    }
    for (const int kernel : {3, 5}) add(BlockOp::kConv, kernel, 1);
  }
  pool.push_back(kIdentity);
  return pool;
}

std::string family_of(const Operator& op) {
  switch (op.op) {
    case BlockOp::kMixConv:
      return fmt::format("mbconv{}", op.expansion_ratio);
    case BlockOp::kFused:
      return fmt::format("fused{}", op.expansion_ratio);
    case BlockOp::kBasic:
      return fmt::format("basic{}", op.expansion_ratio);
    case BlockOp::kConv:
      return "conv";
    case BlockOp::kSeparable:
      return "separable";
    case BlockOp::kShuffleUnit:
      return "shuffle";
    case BlockOp::kXceptionUnit:
      return "xception";
  }
  assert(false && "unknown operator");
  return "";
}

}  // namespace

std::string to_string(const Operator& op) {
  if (op.is_identity()) return "identity";
  return fmt::format("{}_{}{}", family_of(op), op.kernel, op.squeeze_excite ? "_se" : "");
}

std::optional<Operator> operator_named(const std::string& name) {
  for (const Operator& op : operator_pool()) {
    if (to_string(op) == name) return op;
  }
  return {};
}

const std::vector<Operator>& operator_pool() {
  static const std::vector<Operator> pool = make_pool();
  return pool;
}

bool needs_even_width(const Operator& op) {
  return op.op == BlockOp::kShuffleUnit || op.op == BlockOp::kXceptionUnit;
}

bool has_residual(const Operator& op) {
  return !op.is_identity() && (has_expansion_ratios(op.op) || op.op == BlockOp::kConv);
}

ArchitectureBlock block_of(const Operator& op, Activation activation) {
  assert(!op.is_identity());
  return {{{op.kernel, op.expansion_ratio}}, activation, op.squeeze_excite, op.op};
}

}  // namespace tilewake
