// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/midap/plain_schedule.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/common/math.hpp"

namespace tilewake::midap {
namespace {

class PlainPlanner {
 public:
  explicit PlainPlanner(Graph& graph)
      : graph_(graph), num_banks_(static_cast<int>(graph.config->fmem_num_banks)) {}

  PlainSchedule run() {
    stream_wide_pools(graph_);
    schedule_.order = plain_order(graph_);
    std::vector<int> executed;
    for (const int id : schedule_.order)
      if (graph_.at(id).runs()) executed.push_back(id);
    for (std::size_t i = 0; i < executed.size(); ++i)
      plan_layer(graph_.at(executed[i]), i + 1 < executed.size() ? executed[i + 1] : -1);
    for (const Node& node : graph_.nodes) schedule_.pivots.push_back(node.width);
    return std::move(schedule_);
  }

 private:
  /// Consecutive columns processed at a time: one bank, or more if a window needs them.
  struct Tile {
    std::vector<Fragment> fragments;
  };

  /// Whether only `next` reads it, through FMEM.
  bool stays_on_chip(const Node& node, int next, std::int64_t num_free) const {
    if (next < 0 || node.tensor != node.id || !node.copies.empty()) return false;
    const bool only_reader = node.next.size() == 1 && node.next[0] == next;
    const Node& reader = graph_.at(next);
    return only_reader && reader.inputs[0] == node.id && node.num_fragments <= num_free &&
           std::count(reader.inputs.begin(), reader.inputs.end(), node.id) == 1;
  }

  void plan_layer(Node& node, int next) {
    LayerPlan plan;
    plan.node = node.id;
    const int in_tensor = graph_.at(node.inputs[0]).tensor;
    std::vector<MapEntry> resident;
    if (in_tensor == resident_tensor_) resident = resident_;
    resident_tensor_ = -1;
    resident_.clear();

    if (!resident.empty()) {
      for (const MapEntry& entry : resident)
        plan.input.push_back({entry.bank, entry.fragment, false});
      plan.num_initial = static_cast<int>(plan.input.size());
      plan.actions.push_back({Action::Kind::kProcess, plan.num_initial, false});
    } else {
      load_in_tiles(node, plan);
    }

    std::vector<int> free;
    for (int bank = 0; bank < num_banks_; ++bank) {
      const bool used = std::any_of(plan.input.begin(), plan.input.end(),
                                    [&](const InputFragment& f) { return f.bank == bank; });
      if (!used) free.push_back(bank);
    }
    const auto num_free = static_cast<std::int64_t>(free.size());
    const bool is_virtual = node.fused_pool >= 0 && node.next.size() == 1;
    if (stays_on_chip(node, next, num_free)) {
      std::int64_t head = 0;
      for (const int bank : free) {
        if (head >= node.width) break;
        const std::int64_t tail = std::min(head + node.bank_columns, node.width);
        plan.output.push_back({node.id, bank, {head, tail}});
        head = tail;
      }
      resident_tensor_ = node.id;
      resident_ = plan.output;
    } else if (!is_virtual) {
      graph_.at(node.tensor).dram = true;
    }
    schedule_.plans.push_back(plan);
    if (node.fused_pool >= 0) {
      LayerPlan pool;
      pool.node = node.fused_pool;
      graph_.at(graph_.at(node.fused_pool).tensor).dram = true;
      schedule_.plans.push_back(pool);
    }
  }

  void load_in_tiles(const Node& node, LayerPlan& plan) {
    const std::vector<Tile> tiles = cut(node);
    const auto banks_per_tile = static_cast<int>(tiles[0].fragments.size());
    const bool two = tiles.size() > 1 && 2 * banks_per_tile <= num_banks_;
    const int num_buffers = two ? 2 : 1;
    int loaded = 0;
    const auto load = [&](std::size_t tile) {
      const int first_bank = static_cast<int>(tile) % num_buffers * banks_per_tile;
      for (std::size_t i = 0; i < tiles[tile].fragments.size(); ++i) {
        plan.input.push_back({first_bank + static_cast<int>(i), tiles[tile].fragments[i], false});
        ++loaded;
      }
      plan.actions.push_back({Action::Kind::kLoad, loaded, false});
    };
    int processed = 0;
    std::size_t next_load = 0;
    for (std::size_t tile = 0; tile < tiles.size(); ++tile) {
      while (next_load < tiles.size() && next_load < tile + static_cast<std::size_t>(num_buffers))
        load(next_load++);
      processed += static_cast<int>(tiles[tile].fragments.size());
      plan.actions.push_back({Action::Kind::kProcess, processed, false});
    }
  }

  std::vector<Tile> cut(const Node& node) const {
    const Node& in = graph_.tensor_of(node.inputs[0]);
    const bool window = node.is_window() && !node.gemm;
    const std::int64_t reach = window ? (node.kernel_width - 1) * node.dilation : 0;
    const std::int64_t stride = window ? node.stride : 1;
    const std::int64_t pad = window ? node.padding.left : 0;
    const std::int64_t end_corner =
        window ? in.width - 1 - reach + node.padding.right : in.width - 1;
    const std::int64_t needed = std::min(reach + 1, in.width);
    const std::int64_t banks = ceil_div(needed, in.bank_columns);
    if (banks > num_banks_) {
      throw InputError(fmt::format(
          "layer {}: the {} columns of one window ({} bytes each) do not fit "
          "{} FMEM banks of {} bytes",
          node.name, needed, in.height * in.channels, num_banks_, graph_.config->fmem_bank_bytes));
    }
    std::vector<Tile> tiles;
    for (std::int64_t corner = -pad; corner <= end_corner;) {
      const std::int64_t head = std::max<std::int64_t>(corner, 0);
      const std::int64_t tail = std::min(head + banks * in.bank_columns, in.width);
      Tile tile;
      for (std::int64_t x = head; x < tail; x += in.bank_columns)
        tile.fragments.push_back({x, std::min(x + in.bank_columns, tail)});
      tiles.push_back(tile);
      if (tail == in.width) break;
      corner += (tail - 1 - reach - corner) / stride * stride + stride;
    }
    return tiles;
  }

  Graph& graph_;
  int num_banks_;
  PlainSchedule schedule_;
  int resident_tensor_ = -1;
  std::vector<MapEntry> resident_;
};

}  // namespace

void stream_wide_pools(Graph& graph) {
  for (Node& node : graph.nodes) {
    if (node.type != NodeType::kPool ||
        graph.network->layers[static_cast<std::size_t>(node.layer)].op != Op::kGlobalAvgPool ||
        graph.tensor_of(node.inputs[0]).num_fragments <= graph.config->fmem_num_banks ||
        node.op_channels > graph.config->reduction_bytes) {
      continue;
    }
    node.streamed_pool = true;
    node.kernel_width = node.kernel_height = 1;
  }
}

std::vector<int> plain_order(const Graph& graph) {
  std::vector<int> order;
  for (const Node& node : graph.nodes) {
    if (node.type == NodeType::kInput || node.type == NodeType::kFusedPool) continue;
    if (node.type == NodeType::kConcat) {
      if (node.tensor == node.id) order.push_back(node.id);
      continue;
    }
    order.push_back(node.id);
    if (node.fused_pool >= 0) order.push_back(node.fused_pool);
  }
  return order;
}

PlainSchedule plan_plain_schedule(Graph& graph) { return PlainPlanner(graph).run(); }

}  // namespace tilewake::midap
