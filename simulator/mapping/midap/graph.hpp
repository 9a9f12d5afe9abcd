// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "simulator/hardware/midap_config.hpp"
#include "simulator/network/network.hpp"

namespace tilewake::midap {

/// The rules of the reference compiler make no progress on this graph. The mapper catches it, uses
/// the plain schedule and reports this.
class PlanFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class NodeType {
  kInput,
  kConv,         // conv2d and fully_connected; `gemm` marks the first layer if it uses im2col
  kDepthwise,    // depthwise_conv2d
  kPool,         // stand-alone max, avg and global pools; moved channels, as a 1x1 pool
  kFusedPool,    // global pool fused into its producer
  kElementwise,  // add and mul
  kConcat        // not executed: its producers write into one tensor
};

/// A second destination of an output: a slice of a concat, if the tensor has other consumers, too.
struct OutputCopy {
  int concat = -1;
  std::int64_t slice_begin = 0;
  std::int64_t slice_end = 0;
};

/// A layer (or the network input) with the dimensions of its output tensor as stored by MIDAP.
struct Node {
  int id = 0;
  int layer = kNetworkInput;  // index into Network::layers
  NodeType type = NodeType::kInput;
  std::string name;
  std::vector<int> inputs;  // elementwise: [0] is read from FMEM, [1] comes through WMEM
  std::vector<int> next;    // consumers; a fused pool is always the first
  int depth = 0;

  // Output tensor. `tensor` is the node that owns the storage: this one, or a concat.
  int tensor = 0;
  std::int64_t width = 0;
  std::int64_t height = 0;
  std::int64_t op_channels = 0;  // as computed, without padding
  std::int64_t channels = 0;     // as stored, padded for the consumers
  std::int64_t slice_begin = 0;
  std::int64_t slice_end = 0;
  std::vector<OutputCopy> copies;

  bool gemm = false;
  bool dram = false;  // the whole tensor is written to DRAM
  bool once = false;  // weights stay in WMEM over several PROCESSes
  bool broadcast = false;
  int fused_pool = -1;
  std::int64_t columns_per_part = 0;  // > 0: the filter is split by tap columns (plain schedule)
  std::int64_t first_channel = 0;     // first input channel that the output takes: a split
  bool streamed_pool = false;  // a global pool too wide for FMEM: a 1x1 pool that only reduces

  std::int64_t kernel_width = 1, kernel_height = 1, stride = 1, dilation = 1;
  Padding padding;

  bool has_bias = false;
  std::int64_t filter_bytes = 0;  // of one filter; depthwise: of all
  std::int64_t weight_bytes = 0;  // as stored in WMEM, padded

  // Partition of the tensor into FMEM banks.
  std::int64_t bank_columns = 0;   // columns in one bank
  std::int64_t num_fragments = 0;  // number of banks; 0 if the tensor is only reduced
  std::int64_t total_bytes = 0;
  std::int64_t full_bytes = 0;  // of a full fragment
  std::int64_t rest_bytes = 0;  // of the last fragment, 0 if it is full

  // Banks kept across the paths of a fork (section "Order" of the module's README); -1: undecided.
  std::int64_t input_stationary = -1;
  std::int64_t output_stationary = -1;

  bool is_window() const {
    return type == NodeType::kConv || type == NodeType::kDepthwise || type == NodeType::kPool;
  }
  bool has_weights() const { return type == NodeType::kConv || type == NodeType::kDepthwise; }
  bool runs() const {
    return type != NodeType::kInput && type != NodeType::kConcat && type != NodeType::kFusedPool;
  }
};

/// A network prepared for MIDAP: layer i is node i + 1, node 0 is the input feature map.
struct Graph {
  const Network* network = nullptr;
  const MidapConfig* config = nullptr;
  std::vector<Node> nodes;

  Node& at(int id) { return nodes[static_cast<std::size_t>(id)]; }
  const Node& at(int id) const { return nodes[static_cast<std::size_t>(id)]; }

  /// The unpadded output shape of `id`.
  const Shape& shape_of(int id) const { return network->shape_of(at(id).layer); }
  const Node& tensor_of(int id) const { return at(at(id).tensor); }
};

/// FMEM rows read by one tap of a grouped convolution: the input channels of all groups of one
/// pass's output channels, starting at a row boundary.
std::int64_t grouped_rows_per_tap(const Layer& layer, const MidapConfig& config);

/// Rows of a pixel that the extended CIM reads for `node`: the rows filled by its output channels,
/// or the rows that hold the channels of a split.
std::int64_t rows_per_pixel(const Node& node, const MidapConfig& config);

enum class Schedule { kReference, kPlain };

/// Layers without the softmaxes at the end, which only pick a class: the host computes them.
std::size_t num_layers_on_midap(const Network& network);

/// Fuses global pools, lays out the first convolution as a matrix, pads channels, assigns slices of
/// concats to their producers, and counts banks. Throws InputError naming the layer whose weights
/// or columns fit no buffer, or the batch if it is not one image, and PlanFailure if they fit only
/// in the other schedule.
Graph prepare_graph(const Network& network, const MidapConfig& config, Schedule schedule);

}  // namespace tilewake::midap
