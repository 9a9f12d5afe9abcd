// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "simulator/network/onnx/layer_drafts.hpp"
#include "simulator/network/onnx/onnx_constant.hpp"
#include "simulator/network/onnx/onnx_model.hpp"
#include "simulator/network/onnx/onnx_view.hpp"
#include "simulator/network/plain_names.hpp"

namespace tilewake {

/// What a node does to every element of a feature map, kept until it is clear where it belongs: to
/// the layer before it, to a pattern of several nodes, or to a layer of its own.
struct ElementwiseStep {
  enum class Kind {
    kActivation,
    kShift,   // by one constant, `amount`: a bias, else the zero point of an int8 map takes it in
    kScale,   // by one positive constant: the scale of an int8 map takes it in, it costs nothing
    kAffine,  // by constants of every channel (`has_shift`: not only factors)
  };

  Kind kind = Kind::kActivation;
  const OnnxNode* node = nullptr;
  Activation activation = Activation::kNone;
  double amount = 0.0;
  bool has_shift = false;
  bool has_factor = false;
  std::int64_t origin = -1;  // of its constant, or of the factors of a norm
};

/// What a name of the graph stands for: a constant, or a feature map in some ONNX shape.
struct OnnxValue {
  std::shared_ptr<const OnnxConstant> constant;  // null: a feature map
  int layer = kNetworkInput;                     // that computes it
  OnnxView view;                                 // of the layer's elements
  Dims dims;                                     // of the view
  bool is_exclusive = false;                     // nobody reads the layer but through this value
  const OnnxNode* mover = nullptr;               // the last that changed the view

  std::vector<ElementwiseStep> steps;  // still to be done, on the value `base`
  std::string_view base;

  Padding zeros;  // that a Pad put around it; the dims are without
  const OnnxNode* pad = nullptr;
  const OnnxNode* shuffle = nullptr;  // a channel shuffle that moves nothing and is wanted

  void set_view(OnnxView new_view) {
    view = std::move(new_view);
    dims = dims_of(view);
  }
};

/// `node` in an error message: "'conv1' (Conv)".
std::string text_of(const OnnxNode& node);

/// Throws InputError where no map has these dims. Repeats count, although they may not be stored.
void check_map_dims(const Dims& dims);

/// How the dims of the network's input, or of a further input, are stored in a map.
enum class OnnxInputLayout {
  kImage,                 // N x C x H x W
  kChannelsLast,          // N x H x W x C
  kOneImage,              // C x H x W
  kOneImageChannelsLast,  // H x W x C
  kAudio,                 // N x C x columns
  kTokens,                // N x rows x C
  kTimeFirst,             // rows x N x C
  kNumbers,               // of one dimension, or one number
  kVector                 // rows x C
};

/// The map that `dims` describe.
Shape shape_of(const Dims& dims, OnnxInputLayout layout);

/// The values of a graph while it is read, and the layers made so far.
class OnnxValues {
 public:
  /// `num_uses`: how many inputs of nodes and outputs of the graph bear each name. The dims of maps
  /// are those of one of `batch` images.
  OnnxValues(const Shape& input, std::int64_t batch,
             std::unordered_map<std::string_view, int> num_uses)
      : drafts_(input), batch_(batch), num_uses_(std::move(num_uses)) {}

  /// Of the ONNX operators in the graph.
  void set_opset(std::int64_t opset) { opset_ = opset; }
  std::int64_t opset() const { return opset_; }
  /// Dims of values that the file has, by name; what is not positive is not known.
  void set_known_dims(std::unordered_map<std::string_view, Dims> dims) {
    known_dims_ = std::move(dims);
  }
  const Dims* known_dims(std::string_view name) const;
  /// Dims of results that the caller gives, which go before every rule; taken once.
  void set_given_dims(std::unordered_map<std::string_view, Dims> dims) {
    given_dims_ = std::move(dims);
  }
  std::optional<Dims> take_given_dims(std::string_view name);
  /// Those that no host operator has taken.
  const std::unordered_map<std::string_view, Dims>& given_dims() const { return given_dims_; }

  // --- What is there before the first node. All throw InputError.

