// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/tiled/tiled_graph.hpp"

#include <algorithm>

#include "simulator/common/math.hpp"

namespace tilewake {
namespace {

// Tensors are aligned to DRAM rows of most devices.
constexpr std::int64_t kAlignment = 4096;

class GraphMaker {
 public:
  GraphMaker(const Network& network, bool fuse_elementwise, std::int64_t base_address,
             std::int64_t element_bytes)
      : network_(network), element_bytes_(element_bytes), end_(round_up(base_address, kAlignment)) {
    graph_.nodes.resize(network.layers.size());
    count_users();
    if (fuse_elementwise) fuse();
    place();
  }

  TiledGraph take() { return std::move(graph_); }

 private:
  const Layer& layer(int index) const { return network_.layers[static_cast<std::size_t>(index)]; }
  TiledGraph::Node& node(int index) { return graph_.nodes[static_cast<std::size_t>(index)]; }
  int num_layers() const { return static_cast<int>(network_.layers.size()); }

  void count_users() {
    num_users_.assign(network_.layers.size(), 0);
    for (const Layer& l : network_.layers)
      for (const int input : l.inputs)
        if (input != kNetworkInput) ++num_users_[static_cast<std::size_t>(input)];
  }

  bool can_host(int index, int elementwise) {
    if (index == kNetworkInput) return false;
    const Layer& host = layer(index);
    return num_users_[static_cast<std::size_t>(index)] == 1 && computes_alone(host.op) &&
           host.ofm == layer(elementwise).ofm;
  }

  /// In one pass that knows its outputs: an operation on these can follow at once.
  static bool computes_alone(Op op) {
    return op == Op::kConv2d || op == Op::kDepthwiseConv2d || op == Op::kFullyConnected ||
           op == Op::kMatmul || op == Op::kMaxPool || op == Op::kAvgPool ||
           op == Op::kGlobalAvgPool;
  }

  void fuse() {
    for (int i = 0; i < num_layers(); ++i) {
      const Layer& l = layer(i);
      if (!l.is_elementwise()) continue;
      const int later = std::max(l.inputs[0], l.inputs[1]);
      const int earlier = std::min(l.inputs[0], l.inputs[1]);
      if (later == earlier || !can_host(later, i)) continue;
      node(i).host = later;
      node(later).fused = i;
      node(later).second = earlier;
    }
  }

  /// The tensor that `index` writes: its own, or that of the layer fused into it.
  int tensor_of(int index) { return node(index).fused >= 0 ? node(index).fused : index; }

  /// Of a map of all images.
  std::int64_t bytes_of(const Shape& shape) const {
    return network_.batch * shape.num_elements() * element_bytes_;
  }

  std::int64_t allocate(const Shape& shape) {
    const std::int64_t address = end_;
    end_ += round_up(bytes_of(shape), kAlignment);
    return address;
  }

  /// Inputs of concats are placed with the concat, outermost first; the others by themselves.
  void place() {
    graph_.input_address = allocate(network_.input);
    placed_.assign(network_.layers.size(), false);
    for (int i = 0; i < num_layers(); ++i) node(i).is_view = is_view_of_input(layer(i));
    for (int i = num_layers() - 1; i >= 0; --i) {
      if (layer(i).op == Op::kConcat) place_concat(i);
    }
    for (int i = 0; i < num_layers(); ++i) {
      if (!is_placed(i) && !node(i).is_view && node(i).fused < 0)
        node(i).address = allocate(layer(i).ofm);
    }
    for (int i = 0; i < num_layers(); ++i) {
      if (is_view_of_input(layer(i))) {
        place_view(i);  // after its input, which is an earlier layer
      } else {
        node(i).address = node(tensor_of(i)).address;
      }
    }
    graph_.end_address = end_;
  }

  bool is_placed(int index) const { return placed_[static_cast<std::size_t>(index)]; }

