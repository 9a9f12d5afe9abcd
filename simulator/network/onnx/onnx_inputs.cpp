// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/onnx/onnx_inputs.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "simulator/common/error.hpp"
#include "simulator/common/nearest_name.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/network/limits.hpp"
#include "simulator/network/onnx/onnx_constant.hpp"
#include "simulator/network/onnx/onnx_hints.hpp"
#include "simulator/network/onnx/onnx_node_index.hpp"
#include "simulator/network/onnx/onnx_small_inputs.hpp"

namespace tilewake {
namespace {

/// Sizes, scales and thresholds that models take beside their images have no more numbers.
constexpr std::int64_t kMaxParameters = 8;

constexpr auto kToChannelsFirst = std::to_array<std::int64_t>({0, 3, 1, 2});
constexpr auto kImageToChannelsFirst = std::to_array<std::int64_t>({2, 0, 1});

/// Operators that read sequences of three dimensions as N x C x L; others read N x L x C.
constexpr auto kChannelsFirst = std::to_array<std::string_view>(
    {"Conv", "ConvTranspose", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool",
     "BatchNormalization", "InstanceNormalization", "GroupNormalization", "PRelu", "LpPool",
     "Resize", "Upsample"});

/// Operators that change no dims of their first input.
constexpr auto kPassing = std::to_array<std::string_view>(
    {"Cast", "Identity", "QuantizeLinear", "DequantizeLinear", "Mul", "Add", "Sub", "Div", "Pad"});

/// Operators after which a tensor of three dimensions is something else.
constexpr auto kReshaping =
    std::to_array<std::string_view>({"Reshape", "Squeeze", "Unsqueeze", "Flatten"});

/// Of two operands.
constexpr auto kArithmetic = std::to_array<std::string_view>({"Mul", "Add", "Sub", "Div"});

template <typename List>
bool is_any_of(std::string_view op, const List& list) {
  return std::find(list.begin(), list.end(), op) != list.end();
}

bool has_order(const OnnxNode& node, const auto& order) {
  const OnnxAttribute* given = node.find("perm");
  return node.op == "Transpose" && given != nullptr &&
         std::equal(given->integers.begin(), given->integers.end(), order.begin(), order.end());
}

std::string quoted(std::string_view name) {
  return fmt::format("'{}'", printable(std::string(name)));
}

std::string sizes_text(const Dims& dims) {
  std::vector<std::string> words;
  for (const std::int64_t dim : dims) words.push_back(dim > 0 ? fmt::format("{}", dim) : "?");
  return words.empty() ? "scalar" : fmt::format("{}", fmt::join(words, " x "));
}

/// The option that binds the sizes of an input: those that it has, and common ones.
std::string advice(const OnnxInput& input, bool is_first) {
  std::vector<std::int64_t> sizes;
  for (std::size_t i = 0; i < input.dims.size(); ++i) {
    const std::int64_t common = input.dims.size() == 4 ? (i == 1 ? 3 : 224) : 128;
    sizes.push_back(input.dims[i] > 0                 ? input.dims[i]
                    : i == 0 && input.dims.size() > 1 ? 1
                                                      : common);
  }
  if (sizes.empty()) sizes = {1, 3, 224, 224};
  const std::string name = is_first ? "" : fmt::format("{}=", printable(std::string(input.name)));
  return fmt::format("--input-shape {}{}", name, fmt::join(sizes, ","));
}

class InputBinder {
 public:
  InputBinder(OnnxModel& model, const std::vector<const OnnxNode*>& live_nodes,
              const std::unordered_map<std::string_view, int>& num_uses)
      : index_(model),
        is_ours_(model.producer == kOnnxProducer),
        outputs_(model.outputs.begin(), model.outputs.end()) {
    std::unordered_set<std::string_view> given;  // old models list their weights as inputs, too
    for (const OnnxTensor& tensor : model.initializers) given.insert(tensor.name);
    for (const OnnxInput& input : model.inputs) {
      if (!given.contains(input.name) && num_uses.contains(input.name)) inputs_.push_back(&input);
    }
    if (inputs_.empty()) find_missing(live_nodes, std::move(given));
    for (const OnnxInput* input : inputs_) readers_[input->name];
    for (const OnnxNode* node : live_nodes) {
      results_.insert(node->outputs.begin(), node->outputs.end());
      for (std::size_t i = 0; i < node->inputs.size(); ++i) {
        const auto reader = readers_.find(node->inputs[i]);
        if (reader != readers_.end()) reader->second.push_back({node, i});
      }
      const bool gives_sizes = node->op == "Shape" || node->op == "Size";
      if (!node->outputs.empty() && !gives_sizes)
        follower_.emplace(node->inputs.empty() ? "" : node->inputs[0], node);
    }
    find_small_maps(live_nodes);
    for (const OnnxNode* node : live_nodes) {
      if (is_any_of(node->op, kArithmetic) && node->inputs.size() > 1 && !node->outputs.empty())
        follower_.emplace(node->inputs[1], node);
    }
  }

