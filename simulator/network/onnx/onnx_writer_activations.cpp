// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "simulator/network/onnx/onnx_graph_writer.hpp"

namespace tilewake {

void OnnxGraphWriter::add_activation(const Layer& layer, const std::string& input,
                                     const std::string& output) {
  const auto add_simple = [&](std::string_view type) {
    add_side(layer, "activation", type, {input}, output);
  };
  const auto add_hard_sigmoid = [&](std::string_view role, const std::string& name) {
    onnx::NodeProto& node = add_side(layer, role, "HardSigmoid", {input}, name);
    add_attribute(node, "alpha", 1.0F / 6.0F);  // relu6(x + 3) / 6
    add_attribute(node, "beta", 0.5F);
  };
  switch (layer.activation) {
    case Activation::kNone:
      return;
    case Activation::kRelu:
      return add_simple("Relu");
    case Activation::kRelu6: {
      const std::string min = add_floats(layer, "min", {}, std::vector<float>{0.0F});
      const std::string max = add_floats(layer, "max", {}, std::vector<float>{6.0F});
      add_side(layer, "activation", "Clip", {input, min, max}, output);
      return;
    }
    case Activation::kHsigmoid:
      return add_hard_sigmoid("activation", output);
    case Activation::kHswish: {
      const std::string gate = take_name(layer, layer.name + ".gate");
      add_hard_sigmoid("gate", gate);
      add_side(layer, "activation", "Mul", {input, gate}, output);
      return;
    }
    case Activation::kSigmoid:
      return add_simple("Sigmoid");
    case Activation::kSwish: {
      const std::string gate = take_name(layer, layer.name + ".gate");
      add_side(layer, "gate", "Sigmoid", {input}, gate);
      add_side(layer, "activation", "Mul", {input, gate}, output);
      return;
    }
    case Activation::kLeakyRelu: {
      onnx::NodeProto& node = add_side(layer, "activation", "LeakyRelu", {input}, output);
      add_attribute(node, "alpha", kLeakyReluSlope);
      return;
    }
    case Activation::kPrelu: {
      const std::string slope = add_zeros(layer, "slope", {layer.ofm.channels, 1, 1});
      add_side(layer, "activation", "PRelu", {input, slope}, output);
      return;
    }
    case Activation::kClip: {
      const std::string min = add_floats(layer, "min", {}, std::vector<float>{-1.0F});
      const std::string max = add_floats(layer, "max", {}, std::vector<float>{1.0F});
      add_side(layer, "activation", "Clip", {input, min, max}, output);
      return;
    }
    case Activation::kTanh:
      return add_simple("Tanh");
    case Activation::kElu:
      return add_simple("Elu");
    case Activation::kGelu:
      return add_gelu(layer, input, output);
    case Activation::kMish: {
      const std::string softplus = add_side(layer, "softplus", "Softplus", {input});
      const std::string gate = add_side(layer, "gate", "Tanh", {softplus});
      add_side(layer, "activation", "Mul", {input, gate}, output);
      return;
    }
    case Activation::kSoftplus:
      return add_simple("Softplus");
    case Activation::kExp:
      return add_simple("Exp");
    case Activation::kSqrt:
      return add_simple("Sqrt");
    case Activation::kErf:
      return add_simple("Erf");
  }
}

/// x (1 + erf(x / sqrt 2)) / 2: the operator Gelu came with opset 20.
void OnnxGraphWriter::add_gelu(const Layer& layer, const std::string& input,
                               const std::string& output) {
  const auto constant = [&](const char* role, float value) {
    return add_floats(layer, role, {}, std::vector<float>{value});
  };
  const std::string root = constant("gelu.root", std::sqrt(2.0F));
  const std::string one = constant("gelu.one", 1.0F);
  const std::string half = constant("gelu.half", 0.5F);
  const std::string scaled = add_side(layer, "gelu.scaled", "Div", {input, root});
  const std::string erf = add_side(layer, "gelu.erf", "Erf", {scaled});
  const std::string gate = add_side(layer, "gelu.gate", "Add", {erf, one});
  const std::string product = add_side(layer, "gelu.product", "Mul", {input, gate});
  add_side(layer, "activation", "Mul", {product, half}, output);
}

}  // namespace tilewake
