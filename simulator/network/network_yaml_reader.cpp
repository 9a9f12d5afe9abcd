// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "simulator/common/nearest_name.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/common/yaml_fields.hpp"
#include "simulator/common/yaml_reader.hpp"
#include "simulator/network/block_expansion.hpp"
#include "simulator/network/limits.hpp"
#include "simulator/network/network_builder.hpp"
#include "simulator/network/network_schema.hpp"
#include "simulator/network/network_yaml.hpp"
#include "simulator/network/op_names.hpp"

namespace tilewake {
namespace {

/// The op of an entry: one layer, or a block of several.
using EntryOp = std::variant<Op, BlockKind>;

std::vector<std::pair<std::string_view, EntryOp>> make_entry_ops() {
  std::vector<std::pair<std::string_view, EntryOp>> ops(kOpNames.begin(), kOpNames.end());
  ops.emplace_back("mbconv", BlockKind::kMbconv);
  ops.emplace_back("convblock", BlockKind::kConvblock);
  ops.emplace_back("basic_block", BlockKind::kBasicBlock);
  ops.emplace_back("conv_unit", BlockKind::kConvUnit);
  ops.emplace_back("separable", BlockKind::kSeparable);
  ops.emplace_back("shuffle_unit", BlockKind::kShuffleUnit);
  ops.emplace_back("xception_unit", BlockKind::kXceptionUnit);
  return ops;
}

/// Calls `action`; converts a LayerError to an error at the entry's line and key.
template <typename Action>
auto located(const YamlReader& entry, Action action) {
  try {
    return action();
  } catch (const LayerError& e) {
    entry.fail(e.key(), e.what());
  }
}

constexpr std::array<std::pair<std::string_view, PaddingRule::Kind>, 2> kPaddingNames = {
    {{"same", PaddingRule::Kind::kSame}, {"valid", PaddingRule::Kind::kValid}}};

/// An entry of `layers`, as in the file.
struct Entry {
  std::string name;
  EntryOp op = Op::kConv2d;
  std::vector<std::string> inputs;  // empty: the previous entry
  Layer layer;
  std::vector<std::int64_t> kernel;
  PaddingRule::Kind padding = PaddingRule::Kind::kSame;
  std::vector<std::int64_t> padding_zeros;
  // One number, or height and width.
  std::vector<std::int64_t> stride = {1};
  std::vector<std::int64_t> dilation = {1};
  std::vector<std::int64_t> output_padding = {0};
  std::vector<std::int64_t> out_size;
  std::vector<std::int64_t> first = {0, 0};  // row and column of a slice
  std::int64_t taps = 1;                     // of resize
  std::string weights_of;
  Block block;
};

struct NetworkFile {
  std::string name;
  Shape input;
  std::int64_t batch = 1;
  std::vector<Entry> entries;
};

void visit_inputs(YamlFields& fields, Entry& entry) {
  fields.texts("inputs", entry.inputs,
               {"", "names of earlier entries, or `input`; default: the entry above"});
}

void visit_activation(YamlFields& fields, Activation& activation) {
  fields.word("activation", activation, kActivationNames, {"", "applied to the output"});
}

void visit_out_channels(YamlFields& fields, std::int64_t& channels) {
  fields.integer("out_channels", channels, 1, kMaxDimension, {"", "channels of the output"});
}

void visit_stride(YamlFields& fields, std::int64_t& stride) {
  fields.integer("stride", stride, 1, kMaxStride, {"elements", "in both directions"});
}

constexpr std::array<std::pair<std::string_view, std::int64_t>, 3> kResizeModes = {
    {{"nearest", 1}, {"linear", 2}, {"cubic", 4}}};

constexpr const char* kOneOrTwo = "one number or [height, width]";

bool gives_channels(Op op) {
  return op == Op::kConv2d || op == Op::kConvTranspose2d || op == Op::kFullyConnected ||
         op == Op::kChannelSplit || op == Op::kEmbedding;
}

bool gives_shape(Op op) {
  return op == Op::kReduce || op == Op::kSlice || op == Op::kTranspose || op == Op::kInput ||
         op == Op::kConstant || op == Op::kHost;
}

void visit_out_size(YamlFields& fields, Entry& entry) {
  fields.integers("out_size", entry.out_size, 1, kMaxDimension,
                  {"elements", "rows and columns of the output"}, 2, "[height, width]");
}

void visit_strides(YamlFields& fields, Entry& entry, std::int64_t most) {
  fields.integers("stride", entry.stride, 1, most, {"elements", "distance of windows"}, 2,
                  kOneOrTwo);
}

void visit_window(YamlFields& fields, Entry& entry) {
  visit_strides(fields, entry, kMaxStride);
  fields.integers("dilation", entry.dilation, 1, kMaxDilation, {"elements", "distance of the taps"},
                  2, kOneOrTwo);
  const bool is_transposed = entry.layer.op == Op::kConvTranspose2d;
  fields.word_or_integers(
      "padding", entry.padding, kPaddingNames, entry.padding_zeros, 0, kMaxDimension, 4,
      "[top, left, bottom, right]",
      {"elements", is_transposed ? "cut off the output" : "zeros around the input"});
  if (is_transposed) {
    fields.integers("output_padding", entry.output_padding, 0, kMaxDimension,
                    {"elements", "rows and columns added at the far end of the output"}, 2,
                    kOneOrTwo);
  }
}

/// Keys that an op must have besides `name` and `op`.
void visit_required(YamlFields& fields, Entry& entry) {
  Layer& layer = entry.layer;
  if (gives_channels(layer.op) || gives_shape(layer.op))
    visit_out_channels(fields, layer.ofm.channels);
  if (gives_shape(layer.op) || layer.op == Op::kResize) visit_out_size(fields, entry);
  if (layer.has_window()) {
    fields.integers("kernel", entry.kernel, 1, kMaxKernel, {"elements", "size of the window"}, 2,
                    "one size or [height, width]");
  }
  switch (layer.op) {
    case Op::kChannelShuffle:
      fields.integer("groups", layer.groups, 2, kMaxDimension, {"", "divides the channels"});
      break;
    case Op::kDepthToSpace:
    case Op::kSpaceToDepth:
      fields.integer("extent", layer.extent, 1, kMaxKernel, {"elements", "side of a block"});
      break;
    case Op::kLrn:
      fields.integer("extent", layer.extent, 1, kMaxDimension, {"", "channels of a window"});
      break;
    case Op::kEmbedding:
      fields.integer("extent", layer.extent, 1, kMaxWeights, {"", "rows of the table"});
      break;
    case Op::kPad:
      fields.integers("padding", entry.padding_zeros, 0, kMaxDimension,
                      {"elements", "zeros around the input"}, 4, "[top, left, bottom, right]");
      break;
    case Op::kTranspose:
      fields.integers("view", layer.view, 1, kMaxFeatureMap,
                      {"elements", "channels, rows and columns of the input, factored"});
      fields.integers("order", layer.order, 0, 15,
                      {"", "of these factors in the output: [1, 0] swaps two"});
      break;
    default:
      break;
  }
}

void visit_optional(YamlFields& fields, Entry& entry) {
  Layer& layer = entry.layer;
  if (layer.has_window()) visit_window(fields, entry);
  switch (layer.op) {
    case Op::kConv2d:
    case Op::kConvTranspose2d:
      fields.integer("groups", layer.groups, 1, kMaxDimension,
                     {"", "divides input and output channels"});
      break;
    case Op::kMatmul:
      fields.integer("groups", layer.groups, 1, kMaxDimension,
                     {"", "independent products, such as the heads of attention"});
      fields.flag("transposed", layer.transposed,
                  {"",
                   "the second operand has the products of an output along its channels, not "
                   "its pixels"});
      break;
    case Op::kSoftmax:
    case Op::kLayerNorm:
    case Op::kGroupNorm:
      fields.integer("groups", layer.groups, 1, kMaxDimension,
                     {"", "of channels, each normalised by itself"});
      if (layer.is_norm()) {
        fields.flag("bias", layer.bias, {"", "has factors, one a channel"});
        fields.flag("shift", layer.shift, {"", "with bias: has shifts, one a channel, too"});
      }
      break;
    case Op::kConcat:
      fields.word("axis", layer.axis, kAxisNames, {"", "along which maps are joined"});
      break;
    case Op::kResize:
      fields.word("mode", entry.taps, kResizeModes, {"", "how pixels between others are made"});
      break;
    case Op::kChannelSplit:
      fields.integer("first_channel", layer.first_channel, 0, kMaxDimension - 1,
                     {"", "first channel of the input that is copied"});
      break;
    case Op::kSlice:
      fields.integer("first_channel", layer.first_channel, 0, kMaxDimension - 1,
                     {"", "first channel of the input that is copied"});
      fields.integers("first", entry.first, 0, kMaxDimension - 1,
                      {"elements", "row and column that is copied first"}, 2, "[row, column]");
      visit_strides(fields, entry, kMaxDimension);
      break;
    case Op::kPad:
      fields.integer("out_channels", layer.ofm.channels, 0, kMaxDimension,
                     {"", "channels of the output; 0: those of the input"});
      break;
    default:
      break;
  }
  if (!layer.moves_data() && !layer.is_source()) visit_activation(fields, layer.activation);
  if (layer.has_weights()) {
    fields.flag("bias", layer.bias, {"", "folded batch normalisation is a bias"});
    fields.flag("own_bias", layer.own_bias,
                {"", "with weights_of: the bias is not that of the other entry"});
  }
  if (layer.can_share_weights()) {
    fields.text("weights_of", entry.weights_of,
                {"", "an earlier entry whose weights it uses; default: its own"});
  }
  if (!layer.is_source()) visit_inputs(fields, entry);
}

/// Keys of entries that are one layer; an op that lacks a key rejects it.
void visit_layer(YamlFields& fields, Entry& entry) {
  fields.optional([&] {
    fields.text("block", entry.layer.block, {"", "a label that groups layers in traces"});
  });
  visit_required(fields, entry);
  fields.optional([&] { visit_optional(fields, entry); });
}

/// Keys of entries that are a block of several layers.
void visit_block(YamlFields& fields, Entry& entry) {
  Block& block = entry.block;
  fields.integers(
      "kernels", block.kernels, 1, kMaxKernel,
      {"elements",
       "odd; one for each branch: `mbconv`, `convblock` and `basic_block` have several"});
  if (has_expansion_ratios(block.kind)) {
    fields.integers("expansion_ratios", block.expansion_ratios, 1, kMaxExpansionRatio,
                    {"",
                     "expanded channels over input channels (of `basic_block`: over output "
                     "channels), one for each branch"});
  }
  visit_out_channels(fields, block.out_channels);
  fields.optional([&] {
    if (has_residual(block.kind)) {
      fields.flag("skip", block.skip,
                  {"", "add the input to the output if their shapes are equal"});
    }
    visit_stride(fields, block.stride);
    visit_activation(fields, block.activation);
    fields.number("se_ratio", block.se_ratio, {0.0, 1.0},
                  {"", "squeezed channels over input channels; 0: no squeeze-and-excitation"});
    fields.word("se_activation", block.se_activation, kActivationNames,
                {"", "between the two convolutions of squeeze-and-excitation"});
    visit_inputs(fields, entry);
  });
}

void visit_fields(YamlFields& fields, Entry& entry) {
  static const std::vector<std::pair<std::string_view, EntryOp>> entry_ops = make_entry_ops();
  fields.text("name", entry.name, {"", "unique; not `input`"}, kNamePattern);
  fields.selector("op", entry.op, entry_ops, {"", "a layer, or a block of layers"});
  if (const auto* kind = std::get_if<BlockKind>(&entry.op)) {
    entry.block.kind = *kind;
    visit_block(fields, entry);
  } else {
    entry.layer.op = std::get<Op>(entry.op);
    visit_layer(fields, entry);
  }
}

void visit_fields(YamlFields& fields, NetworkFile& file) {
  fields.text("name", file.name, {"", "of the network, in outputs"}, kNamePattern);
  fields.section("input",
                 [&] {
                   fields.integer("channels", file.input.channels, 1, kMaxDimension);
                   fields.integer("height", file.input.height, 1, kMaxDimension, {"pixels", ""});
                   fields.integer("width", file.input.width, 1, kMaxDimension, {"pixels", ""});
                 },
                 {"", "shape of the input feature map"});
  fields.optional([&] {
    fields.integer("batch", file.batch, 1, kMaxBatch, {"images", "of one inference"});
  });
  fields.items("layers", file.entries, kMaxLayers,
               [&](Entry& entry) { visit_fields(fields, entry); },
               {"", "in the order of computation"});
}

PaddingRule padding_of(const Entry& entry) {
  if (!entry.layer.has_window() && entry.layer.op != Op::kPad) return PaddingRule::valid();
  const std::vector<std::int64_t>& zeros = entry.padding_zeros;
  if (zeros.empty()) return {entry.padding, {}};
  return PaddingRule::explicit_zeros({zeros[0], zeros[1], zeros[2] - entry.output_padding.front(),
                                      zeros[3] - entry.output_padding.back()});
}

/// What of the entry's layer does not need other entries.
void finish_layer(Entry& entry) {
  Layer& layer = entry.layer;
  if (!entry.kernel.empty()) {
    layer.kernel_height = entry.kernel.front();
    layer.kernel_width = entry.kernel.back();
  }
  layer.stride = {entry.stride.front(), entry.stride.back()};
  layer.dilation = {entry.dilation.front(), entry.dilation.back()};
  if (!entry.out_size.empty()) {
    layer.ofm.height = entry.out_size.front();
    layer.ofm.width = entry.out_size.back();
  }
  if (layer.op == Op::kResize) layer.kernel_height = layer.kernel_width = entry.taps;
  if (layer.op == Op::kSlice) layer.padding = {-entry.first.front(), -entry.first.back(), 0, 0};
}

/// Adds the entries in order; the inputs of an entry must precede it.
class EntriesBuilder {
 public:
  /// `readers` give the lines of the entries.
  EntriesBuilder(std::vector<Entry> entries, std::vector<YamlReader> readers,
                 NetworkBuilder& builder)
      : builder_(builder), entries_(std::move(entries)), readers_(std::move(readers)) {}

