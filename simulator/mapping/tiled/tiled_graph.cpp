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
  GraphMaker(const Network& network, bool fuse_elementwise, std::int64_t base_address)
      : network_(network), end_(round_up(base_address, kAlignment)) {
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
    return num_users_[static_cast<std::size_t>(index)] == 1 && host.op != Op::kConcat &&
           !host.is_elementwise() && !host.moves_channels() && host.ofm == layer(elementwise).ofm;
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

  std::int64_t allocate(const Shape& shape) {
    const std::int64_t address = end_;
    end_ += round_up(network_.batch * shape.num_elements(), kAlignment);
    return address;
  }

  /// Inputs of concats are placed with the concat, outermost first; the others by themselves.
  void place() {
    graph_.input_address = allocate(network_.input);
    std::vector<bool> placed(network_.layers.size(), false);
    for (int i = num_layers() - 1; i >= 0; --i) {
      if (layer(i).op != Op::kConcat) continue;
      if (!placed[static_cast<std::size_t>(i)]) {
        node(i).address = allocate(layer(i).ofm);
        placed[static_cast<std::size_t>(i)] = true;
      }
      std::int64_t address = node(i).address;
      for (std::size_t k = 0; k < layer(i).inputs.size(); ++k) {
        const int input = layer(i).inputs[k];
        if (input == kNetworkInput || placed[static_cast<std::size_t>(input)]) {
          node(i).copies.push_back(static_cast<int>(k));
        } else {
          node(input).address = address;
          node(input).stored_in = i;
          placed[static_cast<std::size_t>(input)] = true;
        }
        address += network_.batch * network_.shape_of(input).num_elements();
      }
    }
    for (int i = 0; i < num_layers(); ++i)
      if (!placed[static_cast<std::size_t>(i)] && node(i).fused < 0)
        node(i).address = allocate(layer(i).ofm);
    for (int i = 0; i < num_layers(); ++i) node(i).address = node(tensor_of(i)).address;
    graph_.end_address = end_;
  }

  const Network& network_;
  TiledGraph graph_;
  std::vector<int> num_users_;
  std::int64_t end_ = 0;
};

}  // namespace

TiledGraph make_tiled_graph(const Network& network, bool fuse_elementwise,
                            std::int64_t base_address) {
  return GraphMaker(network, fuse_elementwise, base_address).take();
}

}  // namespace tilewake
