// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/tiled/feature_residency.hpp"

#include <algorithm>
#include <cstddef>

#include <fmt/format.h>

namespace tilewake {
namespace {

constexpr int kUnknown = -2;  // root of a layer; kNetworkInput is -1
constexpr const char* kSlowerReason = "DRAM is faster than the feature memory";

/// A feature map in one piece of memory, by the position of layers in the network.
struct StoredMap {
  int root = -1;  // the layer whose output it is
  std::int64_t bytes = 0;
  int first = 0;               // the layer that first writes to it
  int last = -1;               // the last layer that reads it; -1: none
  std::int64_t transfers = 0;  // of all its bytes: writes and reads
  bool is_output = false;      // of the network

  /// Transfers saved per layer that it occupies memory for.
  double value() const {
    return static_cast<double>(transfers) / static_cast<double>(last - first + 1);
  }
};

class Placement {
 public:
  Placement(const Network& network, const TiledGraph& graph, const TileMemory& memory,
            const DramEstimate& dram)
      : network_(network),
        graph_(graph),
        memory_(memory.features),
        element_bytes_(memory.element_bytes),
        is_slower_(static_cast<double>(memory_.bytes_per_cycle) < dram.bytes_per_cycle()),
        used_(network.layers.size()) {
    find_roots();
    find_maps();
  }

  /// Of maps and weights those that save the most DRAM traffic in sum. Maps are chosen within part
  /// of the memory, first all of it, then less than those of the last choice had at their peak;
  /// weights within the rest.
  Places choose(const std::vector<std::int64_t>& weight_bytes) {
    Places best;
    double most_saved = -1.0;
    constexpr int kMaxChoices = 64;
    std::int64_t limit = memory_.bytes;
    for (int i = 0; i < kMaxChoices; ++i) {
      Places places;
      saved_ = 0.0;
      places.outputs = choose_outputs(limit);
      if (memory_.keeps_weights) places.weights = choose_weights(weight_bytes);
      if (saved_ > most_saved) {
        most_saved = saved_;
        best = std::move(places);
      }
      limit = most_used() - 1;
      const bool all_stay =
          std::all_of(best.weights.begin(), best.weights.end(),
                      [](const Place& place) { return place.on_chip || place.reason.empty(); });
      if (all_stay || limit < 0) break;
    }
    return best;
  }

 private:
  std::int64_t most_used() const {
    return used_.empty() ? 0 : *std::max_element(used_.begin(), used_.end());
  }

  std::vector<Place> choose_outputs(std::int64_t limit) {
    std::fill(used_.begin(), used_.end(), 0);
    std::vector<Place> by_root(network_.layers.size());
    std::vector<const StoredMap*> candidates;
    for (const StoredMap& map : maps_) {
      std::string& reason = by_root[static_cast<std::size_t>(map.root)].reason;
      if (map.is_output)
        reason = "an output of the network";
      else if (layer(map.root).op == Op::kInput)
        reason = "an input of the network";
      else if (layer(map.root).op == Op::kConstant)
        reason = "parameters";
      else if (is_slower_)
        reason = kSlowerReason;
      else if (map.bytes > limit)
        reason = limit == memory_.bytes
                     ? fmt::format("{} bytes do not fit {}", map.bytes, memory_.bytes)
                     : fmt::format("{} bytes; weights in their place save more", map.bytes);
      else
        candidates.push_back(&map);
    }
    std::stable_sort(
        candidates.begin(), candidates.end(),
        [](const StoredMap* a, const StoredMap* b) { return a->value() > b->value(); });
    for (const StoredMap* map : candidates) {
      const auto begin = used_.begin() + map->first;
      const auto end = used_.begin() + map->last + 1;
      const std::int64_t most = *std::max_element(begin, end);
      Place& place = by_root[static_cast<std::size_t>(map->root)];
      if (most + map->bytes > limit) {
        place.reason = fmt::format("{} bytes do not fit beside {} of other maps", map->bytes, most);
        continue;
      }
      place.on_chip = true;
      saved_ += static_cast<double>(map->transfers) * static_cast<double>(map->bytes);
      std::for_each(begin, end, [&](std::int64_t& bytes) { bytes += map->bytes; });
    }
    std::vector<Place> places(network_.layers.size());
    for (std::size_t i = 0; i < places.size(); ++i) {
      const int root = root_of(static_cast<int>(i));
      places[i] = root == kNetworkInput ? Place{false, "an input of the network"}
                                        : by_root[static_cast<std::size_t>(root)];
    }
    return places;
  }