  void build() {
    for (std::size_t i = 0; i < entries_.size(); ++i) check_entry_name(i);
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (reads_refused(i)) {
        refused_.insert(names_[i]);
        continue;
      }
      try {
        outputs_[names_[i]] = add_entry(i);
      } catch (const InputError& e) {
        refused_.insert(names_[i]);
        if (errors_.size() < kMaxListedErrors) errors_.emplace_back(e.what());
      }
    }
    if (errors_.size() == 1) throw InputError(errors_.front());
    if (!errors_.empty()) throw InputErrors(std::move(errors_));
  }

 private:
  void check_entry_name(std::size_t index) {
    const YamlReader& reader = readers_[index];
    const std::string& name = entries_[index].name;
    located(reader, [&] { check_name(name, "name"); });
    reader.check(name != "input", "name",
                 "'input' is reserved for the network's input; choose another name");
    const auto [first, is_new] = index_of_.emplace(name, index);
    if (!is_new) {
      reader.fail("name", fmt::format("'{}' is already used on line {}", printable(name),
                                      readers_[first->second].line("name")));
    }
    names_.push_back(name);
  }

  int add_entry(std::size_t index) {
    Entry& entry = entries_[index];
    const YamlReader& reader = readers_[index];
    const std::vector<int> inputs = resolved_inputs(index);
    if (std::holds_alternative<BlockKind>(entry.op)) {
      entry.block.name = entry.name;
      reader.check(inputs.size() == 1, "inputs", "a block takes one input");
      return located(reader, [&] { return expand_block(builder_, entry.block, inputs[0]); });
    }
    finish_layer(entry);
    entry.layer.name = entry.name;
    entry.layer.inputs = inputs;
    if (!entry.weights_of.empty()) {
      entry.layer.weights_of = builder_.find(entry.weights_of);
      reader.check(entry.layer.weights_of >= 0, "weights_of",
                   fmt::format("'{}' is not an earlier layer", printable(entry.weights_of)));
    }
    const bool adds_rows = entry.output_padding.front() > 0 || entry.output_padding.back() > 0;
    reader.check(!adds_rows || !entry.padding_zeros.empty(), "output_padding",
                 "needs padding of four numbers");
    return located(reader, [&] { return builder_.add(std::move(entry.layer), padding_of(entry)); });
  }