  /// The network's input, of one image.
  void define_input(std::string_view name, const Dims& dims, OnnxInputLayout layout);
  /// A further input of the graph: a layer.
  void define_further_input(std::string_view name, const Dims& dims, OnnxInputLayout layout);
  void define_initializer(const OnnxTensor& tensor);

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
  /// The dims of a map or constant.
  Dims dims(const OnnxNode& node, std::size_t index);
  /// A feature map with nothing pending, in any shape.
  OnnxValue map(const OnnxNode& node, std::size_t index);
  /// The same, and its view may repeat elements.
  OnnxValue repeated_map(const OnnxNode& node, std::size_t index);
  /// The same, and it may have zeros around.
  OnnxValue padded_map(const OnnxNode& node, std::size_t index);
  /// A constant as a layer, stored in this shape in any order: its view is not known.
  OnnxValue constant_layer(const OnnxNode& node, std::size_t index, const Shape& shape);
  /// A map; a constant becomes one in the layout that its number of dims suggests.
  OnnxValue map_or_constant(const OnnxNode& node, std::size_t index);

  const Shape& shape_of(const OnnxValue& value) const { return drafts_.shape_of(value.layer); }

  // --- Maps in another order. Nothing is added where the map is stored so; otherwise a copy. The
  // dims of the result are those of the value.

  /// Channels, rows and columns are exactly these factors of the view.
  OnnxValue arranged(const OnnxNode& node, const OnnxValue& value, const OnnxDim& channels,
                     const OnnxDim& rows, const OnnxDim& columns);
  /// Channels and pixels are these; how pixels are divided into rows and columns does not matter.
  OnnxValue arranged(const OnnxNode& node, const OnnxValue& value, const OnnxDim& channels,
                     const OnnxDim& pixels);
  /// Channels are these, in this order unless `any_order`; pixels are the others in any order.
  OnnxValue with_channels(const OnnxNode& node, const OnnxValue& value, const OnnxDim& channels,
                          bool any_order);
  /// Elements in this order, as a map of any shape of as many.
  OnnxValue stored_as(const OnnxNode& node, const OnnxValue& value, const OnnxDim& order,
                      const Shape& shape) {
    return copied(node, value, order, shape);
  }
  /// Whether the same call gives the value itself.
  bool is_arranged(const OnnxValue& value, const OnnxDim& channels, const OnnxDim& pixels) const;
  bool has_channels(const OnnxValue& value, const OnnxDim& channels, bool any_order) const;
  /// Bytes that the copy for arranged() moves; 0 where there is one already.
  std::int64_t bytes_to_arrange(const OnnxValue& value, const OnnxDim& channels,
                                const OnnxDim& pixels) const;
  /// 1 x C x H x W with exactly these channels, rows and columns, or 1 x C x columns, or 1 x C.
  OnnxValue image(const OnnxNode& node, const OnnxValue& value);
  /// No factor of the view is in more than one of channels, rows and columns.
  OnnxValue edged(const OnnxNode& node, const OnnxValue& value);
  /// Repeated factors become elements.
  OnnxValue unrepeated(const OnnxNode& node, const OnnxValue& value);

  // --- What a node gives, as its first output where nothing else is said.

  void define(std::string_view name, OnnxValue value);
  /// A result that only nodes which are left to the host may read, as the map `value`.
  void define_for_host(std::string_view name, OnnxValue value);
  /// Null: none of that name.
  const OnnxValue* for_host(std::string_view name) const;
  void define_constant(const OnnxNode& node, OnnxConstant constant, std::size_t output = 0);
  /// A map of its first input, in another view.
  void define_same(const OnnxNode& node, OnnxValue value, OnnxView view);
  void define_same(const OnnxNode& node, const OnnxValue& value) {
    define_same(node, value, value.view);
  }
  /// Its first input, with what is pending.
  void define_unchanged(const OnnxNode& node);
  void define_step(const OnnxNode& node, std::size_t input, ElementwiseStep step);
  /// `layer` carries op and fields; name, block and inputs are set here. Its output has `view`, or
  /// without is 1 x C x H x W.
  void define_layer(const OnnxNode& node, Layer layer, const std::vector<OnnxValue>& inputs,
                    const PaddingRule& padding = PaddingRule::valid(),
                    const std::optional<OnnxView>& view = std::nullopt, std::size_t output = 0);
  /// The same without a name in the graph.
  OnnxValue make_layer(const OnnxNode& node, Layer layer, const std::vector<OnnxValue>& inputs,
                       const PaddingRule& padding = PaddingRule::valid(),
                       const std::optional<OnnxView>& view = std::nullopt, std::size_t output = 0);
  /// Multiplies two inputs; x * sigmoid(x) and the like become activations of x. False: none of
  /// these.
  bool define_gated(const OnnxNode& node, std::size_t input, std::size_t gate);