  OnnxGraphInputs bind(const ModelOptions& options) {
    if (!missing_.empty()) throw InputError(missing_);
    if (inputs_.empty()) throw InputError("no input of the graph is used");
    const auto is_map = [&](const OnnxInput* input) { return !is_parameter(*input); };
    auto first = std::find_if(inputs_.begin(), inputs_.end(), is_map);
    if (first == inputs_.end()) first = inputs_.begin();
    std::rotate(inputs_.begin(), first, first + 1);
    find_sizes(options);
    OnnxGraphInputs bound;
    bound.results = std::move(given_results_);
    for (const OnnxInput* input : inputs_) {
      const bool is_first = input == inputs_.front();
      OnnxGraphInput one = bind_one(*input, is_first, bound.batch);
      // The caller states these sizes; without them the file may mean something else.
      const bool is_fixed = input->dims.size() == 3 && input->dims[0] == bound.batch;
      if (is_first && is_fixed && bound.batch > 1) {
        bound.warning = fmt::format("input {} is read as a batch of {}, not as an image",
                                    quoted(input->name), bound.batch);
      }
      if (is_first) {
        bound.first = std::move(one);
      } else {
        bound.others.push_back(std::move(one));
      }
    }
    return bound;
  }

 private:
  struct Reader {
    const OnnxNode* node;
    std::size_t input;
  };

  /// The first value that a node reads and that is not there, which may be why no input is used.
  void find_missing(const std::vector<const OnnxNode*>& live_nodes,
                    std::unordered_set<std::string_view> given) {
    for (const OnnxNode* node : live_nodes) {
      for (const std::string_view input : node->inputs) {
        if (input.empty() || given.contains(input)) continue;
        missing_ = fmt::format(
            "node {}: reads '{}', which no earlier node gives (nodes must stand in the order in "
            "which they run)",
            text_of(*node), printable(std::string(input)));
        return;
      }
      given.insert(node->outputs.begin(), node->outputs.end());
    }
  }

  void find_small_maps(const std::vector<const OnnxNode*>& live_nodes) {
    std::vector<std::string_view> small;
    std::unordered_set<std::string_view> maps;
    for (const OnnxInput* input : inputs_) {
      if (is_weights(*input)) continue;
      if (is_small(*input)) {
        small.push_back(input->name);
      } else {
        maps.insert(input->name);
      }
    }
    if (maps.empty()) return;  // the first one is the network's input
    small_maps_ = small_inputs_of_products(
        live_nodes, small, [&](std::string_view name) { return maps.contains(name); });
  }

  [[noreturn]] static void fail_twice(std::string_view name) {
    throw InputError(fmt::format("--input-shape: {} is given twice", quoted(name)));
  }