  /// Whether the entry reads the output of a refused one, whose shape is not known.
  bool reads_refused(std::size_t index) const {
    if (refused_.empty()) return false;
    const std::vector<std::string> inputs = input_names(index);
    return std::any_of(inputs.begin(), inputs.end(), [&](const std::string& name) {
      // The layers of a block are named after it: "block.expand".
      return refused_.contains(name) || refused_.contains(name.substr(0, name.rfind('.')));
    });
  }

  std::vector<std::string> input_names(std::size_t index) const {
    const Entry& entry = entries_[index];
    const std::vector<std::string>& inputs = entry.inputs;
    if (!inputs.empty()) return inputs;
    if (std::holds_alternative<Op>(entry.op) && entry.layer.is_source()) return {};
    return {index == 0 ? "input" : names_[index - 1]};
  }

  std::vector<int> resolved_inputs(std::size_t index) {
    std::vector<int> inputs;
    for (const std::string& name : input_names(index)) inputs.push_back(resolve(index, name));
    return inputs;
  }

  int resolve(std::size_t index, const std::string& name) {
    if (name == "input") return kNetworkInput;
    if (const auto output = outputs_.find(name); output != outputs_.end()) return output->second;
    // A layer inside a block has no entry, but can be referenced by its name.
    if (const int layer = builder_.find(name); layer != NetworkBuilder::kNoLayer) return layer;
    const auto later = index_of_.find(name);
    if (later == index_of_.end()) {
      readers_[index].fail("inputs", fmt::format("'{}' is not a layer; inputs are names of earlier "
                                                 "entries, or 'input'{}",
                                                 printable(name), suggestion(name, names_)));
    }
    reject_cycle(index, later->second);
    readers_[index].fail(
        "inputs", fmt::format("'{}' is defined later, on line {}; move it before its users", name,
                              readers_[later->second].line("name")));
  }

