// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tflite_generated.h>
#include <vector>

#include "simulator/network/onnx/onnx_model.hpp"

namespace tilewake {

/// Bounds on a model file, beside kMaxTfliteBytes. Several vectors of a file may share their bytes,
/// so tables and items (inputs, outputs and dimensions) are counted.
inline constexpr std::uint32_t kMaxTfliteTables = 1U << 18;
inline constexpr std::uint32_t kMaxTfliteDepth = 16;
inline constexpr std::size_t kMaxTfliteItems = std::size_t{1} << 20;

/// A tensor of the main subgraph, in the order of axes of the file.
struct TfliteTensor {
  std::string_view name;
  Dims dims;       // as the converter saw them
  Dims signature;  // the same; -1: free
  tfl::ElementType type = tfl::ElementType::FLOAT32;
  bool is_constant = false;
  std::uint32_t buffer = 0;  // that has the data; several tensors may have one
  std::string_view data;     // of a constant, little-endian; may be missing
  // Value of a quantized element q: scale * (q - zero_point). Scale 0: not quantized, or by
  // channel.
  double scale = 0.0;
  double zero_point = 0.0;
};

/// An operator of the main subgraph. Inputs and outputs are indices of tensors; -1: left out.
struct TfliteOperator {
  std::size_t index = 0;
  tfl::BuiltinOperator code = tfl::BuiltinOperator::ADD;
  std::string name;  // "CONV_2D"; of a custom operator "CUSTOM 'NAME'"
  std::string_view custom_name;
  std::vector<int> inputs;
  std::vector<int> outputs;
  tfl::OptionsType options_type = tfl::OptionsType::NONE;
  const tfl::Options* options = nullptr;  // null: missing
};

/// The main subgraph of a model file. Indices are checked, their meaning is not.
struct TfliteModel {
  std::string_view file;  // not owned; the views refer to it
  std::size_t num_subgraphs = 0;
  std::vector<TfliteTensor> tensors;
  std::vector<TfliteOperator> operators;
  std::vector<int> inputs;
  std::vector<int> outputs;

  /// Operators have no names: that of the tensor which it gives, up to the ';' with which
  /// converters join the names of what they folded. May be empty.
  std::string_view name_of(const TfliteOperator& op) const;
  /// For error messages: "operator 5 CONV_2D 'conv1'".
  std::string text_of(const TfliteOperator& op) const;

  /// Options as the table `T`. Defaults where the operator has none; throws InputError if they are
  /// another table or damaged.
  template <typename T>
  const T* options_of(const TfliteOperator& op, tfl::OptionsType type) const {
    if (op.options == nullptr || op.options_type == tfl::OptionsType::NONE) return nullptr;
    if (op.options_type != type) refuse_options(op, type);
    const auto* table = static_cast<const T*>(static_cast<const void*>(op.options));
    flatbuffers::Verifier verifier(reinterpret_cast<const std::uint8_t*>(file.data()), file.size(),
                                   kMaxTfliteDepth, kMaxTfliteTables);
    if (!table->Verify(verifier)) refuse_options(op, type);
    return table;
  }

 private:
  [[noreturn]] static void refuse_options(const TfliteOperator& op, tfl::OptionsType type);
};

/// Throws InputError "PATH: ..." if the bytes are no TensorFlow Lite model or exceed a bound above.
/// `file` must outlive the result.
TfliteModel parse_tflite(std::string_view file, const std::string& path);

}  // namespace tilewake