  /// The sizes that the caller gives, by the name of the input, or of the result of a node.
  void find_sizes(const ModelOptions& options) {
    std::vector<std::string_view> names;
    for (const OnnxInput* input : inputs_) names.push_back(input->name);
    for (const ModelOptions::InputShape& given : options.input_shapes) {
      const std::string_view name = given.name.empty() ? names.front() : given.name;
      if (results_.contains(name)) {
        if (!given_results_.emplace(name, given.sizes).second) fail_twice(name);
        continue;
      }
      if (std::find(names.begin(), names.end(), name) == names.end()) {
        throw InputError(
            fmt::format("--input-shape: {} is no input that the network uses{}; the "
                        "first is {}",
                        quoted(name), printable(suggestion(name, names)), quoted(names.front())));
      }
      if (!sizes_.emplace(name, &given.sizes).second) fail_twice(name);
    }
    // A size of one input is that of the others that name it alike.
    for (const OnnxInput* input : inputs_) {
      const auto given = sizes_.find(input->name);
      if (given == sizes_.end() || given->second->size() != input->dim_names.size()) continue;
      for (std::size_t i = 0; i < input->dim_names.size(); ++i) {
        const std::int64_t size = (*given->second)[i];
        const auto named = named_.emplace(input->dim_names[i], size).first;
        if (named->second != size) named->second = 0;  // the name says nothing
      }
    }
    named_.erase(std::string_view());
  }

  OnnxGraphInput bind_one(const OnnxInput& input, bool is_first, std::int64_t& batch) const {
    OnnxGraphInput bound;
    bound.name = input.name;
    bound.is_parameter = !is_first && is_parameter(input);
    if (!bound.is_parameter && is_image_alone(input)) return bind_image(input, is_first);
    const bool is_time_first = !bound.is_parameter && has_time_first(input);
    bool has_batch = is_first && !is_time_first;
    bound.dims = bound_dims(input, is_first, has_batch, batch);
    if (bound.is_parameter) {
      num_elements_of(bound.dims);
      return bound;
    }
    if (has_batch) batch = bound.dims[0];
    const std::size_t rank = bound.dims.size();
    if (is_time_first) {  // one image has its own rows
      if (is_first) batch = bound.dims[1];
      bound.has_images = bound.dims[1] == batch;
      if (bound.has_images) bound.dims[1] = 1;
      std::swap(bound.dims[0], bound.dims[1]);
    } else if (rank > 1 && (has_batch || bound.dims[0] == batch)) {
      bound.has_images = true;
      bound.dims[0] = 1;
    } else if (rank > 2 && bound.dims[0] > 1) {
      throw InputError(
          fmt::format("input {} has a batch of {}, the first input one of {}; all "
                      "inputs have the same",
                      quoted(input.name), bound.dims[0], batch));
    }
    if (small_maps_.contains(input.name) && rank < 2) {
      bound.has_images = rank == 1 && bound.dims[0] == batch;
      if (bound.has_images) bound.dims[0] = 1;
      bound.layout = OnnxInputLayout::kNumbers;
      return bound;
    }
    try {
      std::tie(bound.dims, bound.layout) = map_of_dims(std::move(bound.dims));
      if (!is_ours_ && is_channels_last(input, bound.dims))
        bound.layout = OnnxInputLayout::kChannelsLast;
      if (rank == 3 && is_sequence_of_channels(input)) bound.layout = OnnxInputLayout::kAudio;
      if (is_time_first) {
        bound.layout = OnnxInputLayout::kTimeFirst;
        std::swap(bound.dims[0], bound.dims[1]);
      }
    } catch (const InputError& e) {
      throw InputError(fmt::format("input {}: {}", quoted(input.name), e.what()));
    }
    return bound;
  }

  /// Whether an input of three dimensions is a sequence of steps, each of one vector an image
  /// (T x N x C), as recurrent layers and transformers of PyTorch read it by default.
  bool has_time_first(const OnnxInput& input) const {
    if (is_ours_ || input.dims.size() != 3 || is_sequence_of_channels(input)) return false;
    const OnnxNode* reader = after_arithmetic(follower_of(input.name));
    if (reader != nullptr && is_any_of(reader->op, kReshaping)) return false;
    const auto name_of = [&](std::size_t i) {
      return i < input.dim_names.size() ? input.dim_names[i] : std::string_view();
    };
    if (is_name_of_images(name_of(0)) || input.dims[0] == 1) return false;
    // States that a network carries along are layers x N x C.
    const bool is_state = &input != inputs_.front() && input.dims[0] > 1 && input.dims[1] < 0;
    return input.dims[1] == 1 || is_name_of_images(name_of(1)) || is_state;
  }

