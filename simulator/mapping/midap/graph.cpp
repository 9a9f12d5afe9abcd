// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/midap/graph.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/common/math.hpp"

namespace tilewake::midap {
namespace {

/// Input channels up to which a convolution on the network input becomes a matrix product.
constexpr std::int64_t kMaxGemmChannels = 3;
/// Larger feature maps are rejected; those of ImageNet networks need some tens of fragments.
constexpr std::int64_t kMaxFragments = 65'536;

NodeType type_of(const Layer& layer) {
  switch (layer.op) {
    case Op::kConv2d:
      // A convolution with one filter per channel is depthwise, whatever its op in the file.
      return layer.groups > 1 && layer.groups == layer.ifm.channels &&
                     layer.groups == layer.ofm.channels
                 ? NodeType::kDepthwise
                 : NodeType::kConv;
    case Op::kFullyConnected:
      return NodeType::kConv;
    case Op::kDepthwiseConv2d:
      return NodeType::kDepthwise;
    case Op::kMaxPool:
    case Op::kAvgPool:
    case Op::kGlobalAvgPool:
    case Op::kChannelSplit:
    case Op::kChannelShuffle:
      return NodeType::kPool;
    case Op::kAdd:
    case Op::kMul:
      return NodeType::kElementwise;
    case Op::kConcat:
      return NodeType::kConcat;
    default:
      throw InputError(fmt::format("layer {}: MIDAP has no {}", layer.name, to_string(layer.op)));
  }
}

/// What the published compiler and simulator have no rule for.
void check_supported(const Layer& layer) {
  const auto refuse = [&](const char* what) {
    throw InputError(fmt::format("layer {}: MIDAP has no {}", layer.name, what));
  };
  if (!layer.stride.are_equal()) refuse("strides that differ between rows and columns");
  const bool is_line = layer.kernel_height == 1 || layer.kernel_width == 1;
  if (!is_line && !layer.dilation.are_equal())
    refuse("dilations that differ between rows and columns");
  if (layer.axis != Axis::kChannels) refuse("concat of rows or columns");
  if (layer.weights_of >= 0) refuse("weights that two layers share");
  for (std::size_t i = 1; i < layer.inputs.size(); ++i) {
    if (layer.inputs[i] == layer.inputs[0]) refuse("layer that reads the same map twice");
  }
}

Node make_node(int id, const Layer& layer) {
  check_supported(layer);
  Node node;
  node.id = id;
  node.tensor = id;
  node.layer = id - 1;
  node.name = layer.name;
  node.type = type_of(layer);
  for (const int input : layer.inputs) node.inputs.push_back(input + 1);
  node.width = layer.ofm.width;
  node.height = layer.ofm.height;
  node.op_channels = node.channels = layer.ofm.channels;
  node.kernel_width = layer.kernel_width;
  node.kernel_height = layer.kernel_height;
  node.stride = layer.stride.height;
  node.dilation = layer.kernel_height > 1 ? layer.dilation.height : layer.dilation.width;
  node.padding = layer.padding;
  node.first_channel = layer.first_channel;
  node.has_bias = layer.has_weights() && layer.bias;
  if (layer.op == Op::kGlobalAvgPool || layer.op == Op::kFullyConnected) {
    // One window over the whole map; for a 1x1 map this is a 1x1 convolution.
    node.kernel_width = layer.ifm.width;
    node.kernel_height = layer.ifm.height;
  }
  return node;
}

/// A concat read only by another concat writes straight into it: its inputs replace it there.
void flatten_nested_concats(std::vector<Node>& nodes) {
  std::vector<int> num_consumers(nodes.size(), 0);
  for (const Node& node : nodes)
    for (const int input : node.inputs) ++num_consumers[static_cast<std::size_t>(input)];
  for (Node& node : nodes) {
    if (node.type != NodeType::kConcat) continue;
    std::vector<int> inputs;
    for (const int input : node.inputs) {
      Node& inner = nodes[static_cast<std::size_t>(input)];
      if (inner.type == NodeType::kConcat && num_consumers[static_cast<std::size_t>(input)] == 1) {
        inputs.insert(inputs.end(), inner.inputs.begin(), inner.inputs.end());
        inner.inputs.clear();
        inner.tensor = node.id;
      } else {
        inputs.push_back(input);
      }
    }
    node.inputs = std::move(inputs);
  }
}

/// Fuses global pools into their producers; a fused pool is always the first consumer.
void fuse_global_pools(Graph& graph) {
  for (Node& node : graph.nodes) {
    if (node.type != NodeType::kPool ||
        graph.network->layers[static_cast<std::size_t>(node.layer)].op != Op::kGlobalAvgPool) {
      continue;
    }
    Node& producer = graph.at(node.inputs[0]);
    if (!producer.runs() || producer.fused_pool >= 0) continue;
    node.type = NodeType::kFusedPool;
    producer.fused_pool = node.id;
    producer.next.push_back(node.id);
  }
}

void connect_consumers(Graph& graph) {
  for (const Node& node : graph.nodes) {
    if (node.type == NodeType::kFusedPool) continue;
    for (const int input : node.inputs) graph.at(input).next.push_back(node.id);
  }
}

/// Lays out the input of a first convolution with few channels as a matrix (im2col, offline).
void make_gemms(Graph& graph) {
  Node& input = graph.at(0);
  if (input.next.size() != 1) return;
  Node& node = graph.at(input.next[0]);
  if (node.type != NodeType::kConv) return;
  const Layer& layer = graph.network->layers[static_cast<std::size_t>(node.layer)];
  if (layer.ifm.channels / layer.groups > kMaxGemmChannels || layer.groups != 1) return;
  node.gemm = true;
  input.width = node.width * node.height;
  input.height = 1;
  input.channels = node.kernel_width * node.kernel_height * layer.ifm.channels;
}

/// Runs on the extended CIM, one lane per channel. A fused pool is stored the same way.
bool is_extended(const Node& node) {
  return node.type == NodeType::kDepthwise || node.type == NodeType::kPool ||
         node.type == NodeType::kElementwise || node.type == NodeType::kFusedPool;
}

/// Consumers pad the channels of their inputs to their lanes.
void pad_channels(Graph& graph) {
  const MidapConfig& c = *graph.config;
  for (Node& node : graph.nodes) {
    const bool narrow =
        (node.type == NodeType::kConv && !node.gemm) || node.type == NodeType::kConcat;
    const std::int64_t lanes = narrow ? c.num_cims : c.system_width;
    for (const int input : node.inputs) {
      Node& producer = graph.at(input);
      producer.channels = round_up(producer.channels, lanes);
    }
    if (is_extended(node)) node.channels = round_up(node.channels, lanes);
    node.slice_begin = 0;
    node.slice_end = node.channels;  // final: later consumers do not change it
  }
}

/// A filter larger than a WMEM bank can be split by tap columns if a CIM computes a single output:
/// the partial sums of all output channels then fit the reduction buffer.
bool split_filter(const Graph& graph, Node& node, Schedule schedule) {
  const MidapConfig& c = *graph.config;
  const std::int64_t columns = c.wmem_bank_bytes / (node.filter_bytes / node.kernel_width);
  if (columns == 0 || node.gemm || node.width * node.height != 1 || node.padding != Padding{} ||
      node.dilation != 1 || node.op_channels > c.reduction_bytes) {
    return false;
  }
  if (schedule == Schedule::kReference)
    throw PlanFailure("layer " + node.name + ": its filters do not fit WMEM in one piece");
  node.columns_per_part = columns;
  return true;
}

void size_weights(Graph& graph, Node& node, Schedule schedule) {
  const MidapConfig& c = *graph.config;
  const Layer& layer = graph.network->layers[static_cast<std::size_t>(node.layer)];
  const std::int64_t in_channels = graph.tensor_of(node.inputs[0]).channels;
  if (node.type == NodeType::kDepthwise) {
    const std::int64_t channels = round_up(node.op_channels, c.system_width);
    node.filter_bytes = node.weight_bytes = node.kernel_width * node.kernel_height * channels;
    if (node.weight_bytes > c.wmem_extended_bank_bytes) {
      throw InputError(fmt::format(
          "layer {}: {} bytes of depthwise weights do not fit the extended WMEM bank of {} bytes",
          node.name, node.weight_bytes, c.wmem_extended_bank_bytes));
    }
    node.channels = std::max(node.channels, channels);
  } else {
    const std::int64_t channels = round_up(node.op_channels, c.num_cims);
    if (node.gemm) {
      node.filter_bytes = in_channels;
    } else if (layer.groups > 1) {
      node.filter_bytes =
          node.kernel_width * node.kernel_height * grouped_rows_per_tap(layer, c) * c.system_width;
    } else {
      node.filter_bytes =
          node.kernel_width * round_up(node.kernel_height * in_channels, c.system_width);
    }
    node.weight_bytes = channels * node.filter_bytes;
    if (node.filter_bytes > c.wmem_bank_bytes && !split_filter(graph, node, schedule)) {
      throw InputError(
          fmt::format("layer {}: one filter of {} bytes does not fit a WMEM bank of {} bytes",
                      node.name, node.filter_bytes, c.wmem_bank_bytes));
    }
    if (node.columns_per_part == 0)
      node.once = node.weight_bytes <= 2 * c.num_cims * c.wmem_bank_bytes;
    node.channels = std::max(node.channels, channels);
  }
}

void place_concat_inputs(Graph& graph, const Node& concat) {
  std::int64_t offset = 0;
  std::vector<std::int64_t> offsets;
  for (const int input : concat.inputs) {
    offsets.push_back(offset);
    offset += graph.at(input).op_channels;
  }
  std::int64_t end = concat.channels;
  for (std::size_t i = concat.inputs.size(); i-- > 0;) {
    Node& producer = graph.at(concat.inputs[i]);
    if (producer.type == NodeType::kInput) {
      throw InputError(fmt::format(
          "layer {}: midap cannot copy the network input into a concat; insert a layer between "
          "them",
          concat.name));
    }
    if (producer.next.size() == 1 && (producer.runs() || producer.type == NodeType::kFusedPool)) {
      producer.tensor = concat.id;
      producer.slice_begin = offsets[i];
      producer.slice_end = end;
      end = offsets[i];
    } else {
      producer.copies.push_back({concat.id, offsets[i], end});
    }
  }
}

void order_elementwise_operands(Graph& graph, Node& node) {
  const Node& a = graph.at(node.inputs[0]);
  const Node& b = graph.at(node.inputs[1]);
  if (a.width == b.width && a.height == b.height) return;
  if (a.width * a.height < b.width * b.height) std::swap(node.inputs[0], node.inputs[1]);
  node.broadcast = node.once = true;
  graph.at(node.inputs[1]).dram = true;
}

void count_banks(const Graph& graph, Node& node) {
  const std::int64_t column = node.height * node.channels;
  if (column > graph.config->fmem_bank_bytes) {
    throw InputError(
        fmt::format("layer {}: one column of its feature map ({} bytes) does not fit a FMEM bank "
                    "of {} bytes",
                    node.id == 0 ? "input" : node.name, column, graph.config->fmem_bank_bytes));
  }
  node.bank_columns = graph.config->fmem_bank_bytes / column;
  if (node.type != NodeType::kInput) node.bank_columns = std::min(node.bank_columns, node.width);
  if (ceil_div(node.width, node.bank_columns) > kMaxFragments) {
    throw InputError(fmt::format("layer {}: its feature map needs {} FMEM banks; the limit is {}",
                                 node.id == 0 ? "input" : node.name,
                                 ceil_div(node.width, node.bank_columns), kMaxFragments));
  }
  const bool only_reduced = node.fused_pool >= 0 && node.next.size() == 1;
  node.num_fragments = only_reduced ? 0 : ceil_div(node.width, node.bank_columns);
  node.total_bytes = node.width * column;
  node.full_bytes = node.bank_columns * column;
  node.rest_bytes = node.width % node.bank_columns * column;
}

void check_second_operand(const Graph& graph, const Node& node) {
  const Node& operand = graph.tensor_of(node.inputs[1]);
  const std::int64_t plane = operand.height * operand.channels;
  if (plane > graph.config->wmem_extended_bank_bytes) {
    throw InputError(fmt::format(
        "layer {}: a column of its second operand ({} bytes) does not fit the extended WMEM bank "
        "of {} bytes",
        node.name, plane, graph.config->wmem_extended_bank_bytes));
  }
}

}  // namespace

std::int64_t grouped_rows_per_tap(const Layer& layer, const MidapConfig& config) {
  const std::int64_t outputs = layer.ofm.channels / layer.groups;  // of one group
  const std::int64_t lanes = config.num_cims;
  std::int64_t spanned = ceil_div(lanes, outputs);
  // A pass that does not start at a group boundary spans one more group.
  if (lanes % outputs != 0 && outputs % lanes != 0) ++spanned;
  spanned = std::min(spanned, layer.groups);
  return ceil_div(spanned * (layer.ifm.channels / layer.groups), config.system_width);
}

std::int64_t rows_per_pixel(const Node& node, const MidapConfig& config) {
  const std::int64_t row = config.system_width;
  return ceil_div(node.first_channel % row + node.op_channels, row);
}

std::size_t num_layers_on_midap(const Network& network) {
  std::size_t count = network.layers.size();
  while (count > 1 && network.layers[count - 1].op == Op::kSoftmax) --count;
  return count;
}

Graph prepare_graph(const Network& network, const MidapConfig& config, Schedule schedule) {
  if (network.batch != 1) {
    throw InputError(fmt::format(
        "a batch of {} images: the schedule of MIDAP is for one image; use a batch of 1",
        network.batch));
  }
  Graph graph{&network, &config, {}};
  Node input;
  input.name = "input";
  input.width = network.input.width;
  input.height = network.input.height;
  input.op_channels = input.channels = network.input.channels;
  graph.nodes.push_back(input);
  for (std::size_t i = 0; i < num_layers_on_midap(network); ++i)
    graph.nodes.push_back(make_node(static_cast<int>(i) + 1, network.layers[i]));

  flatten_nested_concats(graph.nodes);
  fuse_global_pools(graph);
  connect_consumers(graph);
  make_gemms(graph);
  pad_channels(graph);

  graph.at(0).dram = true;
  count_banks(graph, graph.at(0));
  for (Node& node : graph.nodes) {
    if (node.type == NodeType::kInput || node.tensor != node.id) continue;
    if (node.next.empty() || (node.fused_pool >= 0 && node.next.size() > 1)) node.dram = true;
    if (node.has_weights()) size_weights(graph, node, schedule);
    if (node.type == NodeType::kConcat) place_concat_inputs(graph, node);
    if (node.type == NodeType::kElementwise) order_elementwise_operands(graph, node);
    count_banks(graph, node);
  }
  for (Node& node : graph.nodes) {
    if (node.type == NodeType::kElementwise) check_second_operand(graph, node);
    for (const int in : node.inputs) node.depth = std::max(node.depth, graph.at(in).depth + 1);
  }
  return graph;
}

}  // namespace tilewake::midap
