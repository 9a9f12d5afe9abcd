// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "simulator/network/layer.hpp"

namespace tilewake {

class YamlFields;

/// Operations of a vector unit for the activation of one element, by the class of the activation.
/// 0: the unit that computes the element applies it without more time.
struct ActivationOperations {
  std::int64_t linear = 0;       // relu, relu6, clip, leaky_relu, prelu
  std::int64_t product = 0;      // hswish, hsigmoid
  std::int64_t exponential = 0;  // all others, and the exponentials of softmax and lrn

  std::int64_t of(Activation activation) const;
  friend bool operator==(const ActivationOperations&, const ActivationOperations&) = default;
};

/// Its fields; all have defaults.
void visit_fields(YamlFields& fields, ActivationOperations& operations);

}  // namespace tilewake