  /// Why a free first dimension cannot be taken as a batch of one; empty: it can.
  std::string_view reason_for_no_batch(const OnnxInput& input) const {
    if (has_time_first(input)) return "its first dimension counts steps";
    const bool counts_steps = !input.dim_names.empty() && is_name_of_steps(input.dim_names[0]);
    return counts_steps ? "the name of its first dimension counts steps, not images" : "";
  }

  /// An image of three dimensions.
  OnnxGraphInput bind_image(const OnnxInput& input, bool is_first) const {
    OnnxGraphInput bound;
    bound.name = input.name;
    bool has_batch = false;
    bound.dims = bound_dims(input, is_first, has_batch, /*batch=*/0);
    bound.layout = is_image_channels_last(input) ? OnnxInputLayout::kOneImageChannelsLast
                                                 : OnnxInputLayout::kOneImage;
    try {
      map_of_dims({1, bound.dims[0], bound.dims[1], bound.dims[2]});
    } catch (const InputError& e) {
      throw InputError(fmt::format("input {}: {}", quoted(input.name), e.what()));
    }
    return bound;
  }

  /// `has_batch`: the input says how many images there are; afterwards, whether its first size
  /// does.
  Dims bound_dims(const OnnxInput& input, bool is_first, bool& has_batch,
                  std::int64_t batch) const {
    const std::string name = quoted(input.name);
    const auto found = sizes_.find(input.name);
    const std::vector<std::int64_t>* given = found == sizes_.end() ? nullptr : found->second;
    Dims dims = input.dims;
    if (!input.has_shape && given == nullptr) {
      throw InputError(
          fmt::format("input {} has no shape; give one, as {}", name, advice(input, is_first)));
    }
    if (!input.has_shape) dims.assign(given->size(), -1);
    if (given != nullptr && given->size() != dims.size()) {
      throw InputError(fmt::format("--input-shape has {} sizes, input {} has {} dimensions",
                                   given->size(), name, dims.size()));
    }
    // Rows of a matrix of fixed size are no images; rows of indices are.
    const bool has_rows = dims.size() == 2 && dims[0] > 1 && !is_integer_type(input.data_type);
    has_batch = has_batch && dims.size() > 1 && !has_rows;
    for (std::size_t i = 0; i < dims.size(); ++i) {
      if (given != nullptr && dims[i] > 0 && dims[i] != (*given)[i]) {
        throw InputError(
            fmt::format("--input-shape has {} where input {} is fixed at {} (dimension {})",
                        (*given)[i], name, dims[i], i));
      }
      if (given != nullptr) dims[i] = (*given)[i];
      if (dims[i] == 0) {
        throw InputError(fmt::format("input {}: dimension {} is 0; give sizes, as {}", name, i,
                                     advice(input, is_first)));
      }
      if (dims[i] <= 0 && i < input.dim_names.size()) {
        const auto named = named_.find(input.dim_names[i]);
        if (named != named_.end()) dims[i] = named->second;
      }
      const std::string_view no_batch = reason_for_no_batch(input);
      if (dims[i] <= 0 && i == 1 && has_time_first(input)) dims[i] = batch > 0 ? batch : 1;
      if (dims[i] <= 0 && i == 0 && no_batch.empty() && !is_weights(input)) dims[i] = batch;
      if (dims[i] <= 0) {
        const bool is_first_dim = i == 0 && !no_batch.empty();
        throw InputError(fmt::format("{} {} is {}{}{}: bind what is free, as in {}",
                                     is_weights(input) ? "weights as input" : "input", name,
                                     sizes_text(dims), is_first_dim ? "; " : "",
                                     is_first_dim ? no_batch : "", advice(input, is_first)));
      }
      if (dims[i] > kMaxDimension) {
        throw InputError(
            fmt::format("input {}: dimension {} is larger than {}", name, i, kMaxDimension));
      }
    }
    return dims;
  }

  /// Weights as inputs, and the few numbers that some models take beside their images.
  bool is_parameter(const OnnxInput& input) const {
    return is_weights(input) || (is_small(input) && !small_maps_.contains(input.name));
  }