  /// After the outputs.
  std::vector<Place> choose_weights(const std::vector<std::int64_t>& bytes) {
    std::vector<Place> places(bytes.size());
    const std::int64_t maps = most_used();
    std::int64_t weights = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      Place& place = places[i];
      if (bytes[i] == 0) continue;
      if (is_slower_) {
        place.reason = kSlowerReason;
      } else if (maps + weights + bytes[i] > memory_.bytes) {
        place.reason = fmt::format("{} bytes do not fit beside {} of maps and {} of other weights",
                                   bytes[i], maps, weights);
      } else {
        place.on_chip = true;
        weights += bytes[i];
        saved_ += static_cast<double>(bytes[i]);
      }
    }
    return places;
  }

  const TiledGraph::Node& node(int index) const {
    return graph_.nodes[static_cast<std::size_t>(index)];
  }

  const Layer& layer(int index) const { return network_.layers[static_cast<std::size_t>(index)]; }

  /// The layer whose output contains that of `index`, or kNetworkInput.
  int root_of(int index) const { return roots_[static_cast<std::size_t>(index)]; }

  void find_roots() {
    const auto num_layers = static_cast<int>(network_.layers.size());
    roots_.assign(network_.layers.size(), kUnknown);
    std::vector<int> chain;
    for (int i = 0; i < num_layers; ++i) {
      int root = i;
      while (root != kNetworkInput && roots_[static_cast<std::size_t>(root)] == kUnknown) {
        chain.push_back(root);
        const TiledGraph::Node& n = node(root);
        const bool is_part_of_input = n.is_view && n.stored_in == kNetworkInput;
        if (n.fused >= 0)
          root = n.fused;
        else if (n.stored_in >= 0 || is_part_of_input)
          root = n.stored_in;
        else
          roots_[static_cast<std::size_t>(root)] = root;
      }
      if (root != kNetworkInput) root = roots_[static_cast<std::size_t>(root)];
      for (const int link : chain) roots_[static_cast<std::size_t>(link)] = root;
      chain.clear();
    }
  }

  /// The layer that does the work of `layer`.
  int worker_of(int index) const { return node(index).host >= 0 ? node(index).host : index; }

  void find_maps() {
    const int num_layers = static_cast<int>(network_.layers.size());
    std::vector<StoredMap> by_root(network_.layers.size());
    for (int i = 0; i < num_layers; ++i) {
      if (root_of(i) == kNetworkInput) continue;
      StoredMap& map = by_root[static_cast<std::size_t>(root_of(i))];
      const int worker = worker_of(i);
      if (map.root < 0) {
        map.root = root_of(i);
        map.bytes = element_bytes_ * network_.batch *
                    network_.layers[static_cast<std::size_t>(map.root)].ofm.num_elements();
        map.first = worker;
        map.transfers = 1;
      }
      map.first = std::min(map.first, worker);
    }
    std::vector<bool> is_read(network_.layers.size());
    for (int i = 0; i < num_layers; ++i)
      for (const int input : network_.layers[static_cast<std::size_t>(i)].inputs) {
        if (input == kNetworkInput) continue;
        is_read[static_cast<std::size_t>(input)] = true;
        if (root_of(input) == kNetworkInput) continue;
        add_reader(by_root[static_cast<std::size_t>(root_of(input))], i, input);
      }
    // Also a concat of which another layer reads a part.
    for (int i = 0; i < num_layers; ++i)
      if (!is_read[static_cast<std::size_t>(i)] && root_of(i) != kNetworkInput)
        by_root[static_cast<std::size_t>(root_of(i))].is_output = true;
    for (StoredMap& map : by_root)
      if (map.root >= 0) maps_.push_back(map);
  }

  void add_reader(StoredMap& map, int reader, int input) {
    // A concat reads nothing that is stored in its place, a view nothing, and a layer not what it
    // was fused into.
    if (root_of(reader) == map.root &&
        (layer(reader).op == Op::kConcat || node(reader).is_view || worker_of(reader) == input)) {
      return;
    }
    map.last = std::max(map.last, worker_of(reader));
    ++map.transfers;
  }

  const Network& network_;
  const TiledGraph& graph_;
  const FeatureMemory memory_;
  const std::int64_t element_bytes_;
  const bool is_slower_;  // than DRAM
  std::vector<int> roots_;
  std::vector<StoredMap> maps_;
  std::vector<std::int64_t> used_;  // bytes of maps while a layer runs
  double saved_ = 0.0;              // DRAM traffic of an inference, in bytes
};

}  // namespace

Places place_on_chip(const Network& network, const TiledGraph& graph,
                     const std::vector<std::int64_t>& weight_bytes, const TileMemory& memory,
                     const DramEstimate& dram) {
  if (memory.features.bytes == 0) return {};
  return Placement(network, graph, memory, dram).choose(weight_bytes);
}

}  // namespace tilewake
