// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "simulator/network/onnx/layer_drafts.hpp"
#include "simulator/network/onnx/onnx_constant.hpp"
#include "simulator/network/onnx/onnx_model.hpp"
#include "simulator/network/plain_names.hpp"

namespace tilewake {

/// What a node does to every element of a feature map, kept until it is clear where it belongs: to
/// the layer before it, to a pattern of several nodes, or to a layer of its own.
struct ElementwiseStep {
  enum class Kind {
    kActivation,
    kShift,   // by one constant, `amount`
    kScale,   // by one positive constant: the scale of an int8 map takes it in, it costs nothing
    kAffine,  // by constants of every channel (`has_shift`: not only factors)
  };

  Kind kind = Kind::kActivation;
  const OnnxNode* node = nullptr;
  Activation activation = Activation::kNone;
  double amount = 0.0;
  bool has_shift = false;
};

/// What a name of the graph stands for: a constant, or a feature map in some ONNX shape.
///
/// Maps lie in memory as C x H x W; `dims` is that, or what Flatten, Reshape and Squeeze made of it
/// without moving an element.
struct OnnxValue {
  std::shared_ptr<const OnnxConstant> constant;  // null: a feature map
  int layer = kNetworkInput;                     // that computes it
  Dims dims;
  bool is_exclusive = false;  // nobody reads the layer but through this value

  std::vector<ElementwiseStep> steps;  // still to be done, on the value `base`
  std::string_view base;

  Padding zeros;  // that a Pad put around it
  const OnnxNode* pad = nullptr;
  const OnnxNode* end = nullptr;      // a Softmax that is left out: nothing may follow
  const OnnxNode* shuffle = nullptr;  // swapped groups of channels; only a Reshape may follow
  std::int64_t shuffle_groups = 0;
  bool is_channels_last = false;  // the network's input, before the Transpose that follows it
};

/// The values of a graph while it is read, and the layers made so far.
class OnnxValues {
 public:
  /// `num_uses`: how many inputs of nodes and outputs of the graph bear each name. The dims of maps
  /// are those of one of `batch` images.
  OnnxValues(const Shape& input, std::int64_t batch,
             std::unordered_map<std::string_view, int> num_uses)
      : drafts_(input), batch_(batch), num_uses_(std::move(num_uses)) {}

  // --- What a node reads. All throw InputError.

  static bool has_input(const OnnxNode& node, std::size_t index) {
    return index < node.inputs.size() && !node.inputs[index].empty();
  }
  /// Anything, with what is pending.
  OnnxValue& any(const OnnxNode& node, std::size_t index);
  bool is_constant(const OnnxNode& node, std::size_t index) {
    return any(node, index).constant != nullptr;
  }
  const OnnxConstant& constant(const OnnxNode& node, std::size_t index);
  /// A feature map with nothing pending, in any shape.
  OnnxValue map(const OnnxNode& node, std::size_t index);
  /// The same, as 1 x C x H x W.
  OnnxValue image(const OnnxNode& node, std::size_t index);
  /// The same, and it may have zeros around.
  OnnxValue padded_image(const OnnxNode& node, std::size_t index);

  const Shape& shape_of(const OnnxValue& value) const { return drafts_.shape_of(value.layer); }

  // --- What a node gives, as its first output where nothing else is said.

  void define(std::string_view name, OnnxValue value);
  void define_constant(const OnnxNode& node, OnnxConstant constant);
  /// Its first input in other dims.
  void define_same(const OnnxNode& node, OnnxValue value, Dims dims);
  void define_step(const OnnxNode& node, std::size_t input, ElementwiseStep step);
  /// `layer` carries op and fields; name, block and inputs are set here. Its output has the dims
  /// of a map, or, `is_vector`, 1 x C.
  void define_layer(const OnnxNode& node, Layer layer, const std::vector<OnnxValue>& inputs,
                    const PaddingRule& padding = PaddingRule::valid(), bool is_vector = false,
                    std::size_t output = 0);
  /// Multiplies two inputs; x * sigmoid(x) and the like become activations of x. False: none of
  /// these.
  bool define_gated(const OnnxNode& node, std::size_t input, std::size_t gate);

  /// What an output of the graph stands for, nothing pending; null where no node gives it.
  const OnnxValue* output(std::string_view name);
  int num_uses(std::string_view name) const;
  std::int64_t batch() const { return batch_; }
  const LayerDrafts& layers() const { return drafts_; }

 private:
  /// The map that `value` is once its steps are done. `num_readers`: how many of the base's uses
  /// these steps account for.
  OnnxValue settled(const OnnxValue& value, int num_readers);
  void apply(const ElementwiseStep& step, OnnxValue& map);
  void refuse_loose_ends(const OnnxValue& value) const;
  int add_layer(const OnnxNode& node, Layer layer, const std::vector<OnnxValue>& inputs,
                const PaddingRule& padding, std::size_t output = 0);

  LayerDrafts drafts_;
  std::int64_t batch_ = 1;
  std::unordered_map<std::string_view, OnnxValue> values_;
  std::unordered_map<std::string_view, int> num_uses_;
  PlainNames names_;
};

/// `node` in an error message: "'conv1' (Conv)".
std::string text_of(const OnnxNode& node);

}  // namespace tilewake