  /// A node that stands for a part of another while the graph is read.
  const OnnxNode& keep(OnnxNode node) { return kept_nodes_.emplace_back(std::move(node)); }
  /// A node "NAME.ROLE" for a layer that `node` needs beside its own.
  const OnnxNode& part_of(const OnnxNode& node, std::string_view role);
  /// `node` with the outputs of `last`.
  const OnnxNode& keep_as(const OnnxNode& node, const OnnxNode& last);
  std::string_view keep_text(std::string text) { return kept_texts_.emplace_back(std::move(text)); }
  /// Such nodes read `name` so often.
  void add_uses(std::string_view name, int count) { num_uses_[name] += count; }
  /// What the node has defined.
  OnnxValue& result(const OnnxNode& node) { return values_.at(node.outputs.at(0)); }
  /// Weights of the layer that was added last, or its table: equal ones count once.
  void set_weights(const OnnxConstant& weights) { drafts_.back().weights = weights.origin; }
  /// The same of its bias, or of the shifts of a norm: input `index` of the node.
  void set_bias(const OnnxNode& node, std::size_t index) {
    if (has_input(node, index)) drafts_.back().bias = origin_of(node, index);
  }
  /// The number of a constant; -1: computed.
  std::int64_t origin_of(const OnnxNode& node, std::size_t index) {
    return is_constant(node, index) ? constant(node, index).origin : -1;
  }

  /// What an output of the graph stands for, nothing pending; null where no node gives it.
  const OnnxValue* output(std::string_view name);
  int num_uses(std::string_view name) const;
  bool is_defined(std::string_view name) const { return values_.contains(name); }
  std::int64_t batch() const { return batch_; }
  /// Dims of parameters that a model for a fixed batch repeats for every image.
  Dims for_one_image(Dims dims) const {
    if (dims.size() > 1 && dims[0] == batch_) dims[0] = 1;
    return dims;
  }
  /// The same of a constant's dims. Throws InputError where it differs from image to image; where
  /// that is not known, too, if `must_know`.
  Dims for_one_image(const OnnxConstant& constant, bool must_know) const;
  const LayerDrafts& layers() const { return drafts_; }
  /// Call before layers(): layers that have the same weights refer to the first.
  void share_weights() { drafts_.share_weights(); }

  // --- Of the next Reshape, in a model for several images: its dims of one image.

  void set_reshape_target(Dims dims) { reshape_target_ = std::move(dims); }
  /// They are as the node has them.
  void keep_reshape_target() { keeps_reshape_target_ = true; }
  std::optional<Dims> take_reshape_target() { return std::exchange(reshape_target_, std::nullopt); }
  bool take_keeps_reshape_target() { return std::exchange(keeps_reshape_target_, false); }

  /// Of a node that is left to the host.
  void note_host(const OnnxNode& node) { host_nodes_.push_back(text_of(node)); }
  const std::vector<std::string>& host_nodes() const { return host_nodes_; }
  /// Of an output of such a node whose dims nothing states: they are those of its first map.
  void note_guess(const OnnxNode& node, std::size_t output) {
    guesses_.push_back(std::string(node.outputs.at(output)));
  }
  const std::vector<std::string>& guesses() const { return guesses_; }

 private:
  /// The map that `value` is once its steps are done. `num_readers`: how many of the base's uses
  /// these steps account for.
  OnnxValue settled(const OnnxValue& value, int num_readers);
  void apply(const ElementwiseStep& step, OnnxValue& map);
  OnnxValue padded(const OnnxValue& value);
  OnnxValue copied(const OnnxNode& node, const OnnxValue& value, const OnnxDim& order,
                   const Shape& shape);
  int add_layer(const OnnxNode& node, Layer layer, const std::vector<OnnxValue>& inputs,
                const PaddingRule& padding, std::size_t output = 0);
  const OnnxNode& source_node(std::string_view name, std::string_view op);

  LayerDrafts drafts_;
  std::int64_t batch_ = 1;
  std::int64_t opset_ = 13;
  std::unordered_map<std::string_view, OnnxValue> values_;
  std::unordered_map<std::string_view, OnnxValue> values_for_host_;
  std::unordered_map<std::string_view, int> num_uses_;
  std::unordered_map<std::string_view, Dims> known_dims_;
  std::unordered_map<std::string_view, Dims> given_dims_;
  std::deque<OnnxNode> kept_nodes_;
  std::deque<std::string> kept_texts_;
  std::map<std::vector<std::int64_t>, int> copies_;         // by map, order and shape
  std::map<std::vector<std::int64_t>, int> constant_maps_;  // by origin, order and shape
  std::optional<Dims> reshape_target_;
  bool keeps_reshape_target_ = false;
  std::vector<std::string> host_nodes_;
  std::vector<std::string> guesses_;
  std::int64_t num_origins_ = 0;
  PlainNames names_;
};

}  // namespace tilewake
