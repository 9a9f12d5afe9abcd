// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "simulator/network/onnx/onnx_model.hpp"
#include "simulator/network/tflite/tflite_model.hpp"

namespace tilewake {

/// Writes a TensorFlow Lite graph as ONNX nodes in memory, for the ONNX reader: activations,
/// biases, patterns and shapes are handled there, so both formats give the same network.
///
/// ONNX has channels before rows and columns. Tensors of 3 and more dimensions are written in that
/// order: N x rows x columns x C as N x C x rows x columns. `axis_of`, `channels_first` and
/// `order_of` translate.
///
/// All members throw InputError; the reader adds file and operator.
class TfliteGraph {
 public:
  /// `model` must outlive this object and the ONNX model.
  TfliteGraph(const TfliteModel& model, std::string_view graph_name);

  const TfliteModel& model() const { return model_; }

  // --- What an operator reads.

  static bool has_input(const TfliteOperator& op, std::size_t index) {
    return index < op.inputs.size() && op.inputs[index] >= 0;
  }
  int input(const TfliteOperator& op, std::size_t index) const;
  int output(const TfliteOperator& op, std::size_t index = 0) const;
  const TfliteTensor& tensor(int index) const { return tensors_[static_cast<std::size_t>(index)]; }
  std::size_t rank(int index) const { return tensor(index).dims.size(); }
  bool is_constant(const TfliteOperator& op, std::size_t index) const {
    return tensor(input(op, index)).is_constant;
  }
  /// A constant, or computed from constants and shapes: no feature map.
  bool is_known(int index) const;
  /// Dims of a constant in the order of the file. Refuses a computed tensor.
  const Dims& constant_dims(const TfliteOperator& op, std::size_t index) const;
  /// A constant list of integers, at most kMaxTensorValues.
  std::vector<std::int64_t> integers(const TfliteOperator& op, std::size_t index) const;

  // --- Names of values in ONNX.

  /// A tensor that an operator gives, or an input of the graph.
  std::string_view name_of(int tensor);
  /// Input `index` as a feature map. Refuses a constant.
  std::string_view map(const TfliteOperator& op, std::size_t index);
  /// Constant input `index`, written with `dims`: weights in ONNX's order of axes.
  std::string_view constant(const TfliteOperator& op, std::size_t index, const Dims& dims);
  /// Input `index` without a change of axes: for arithmetic on shapes.
  std::string_view raw(const TfliteOperator& op, std::size_t index);
  /// Input `index` beside a map of `rank`: a constant gets its axes aligned to the map's.
  std::string_view operand(const TfliteOperator& op, std::size_t index, std::size_t rank);
  /// Input `index`, a map or constant, with the axes of the file.
  std::string_view in_file_order(const TfliteOperator& op, std::size_t index);
  std::string_view new_integers(const std::vector<std::int64_t>& values);
  std::string_view new_name(int tensor);

  // --- What an operator gives.

  /// A node of `op`, in order. Callers add attributes before they add another node.
  OnnxNode& add(const TfliteOperator& op, std::string_view onnx_op,
                std::vector<std::string_view> inputs, std::vector<std::string_view> outputs);
  /// A node whose output is that of `op`, after the activation that is fused into it.
  OnnxNode& add_layer(const TfliteOperator& op, std::string_view onnx_op,
                      std::vector<std::string_view> inputs, tfl::FusedActivation activation);
  /// A fused activation as a node.
  void add_clip(const TfliteOperator& op, std::string_view from, std::string_view to,
                tfl::FusedActivation activation);
  std::size_t num_nodes() const { return onnx_.nodes.size(); }
  /// An operator that is not read: a node of no ONNX operator, in place of those after the first
  /// `num_nodes`.
  void add_unsupported(const TfliteOperator& op, std::size_t num_nodes);
  /// Output `index` of `op` is `value`, which has the axes of the file.
  void define_from_file_order(const TfliteOperator& op, std::string_view value,
                              std::size_t index = 0);
  /// The output of `op` is a constant: its input in another type, or in other dims.
  void define_constant(const TfliteOperator& op, std::size_t from, bool keeps_values);
  /// The output of `op` is a shape or computed from shapes.
  void define_shape_value(int tensor) { is_shape_value_[static_cast<std::size_t>(tensor)] = true; }

  void add_input(int tensor);
  void add_output(int tensor);
  /// A value that may become an input where the network is cut.
  void add_cut_info(int tensor);

  /// Afterwards this object is used up.
  OnnxModel take();

  /// Order of the axes of a tensor of `rank` in ONNX, as axes in TensorFlow Lite. The two axes of
  /// grouped channels of 5 dimensions (channel shuffle) come first as well.
  static std::vector<std::size_t> order_of(std::size_t rank);
  static Dims channels_first(const Dims& dims);
  /// Where `axis` (negative: from the end) of a tensor of `rank` is in ONNX.
  static std::int64_t axis_of(std::int64_t axis, std::size_t rank);

 private:
  OnnxInput input_of(int index);
  std::string_view keep(std::string text);
  int first_with_data_of(int index);
  std::string_view new_tensor(OnnxTensor tensor);

  struct Storage;  // of the strings

  const TfliteModel& model_;
  std::vector<TfliteTensor> tensors_;
  std::vector<bool> is_shape_value_;
  std::vector<std::string_view> names_;
  std::map<std::pair<int, Dims>, std::string_view> constants_;
  std::map<std::uint32_t, int> first_of_buffer_;  // tensors, by the buffer of their data
  std::size_t num_names_ = 0;
  std::shared_ptr<Storage> storage_;
  OnnxModel onnx_;
};

/// Attributes of `node`.
void set_integer(OnnxNode& node, std::string_view name, std::int64_t value);
void set_integers(OnnxNode& node, std::string_view name, std::vector<std::int64_t> values);
void set_real(OnnxNode& node, std::string_view name, double value);
void set_text(OnnxNode& node, std::string_view name, std::string_view value);

}  // namespace tilewake
