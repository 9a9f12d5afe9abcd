// SPDX-License-Identifier: Apache-2.0
#include <array>
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
#include "simulator/common/yaml_reader.hpp"
#include "simulator/network/block_expansion.hpp"
#include "simulator/network/limits.hpp"
#include "simulator/network/network_builder.hpp"
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

Shape read_shape(YamlReader yaml) {
  Shape shape;
  shape.channels = yaml.integer("channels", 1, kMaxDimension);
  shape.height = yaml.integer("height", 1, kMaxDimension);
  shape.width = yaml.integer("width", 1, kMaxDimension);
  yaml.finish();
  return shape;
}

PaddingRule read_padding(YamlReader& entry) {
  using Kind = PaddingRule::Kind;
  if (entry.is_sequence("padding")) {
    const auto zeros = entry.integers("padding", 0, kMaxDimension);
    entry.check(zeros.size() == 4, "padding", "must be [top, left, bottom, right]");
    return PaddingRule::explicit_zeros({zeros[0], zeros[1], zeros[2], zeros[3]});
  }
  constexpr std::array<std::pair<std::string_view, Kind>, 2> kWords = {
      {{"same", Kind::kSame}, {"valid", Kind::kValid}}};
  return {entry.choice("padding", kWords, Kind::kSame), {}};
}

void read_kernel(YamlReader& entry, Layer& layer) {
  const auto kernel = entry.integers("kernel", 1, kMaxKernel);
  entry.check(kernel.size() <= 2, "kernel", "must be one size or [height, width]");
  layer.kernel_height = kernel.front();
  layer.kernel_width = kernel.back();
}

/// Keys that only some ops have; `finish()` rejects them for the others.
PaddingRule read_op_keys(YamlReader& entry, Layer& layer) {
  PaddingRule padding = PaddingRule::valid();
  if (layer.op == Op::kConv2d || layer.op == Op::kFullyConnected || layer.op == Op::kChannelSplit) {
    layer.ofm.channels = entry.integer("out_channels", 1, kMaxDimension);
  }
  if (layer.op == Op::kConv2d || layer.op == Op::kDepthwiseConv2d || layer.op == Op::kMaxPool ||
      layer.op == Op::kAvgPool) {
    read_kernel(entry, layer);
    layer.stride = entry.integer("stride", 1, kMaxStride, layer.stride);
    layer.dilation = entry.integer("dilation", 1, kMaxDilation, layer.dilation);
    padding = read_padding(entry);
  }
  if (layer.op == Op::kConv2d) {
    layer.groups = entry.integer("groups", 1, kMaxDimension, layer.groups);
  }
  if (layer.op == Op::kChannelShuffle) layer.groups = entry.integer("groups", 2, kMaxDimension);
  if (layer.op == Op::kChannelSplit) {
    layer.first_channel = entry.integer("first_channel", 0, kMaxDimension - 1, layer.first_channel);
  }
  if (!layer.moves_channels()) {
    layer.activation = entry.choice("activation", kActivationNames, layer.activation);
  }
  if (layer.has_weights()) layer.bias = entry.optional<bool>("bias", layer.bias);
  return padding;
}

Block read_block(YamlReader& entry, const std::string& name, BlockKind kind) {
  Block block;
  block.kind = kind;
  block.name = name;
  block.kernels = entry.integers("kernels", 1, kMaxKernel);
  const bool has_ratios = kind == BlockKind::kMbconv || kind == BlockKind::kConvblock;
  if (has_ratios) {
    block.expansion_ratios = entry.integers("expansion_ratios", 1, kMaxExpansionRatio);
    block.skip = entry.optional<bool>("skip", block.skip);
  }
  block.out_channels = entry.integer("out_channels", 1, kMaxDimension);
  block.stride = entry.integer("stride", 1, kMaxStride, block.stride);
  block.activation = entry.choice("activation", kActivationNames, block.activation);
  if (kind != BlockKind::kConvblock) {
    block.se_ratio = entry.number("se_ratio", 0.0, 1.0, block.se_ratio);
    block.se_activation = entry.choice("se_activation", kActivationNames, block.se_activation);
  }
  return block;
}