  static bool is_small(const OnnxInput& input) {
    if (!input.has_shape) return false;
    std::int64_t num_elements = 1;
    for (const std::int64_t dim : input.dims) {
      num_elements = std::min<std::int64_t>(num_elements, kMaxParameters + 1) *
                     std::clamp<std::int64_t>(dim, 1, kMaxParameters + 1);
    }
    if (num_elements > kMaxParameters || input.dims.size() > 2) return false;
    return input.dims.size() < 2 || is_integer_type(input.data_type);
  }

  bool is_weights(const OnnxInput& input) const {
    if (!input.has_shape) return false;
    const std::vector<Reader>& readers = readers_.at(input.name);
    return !readers.empty() &&
           std::all_of(readers.begin(), readers.end(), [](const Reader& reader) {
             const std::size_t first = first_parameter_of(reader.node->op);
             return first > 0 && reader.input >= first;
           });
  }

  /// Whether all that happens to the input, but for arithmetic, is that its channels are moved to
  /// the front, as in models that come from TensorFlow. A Reshape does it with one channel.
  bool is_channels_last(const OnnxInput& input, const Dims& dims) const {
    const std::vector<Reader>& readers = readers_.at(input.name);
    return dims.size() == 4 && !readers.empty() && !outputs_.contains(input.name) &&
           std::all_of(readers.begin(), readers.end(), [&](const Reader& reader) {
             const OnnxNode* node = after_arithmetic(reader.node);
             if (node == nullptr) return false;
             if (node->op == "Reshape") return dims[3] == 1 && dims[1] > 1 && dims[2] > 1;
             return has_order(*node, kToChannelsFirst);
           });
  }

  const OnnxNode* follower_of(std::string_view value) const {
    const auto found = follower_.find(value);
    return found == follower_.end() ? nullptr : found->second;
  }

  /// Whether an input of three dimensions is one image without a batch: a first dimension of 1 is
  /// put before it, one of its planes is taken, or each plane has a factor or summand.
  bool is_image_alone(const OnnxInput& input) const {
    const auto given = sizes_.find(input.name);
    Dims dims = given == sizes_.end() ? input.dims : *given->second;
    if (dims.size() != 3) return false;
    const OnnxNode* node = follower_of(input.name);
    for (int i = 0; i < kMaxFollowed && node != nullptr && !node->outputs.empty(); ++i) {
      if (node->op == "Unsqueeze") return adds_batch(*node);
      if (node->op == "Reshape") return adds_batch(*node, dims);
      if (node->op == "Gather" || node->op == "Split") {
        const OnnxAttribute* axis = node->find("axis");
        return axis == nullptr || axis->integer == 0 || axis->integer == -3;
      }
      if (is_any_of(node->op, kArithmetic) && has_value_of_every_plane(*node, dims[0])) return true;
      if (has_order(*node, kImageToChannelsFirst)) {
        dims = {dims[2], dims[0], dims[1]};
      } else if (!is_any_of(node->op, kPassing)) {
        return false;
      }
      node = follower_of(node->outputs[0]);
    }
    return false;
  }

  bool adds_batch(const OnnxNode& unsqueeze) const {
    std::vector<std::int64_t> axes;
    if (const OnnxAttribute* given = unsqueeze.find("axes"); given != nullptr) {
      axes = given->integers;
    } else if (unsqueeze.inputs.size() > 1) {
      axes = index_.integers(unsqueeze.inputs[1]).value_or(axes);
    }
    return axes.size() == 1 && (axes[0] == 0 || axes[0] == -4);
  }

  bool adds_batch(const OnnxNode& reshape, const Dims& dims) const {
    if (reshape.inputs.size() < 2) return false;
    const auto sizes = index_.integers(reshape.inputs[1]);
    return sizes && sizes->size() == 4 && ((*sizes)[0] == 1 || (*sizes)[0] == -1) &&
           std::equal(dims.begin(), dims.end(), sizes->begin() + 1);
  }

