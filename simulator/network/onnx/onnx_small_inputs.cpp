// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/onnx/onnx_small_inputs.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>

namespace tilewake {
namespace {

constexpr auto kFirstParameter = std::to_array<std::pair<std::string_view, std::size_t>>({
    {"Conv", 1},
    {"ConvTranspose", 1},
    {"Gemm", 1},
    {"BatchNormalization", 1},
    {"InstanceNormalization", 1},
    {"LayerNormalization", 1},
    {"GroupNormalization", 1},
    {"PRelu", 1},
    {"QuantizeLinear", 1},
    {"DequantizeLinear", 1},
    {"Clip", 1},
    {"Reshape", 1},
    {"Resize", 1},
    {"Upsample", 1},
    {"Pad", 1},
    {"Slice", 1},
    {"Expand", 1},
    {"Tile", 1},
});

constexpr auto kProducts = std::to_array<std::string_view>(
    {"Gemm", "MatMul", "Einsum", "Conv", "ConvTranspose", "MatMulInteger", "QLinearMatMul"});

/// Inputs that a value depends on, one bit each; more inputs are not followed.
using Mask = std::uint64_t;
constexpr std::size_t kMaxFollowedInputs = 64;

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

}  // namespace

std::size_t first_parameter_of(std::string_view op) {
  for (const auto& [name, first] : kFirstParameter) {
    if (name == op) return first;
  }
  return 0;
}

bool is_name_of_steps(std::string_view name) {
  const std::string text = lower(name);
  if (text == "t" || text == "l" || text == "s") return true;
  for (const char* word : {"seq", "time", "frame", "length", "step", "token"}) {
    if (text.find(word) != std::string::npos) return text.find("batch") == std::string::npos;
  }
  return false;
}

bool is_name_of_images(std::string_view name) {
  const std::string text = lower(name);
  return text == "n" || text == "b" || text.find("batch") != std::string::npos;
}

std::unordered_set<std::string_view> small_inputs_of_products(
    const std::vector<const OnnxNode*>& nodes, const std::vector<std::string_view>& small,
    const std::function<bool(std::string_view)>& is_map) {
  std::unordered_map<std::string_view, Mask> depends_on;
  std::unordered_set<std::string_view> depends_on_map;
  for (std::size_t i = 0; i < small.size() && i < kMaxFollowedInputs; ++i) {
    depends_on[small[i]] = Mask{1} << i;
  }
  Mask found = 0;
  for (const OnnxNode* node : nodes) {
    if (node->op == "Shape" || node->op == "Size") continue;
    Mask mask = 0;
    bool reads_map = false;
    for (const std::string_view input : node->inputs) {
      reads_map = reads_map || is_map(input) || depends_on_map.contains(input);
      if (const auto known = depends_on.find(input); known != depends_on.end()) {
        mask |= known->second;
      }
    }
    if (reads_map) {
      depends_on_map.insert(node->outputs.begin(), node->outputs.end());
      continue;
    }
    if (mask == 0) continue;
    const bool is_product =
        std::find(kProducts.begin(), kProducts.end(), node->op) != kProducts.end();
    const std::size_t first_parameter = first_parameter_of(node->op);
    for (std::size_t i = 0; is_product && i < node->inputs.size(); ++i) {
      const auto known = depends_on.find(node->inputs[i]);
      if (known == depends_on.end() || (first_parameter > 0 && i >= first_parameter)) continue;
      found |= known->second;
    }
    for (const std::string_view output : node->outputs) {
      if (!output.empty()) depends_on[output] = mask;
    }
  }
  std::unordered_set<std::string_view> result;
  for (std::size_t i = 0; i < small.size() && i < kMaxFollowedInputs; ++i) {
    if ((found >> i & 1) != 0) result.insert(small[i]);
  }
  return result;
}

}  // namespace tilewake