  /// Fails if entry `start`, which reads `first`, is a direct or indirect input of `first`.
  void reject_cycle(std::size_t start, std::size_t first) {
    std::unordered_map<std::size_t, std::size_t> reader_of = {{first, start}};
    std::vector<std::size_t> open = {first};
    while (!open.empty() && !reader_of.contains(start)) {
      const std::size_t index = open.back();
      open.pop_back();
      for (const std::string& name : input_names(index)) {
        const auto input = index_of_.find(name);
        if (input != index_of_.end() && reader_of.emplace(input->second, index).second) {
          open.push_back(input->second);
        }
      }
    }
    if (!reader_of.contains(start)) return;

    std::vector<std::string> path = {names_[start]};
    for (std::size_t at = reader_of[start]; at != start; at = reader_of[at]) {
      path.push_back(names_[at]);
    }
    path.push_back(names_[start]);
    constexpr std::size_t kMaxPrinted = 9;
    if (path.size() > kMaxPrinted) {
      path.erase(path.begin() + kMaxPrinted / 2, path.end() - kMaxPrinted / 2);
      path.insert(path.begin() + kMaxPrinted / 2, "...");
    }
    readers_[start].fail("inputs",
                         fmt::format("the graph has a cycle: {}", fmt::join(path, " -> ")));
  }