  bool has_value_of_every_plane(const OnnxNode& arithmetic, std::int64_t num_planes) const {
    return num_planes > 1 &&
           std::any_of(arithmetic.inputs.begin(), arithmetic.inputs.end(),
                       [&](std::string_view input) {
                         const OnnxTensor* tensor = index_.tensor(input);
                         return tensor != nullptr && tensor->dims == Dims{num_planes, 1, 1};
                       });
  }

  /// Whether the channels of an image without a batch are moved to the front.
  bool is_image_channels_last(const OnnxInput& input) const {
    const OnnxNode* node = after_arithmetic(follower_of(input.name));
    if (node == nullptr || node->outputs.empty()) return false;
    if (has_order(*node, kImageToChannelsFirst)) return true;
    if (node->op != "Unsqueeze" && node->op != "Reshape") return false;
    node = after_arithmetic(follower_of(node->outputs[0]));
    return node != nullptr && has_order(*node, kToChannelsFirst);
  }

  /// `node`, or the first node after it that is no arithmetic.
  const OnnxNode* after_arithmetic(const OnnxNode* node) const {
    for (int i = 0; i < kMaxFollowed && node != nullptr; ++i) {
      if (!is_any_of(node->op, kPassing)) return node;
      if (node->outputs.empty()) return nullptr;
      node = follower_of(node->outputs[0]);
    }
    return node;
  }

  /// Whether the first operator that needs to know reads N x C x L.
  bool is_sequence_of_channels(const OnnxInput& input) const {
    const OnnxNode* node = after_arithmetic(follower_of(input.name));
    return node != nullptr && is_any_of(node->op, kChannelsFirst);
  }

  static constexpr int kMaxFollowed = 16;

  OnnxNodeIndex index_;
  bool is_ours_;  // whose inputs are N x C x H x W
  std::unordered_set<std::string_view> outputs_;
  std::vector<const OnnxInput*> inputs_;
  std::unordered_map<std::string_view, std::vector<Reader>> readers_;
  std::unordered_map<std::string_view, const OnnxNode*> follower_;  // first reader, by operand
  std::unordered_map<std::string_view, const std::vector<std::int64_t>*> sizes_;
  std::unordered_set<std::string_view> small_maps_;  // inputs of a few numbers that are maps
  std::unordered_set<std::string_view> results_;     // of nodes
  std::string missing_;                              // that a value is read which nothing gives
  std::unordered_map<std::string_view, Dims> given_results_;
  std::unordered_map<std::string_view, std::int64_t> named_;  // free dims; 0: not known
};

}  // namespace

std::pair<Dims, OnnxInputLayout> map_of_dims(Dims dims) {
  if (dims.size() < 2) dims.insert(dims.begin(), 2 - dims.size(), 1);
  const bool is_map = dims.size() == 2 || (dims.size() <= 4 && dims[0] == 1);
  if (!is_map) {
    throw InputError(fmt::format(
        "{} is no feature map: images have 4 dimensions (batch, channels, "
        "height, width), sequences 3, vectors 2{}",
        text_of(dims), dims.size() == 5 ? "; volumes and videos are not modelled" : ""));
  }
  std::int64_t num_elements = 1;
  for (const std::int64_t size : dims) {
    if (size < 1 || size > kMaxDimension) {
      throw InputError(fmt::format("{} has sizes out of 1 to {}", text_of(dims), kMaxDimension));
    }
    if (size > kMaxFeatureMap / num_elements) {
      throw InputError(fmt::format("has more than {} elements", kMaxFeatureMap));
    }
    num_elements *= size;
  }
  const OnnxInputLayout layout = dims.size() == 4   ? OnnxInputLayout::kImage
                                 : dims.size() == 3 ? OnnxInputLayout::kTokens
                                                    : OnnxInputLayout::kVector;
  return {std::move(dims), layout};
}

OnnxGraphInputs bind_inputs(OnnxModel& model, const std::vector<const OnnxNode*>& live_nodes,
                            const std::unordered_map<std::string_view, int>& num_uses,
                            const ModelOptions& options) {
  return InputBinder(model, live_nodes, num_uses).bind(options);
}

}  // namespace tilewake