/// Reads the entries in order; the inputs of an entry must precede it.
class EntriesReader {
 public:
  EntriesReader(std::vector<YamlReader> entries, NetworkBuilder& builder)
      : builder_(builder), entries_(std::move(entries)) {}

  void read() {
    for (std::size_t i = 0; i < entries_.size(); ++i) read_name(i);
    for (std::size_t i = 0; i < entries_.size(); ++i) outputs_[names_[i]] = read_entry(i);
  }

 private:
  void read_name(std::size_t index) {
    YamlReader& entry = entries_[index];
    const auto name = entry.required<std::string>("name");
    located(entry, [&] { check_name(name, "name"); });
    entry.check(name != "input", "name",
                "'input' is reserved for the network's input; choose another name");
    const auto [first, is_new] = index_of_.emplace(name, index);
    if (!is_new) {
      entry.fail("name", fmt::format("'{}' is already used on line {}", printable(name),
                                     entries_[first->second].line("name")));
    }
    names_.push_back(name);
  }

  int read_entry(std::size_t index) {
    const EntryOp op = entries_[index].choice("op", entry_ops_);
    const auto* kind = std::get_if<BlockKind>(&op);
    return kind != nullptr ? read_block_entry(index, *kind) : read_layer(index, std::get<Op>(op));
  }

  int read_layer(std::size_t index, Op op) {
    YamlReader& entry = entries_[index];
    Layer layer;
    layer.name = names_[index];
    layer.op = op;
    layer.block = entry.optional<std::string>("block", "");
    const PaddingRule padding = read_op_keys(entry, layer);
    layer.inputs = read_inputs(index);
    entry.finish();
    return located(entry, [&] { return builder_.add(std::move(layer), padding); });
  }

  int read_block_entry(std::size_t index, BlockKind kind) {
    YamlReader& entry = entries_[index];
    const Block block = read_block(entry, names_[index], kind);
    const std::vector<int> inputs = read_inputs(index);
    entry.check(inputs.size() == 1, "inputs", "a block takes one input");
    entry.finish();
    return located(entry, [&] { return expand_block(builder_, block, inputs[0]); });
  }

  std::vector<std::string> input_names(std::size_t index) {
    return entries_[index].strings("inputs", {index == 0 ? "input" : names_[index - 1]});
  }

  std::vector<int> read_inputs(std::size_t index) {
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
      entries_[index].fail("inputs", fmt::format("'{}' is not a layer; inputs are names of earlier "
                                                 "entries, or 'input'{}",
                                                 printable(name), suggestion(name, names_)));
    }
    reject_cycle(index, later->second);
    entries_[index].fail(
        "inputs", fmt::format("'{}' is defined later, on line {}; move it before its users", name,
                              entries_[later->second].line("name")));
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
    entries_[start].fail("inputs",
                         fmt::format("the graph has a cycle: {}", fmt::join(path, " -> ")));
  }

  const std::vector<std::pair<std::string_view, EntryOp>> entry_ops_ = make_entry_ops();
  NetworkBuilder& builder_;
  std::vector<YamlReader> entries_;
  std::vector<std::string> names_;                         // of the entries
  std::unordered_map<std::string, std::size_t> index_of_;  // name to entry
  std::unordered_map<std::string, int> outputs_;           // entry name to its output layer
};

Network read_document(YamlReader root) {
  const auto name = root.required<std::string>("name");
  const Shape input = read_shape(root.section("input"));
  NetworkBuilder builder = located(root, [&] { return NetworkBuilder(name, input); });
  EntriesReader(root.items("layers"), builder).read();
  root.finish();
  return located(root, [&] { return builder.build(); });
}

}  // namespace

Network read_network(const std::string& path) { return read_document(YamlReader::from_file(path)); }

Network read_network_text(const std::string& text, const std::string& name) {
  return read_document(YamlReader::from_text(text, name));
}

}  // namespace tilewake