  static constexpr std::size_t kMaxListedErrors = 20;

  NetworkBuilder& builder_;
  std::vector<Entry> entries_;
  std::vector<YamlReader> readers_;
  std::vector<std::string> names_;                         // of the entries
  std::unordered_map<std::string, std::size_t> index_of_;  // name to entry
  std::unordered_map<std::string, int> outputs_;           // entry name to its output layer
  std::set<std::string> refused_;  // entries with errors, or with an input that has
  std::vector<std::string> errors_;
};

Network read_document(YamlReader root) {
  NetworkFile file;
  YamlFieldReader fields(root);
  visit_fields(fields, file);
  fields.finish();
  NetworkBuilder builder = located(root, [&] { return NetworkBuilder(file.name, file.input); });
  EntriesBuilder(std::move(file.entries), root.items("layers"), builder).build();
  return located(root, [&] {
    Network network = builder.build();
    set_batch(network, file.batch);
    return network;
  });
}

}  // namespace

YamlSchema network_schema() {
  NetworkFile file;
  return schema_of([&](YamlFields& fields) { visit_fields(fields, file); });
}

Network read_network(const std::string& path) { return read_document(YamlReader::from_file(path)); }

Network read_network_text(const std::string& text, const std::string& name) {
  return read_document(YamlReader::from_text(text, name));
}

}  // namespace tilewake