  void place_concat(int index) {
    if (!is_placed(index)) {
      if (place_in_larger(index)) return;
      node(index).address = allocate(layer(index).ofm);
      placed_[static_cast<std::size_t>(index)] = true;
    }
    std::int64_t address = node(index).address;
    for (std::size_t k = 0; k < layer(index).inputs.size(); ++k) {
      const int input = layer(index).inputs[k];
      if (const std::size_t parts = place_cut_map(index, k, address); parts > 0) {
        k += parts - 1;
        address += bytes_of(network_.shape_of(layer(input).inputs[0]));
        continue;
      }
      const int map = reshaped_map(input);
      if (map == kNetworkInput || is_placed(map) || node(map).is_view || layer(map).is_source()) {
        node(index).copies.push_back(static_cast<int>(k));
      } else {
        node(map).address = address;
        node(map).stored_in = index;
        placed_[static_cast<std::size_t>(map)] = true;
      }
      address += bytes_of(network_.shape_of(input));
    }
  }

  /// Places at `address` the map of which the inputs of a concat from `k` on are all channels in
  /// their order. Returns how many inputs that are; 0: they are not, or it is placed elsewhere.
  std::size_t place_cut_map(int concat, std::size_t k, std::int64_t address) {
    const std::vector<int>& inputs = layer(concat).inputs;
    if (layer(concat).axis != Axis::kChannels) return 0;
    int map = kNetworkInput;
    std::int64_t channels = 0;
    for (std::size_t i = k; i < inputs.size(); ++i) {
      if (inputs[i] == kNetworkInput || layer(inputs[i]).op != Op::kChannelSplit) return 0;
      const Layer& split = layer(inputs[i]);
      if (i == k) map = split.inputs[0];
      if (map == kNetworkInput || split.inputs[0] != map || split.first_channel != channels)
        return 0;
      channels += split.ofm.channels;
      if (channels < layer(map).ofm.channels) continue;
      if (is_placed(map) || node(map).is_view || layer(map).is_source()) return 0;
      node(map).address = address;
      node(map).stored_in = concat;
      placed_[static_cast<std::size_t>(map)] = true;
      return i + 1 - k;
    }
    return 0;
  }

  /// The map of which `index` is another shape, or `index`.
  int reshaped_map(int index) const {
    while (index != kNetworkInput && layer(index).op == Op::kTranspose &&
           is_view_of_input(layer(index))) {
      index = layer(index).inputs[0];
    }
    return index;
  }

  /// Whether all inputs lie one after another in the tensor of one concat of the same axis.
  bool place_in_larger(int index) {
    const std::vector<int>& inputs = layer(index).inputs;
    int owner = -1;
    std::int64_t next = 0;
    for (const int input : inputs) {
      if (input == kNetworkInput || !is_placed(input) || node(input).stored_in < 0) return false;
      if (owner < 0) {
        owner = node(input).stored_in;
        next = node(input).address;
      }
      if (node(input).stored_in != owner || node(input).address != next) return false;
      next += bytes_of(network_.shape_of(input));
    }
    if (layer(owner).axis != layer(index).axis) return false;
    node(index).address = node(inputs.front()).address;
    node(index).stored_in = owner;
    node(index).is_view = true;
    placed_[static_cast<std::size_t>(index)] = true;
    return true;
  }

  void place_view(int index) {
    const Layer& view = layer(index);
    const int input = view.inputs[0];
    const Shape& map = network_.shape_of(input);
    node(index).address =
        graph_.address_of(input) + bytes_of({view.first_channel, map.height, map.width});
    node(index).stored_in = input;  // kNetworkInput: with it in DRAM
  }

  const Network& network_;
  const std::int64_t element_bytes_;
  TiledGraph graph_;
  std::vector<int> num_users_;
  std::vector<bool> placed_;
  std::int64_t end_ = 0;
};

/// Whether the factors that have more than one entry keep their order.
bool moves_nothing(const Layer& transpose) {
  int last = -1;
  for (const int factor : transpose.order) {
    if (transpose.view[static_cast<std::size_t>(factor)] == 1) continue;
    if (factor < last) return false;
    last = factor;
  }
  return true;
}

}  // namespace

bool is_view_of_input(const Layer& layer) {
  return layer.op == Op::kChannelSplit || (layer.op == Op::kTranspose && moves_nothing(layer));
}

TiledGraph make_tiled_graph(const Network& network, bool fuse_elementwise,
                            std::int64_t base_address, std::int64_t element_bytes) {
  return GraphMaker(network, fuse_elementwise, base_address, element_bytes).take();
}

}  // namespace tilewake
