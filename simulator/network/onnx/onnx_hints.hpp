// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace tilewake {

/// What ONNX has no word for stands in a node's doc_string, one line each: the block that a layer
/// belongs to, and its op where the node alone would be read as another.
inline constexpr std::string_view kBlockHint = "tilewake.block: ";
inline constexpr std::string_view kOpHint = "tilewake.op: ";
/// "false": the factors and shifts of a normalisation, which the node must have, are none.
inline constexpr std::string_view kBiasHint = "tilewake.bias: ";
inline constexpr std::string_view kShiftHint = "tilewake.shift: ";

/// What follows `hint` in its line of `doc`; empty without.
inline std::string_view hint_in(std::string_view doc, std::string_view hint) {
  while (!doc.empty()) {
    const std::string_view line = doc.substr(0, doc.find('\n'));
    if (line.starts_with(hint)) return line.substr(hint.size());
    doc.remove_prefix(line.size() < doc.size() ? line.size() + 1 : line.size());
  }
  return {};
}

/// Who wrote the model; of its own models the reader takes the name of the graph.
inline constexpr std::string_view kOnnxProducer = "tilewake";

}  // namespace tilewake
