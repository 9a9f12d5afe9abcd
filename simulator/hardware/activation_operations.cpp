// SPDX-License-Identifier: Apache-2.0
#include "simulator/hardware/activation_operations.hpp"

#include "simulator/common/yaml_fields.hpp"

namespace tilewake {
namespace {

constexpr std::int64_t kMaxActivationOperations = 10'000;

}  // namespace

std::int64_t ActivationOperations::of(Activation activation) const {
  switch (activation) {
    case Activation::kNone:
      return 0;
    case Activation::kRelu:
    case Activation::kRelu6:
    case Activation::kClip:
    case Activation::kLeakyRelu:
    case Activation::kPrelu:
      return linear;
    case Activation::kHswish:
    case Activation::kHsigmoid:
      return product;
    default:
      return exponential;
  }
}

void visit_fields(YamlFields& fields, ActivationOperations& o) {
  fields.unless_default(o == ActivationOperations{}, [&] {
    fields.section("activation_operations", [&] {
      fields.integer("linear", o.linear, 0, kMaxActivationOperations,
                     {"",
                      "operations of the vector unit an element: relu, relu6, clip, "
                      "leaky_relu, prelu"});
      fields.integer("product", o.product, 0, kMaxActivationOperations,
                     {"", "as above: hswish, hsigmoid"});
      fields.integer("exponential", o.exponential, 0, kMaxActivationOperations,
                     {"",
                      "as above: all other activations; also the exponentials of softmax and "
                      "the powers of lrn"});
    });
  });
}

}  // namespace tilewake
