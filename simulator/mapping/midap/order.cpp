// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/midap/order.hpp"

#include <algorithm>
#include <limits>
#include <memory>

#include "simulator/common/math.hpp"

namespace tilewake::midap {
namespace {

constexpr std::int64_t kNoCandidateCost = std::numeric_limits<std::int64_t>::max();
/// Limit of nested evaluations; in practice, graphs that need more have no reference plan.
constexpr int kMaxEvaluations = 200'000;
constexpr int kMaxForkDepth = 64;
constexpr std::size_t kMaxBranches = 256;

struct Block;

/// One step of a path: a node, or everything between a fork and its join.
struct Element {
  int node = -1;
  std::shared_ptr<Block> block;
};
using Path = std::vector<Element>;

struct Block {
  int source = -1;
  int sink = -1;
  std::vector<Path> paths;
  std::vector<std::int64_t> path_costs;
  std::int64_t total_cost = 0;
  std::int64_t max_banks = 0;
};

/// Costs wrap around like the signed 64-bit integers of the reference.
std::int64_t wrapping_add(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

class Orderer {
 public:
  explicit Orderer(Graph& graph) : graph_(graph), num_banks_(graph.config->fmem_num_banks) {}

  std::vector<int> run() {
    std::vector<int> order;
    int current = 0;
    while (!graph_.at(current).next.empty()) {
      Node& node = graph_.at(current);
      if (node.next.size() == 1) {
        if (node.fused_pool >= 0) node.output_stationary = 0;
        current = node.next[0];
        order.push_back(current);
      } else {
        const Path path = fork(current);
        flatten({path.begin() + 1, path.end()}, order);
        current = path.back().node;
      }
    }
    return order;
  }

 private:
  int end_of(const Path& path) const { return path.back().node; }

  /// Follows all branches of `source` until they join. The path starts with `source`.
  Path fork(int source) {
    if (++fork_depth_ > kMaxForkDepth) throw PlanFailure("forks are nested too deeply");
    if (graph_.at(source).next.size() > kMaxBranches)
      throw PlanFailure("a fork has too many branches");
    std::vector<Path> open;
    for (const int consumer : graph_.at(source).next)
      open.push_back({{source, {}}, {consumer, {}}});
    int depth = std::numeric_limits<int>::max();
    for (const Path& path : open) depth = std::min(depth, graph_.at(end_of(path)).depth);
    while (open.size() > 1) {
      advance(open, depth);
      ++depth;
      join(open, depth);
    }
    --fork_depth_;
    return open[0];
  }

  void advance(std::vector<Path>& open, int depth) {
    if (depth > static_cast<int>(graph_.nodes.size())) throw PlanFailure("branches never join");
    for (Path& path : open) {
      const int end = end_of(path);
      const std::vector<int>& next = graph_.at(end).next;
      if (graph_.at(end).depth != depth) continue;
      if (next.empty()) throw PlanFailure("network output inside a fork");
      if (next.size() == 1) {
        path.push_back({next[0], {}});
      } else {
        const Path inner = fork(end);
        path.insert(path.end(), inner.begin() + 1, inner.end());
      }
    }
  }

  /// Replaces every group of paths with the same end by one path through a block.
  void join(std::vector<Path>& open, int depth) {
    std::vector<std::vector<std::size_t>> groups;
    std::vector<bool> grouped(open.size(), false);
    for (std::size_t i = 0; i < open.size(); ++i) {
      if (grouped[i] || graph_.at(end_of(open[i])).depth > depth) continue;
      std::vector<std::size_t> group;
      for (std::size_t j = i + 1; j < open.size(); ++j)
        if (end_of(open[j]) == end_of(open[i])) group.push_back(j);
      if (group.empty()) continue;
      group.push_back(i);
      for (const std::size_t member : group) grouped[member] = true;
      groups.push_back(group);
    }
    std::vector<Path> joined;
    for (auto group = groups.rbegin(); group != groups.rend(); ++group) {
      std::vector<Path> paths;
      for (const std::size_t member : *group) paths.push_back(open[member]);
      joined.push_back(make_block(paths));
    }
    std::vector<Path> rest;
    for (std::size_t i = 0; i < open.size(); ++i)
      if (!grouped[i]) rest.push_back(open[i]);
    rest.insert(rest.end(), joined.begin(), joined.end());
    open = std::move(rest);
  }

  Path make_block(const std::vector<Path>& paths) {
    std::size_t prefix = 0;
    const auto same_at = [&](std::size_t i) {
      return std::all_of(paths.begin(), paths.end(), [&](const Path& path) {
        return i + 1 < path.size() && path[i].node == paths[0][i].node &&
               path[i].block == paths[0][i].block;
      });
    };
    while (same_at(prefix)) ++prefix;
    if (prefix == 0 || paths[0][prefix - 1].block) throw PlanFailure("fork without a source");
    auto block = std::make_shared<Block>();
    block->source = paths[0][prefix - 1].node;
    block->sink = end_of(paths[0]);
    for (const Path& path : paths)
      block->paths.emplace_back(path.begin() + static_cast<std::ptrdiff_t>(prefix), path.end() - 1);
    Path result(paths[0].begin(), paths[0].begin() + static_cast<std::ptrdiff_t>(prefix));
    result.push_back({-1, block});
    result.push_back({block->sink, {}});
    evaluate(*block, num_banks_, 0);
    return result;
  }

  bool is_output_path(const Path& path) const {
    if (path.empty()) return false;
    const Element& last = path.back();
    return graph_.at(last.block ? last.block->sink : last.node).next.empty();
  }

  std::int64_t sort_key(const Path& path, std::int64_t avail) const {
    std::int64_t spilled = 0;
    for (std::size_t i = 0; i + 1 < path.size(); ++i) {
      const std::int64_t cost = path[i].block ? path[i].block->total_cost
                                              : graph_.at(path[i].node).num_fragments -
                                                    std::max<std::int64_t>(avail - 1, 0);
      spilled = wrapping_add(spilled, std::max<std::int64_t>(cost, 0));
    }
    const auto key = static_cast<std::uint64_t>(spilled) * 100 + path.size();
    return static_cast<std::int64_t>(key);
  }

  /// Sorts output paths first, then inner paths, each by spilled bytes; the path through a fused
  /// pool of the source (the first inner one) is last. Returns the number of output paths.
  std::size_t sort_paths(Block& block, std::int64_t avail) {
    std::vector<Path> output;
    std::vector<Path> inner;
    for (Path& path : block.paths) (is_output_path(path) ? output : inner).push_back(path);
    std::vector<Path> reduction;
    if (graph_.at(block.source).fused_pool >= 0 && !inner.empty()) {
      reduction.push_back(inner.front());
      inner.erase(inner.begin());
    }
    const auto less = [&](const Path& a, const Path& b) {
      return sort_key(a, avail) < sort_key(b, avail);
    };
    std::stable_sort(output.begin(), output.end(), less);
    std::stable_sort(inner.begin(), inner.end(), less);
    const std::size_t num_output = output.size();
    block.paths = std::move(output);
    block.paths.insert(block.paths.end(), inner.begin(), inner.end());
    block.paths.insert(block.paths.end(), reduction.begin(), reduction.end());
    return num_output;
  }

  /// DRAM bytes of processing `path` while `kept` banks hold the source.
  std::int64_t traffic(const Path& path, std::int64_t avail, std::int64_t kept,
                       std::int64_t kept_before, const Node& source) {
    std::int64_t bytes = 0;
    std::int64_t current = 0;
    for (std::size_t j = 0; j < path.size(); ++j) {
      const std::int64_t kept_here = j == 0 ? kept : 0;
      if (path[j].block) {
        Block& inner = *path[j].block;
        evaluate(inner, avail - (kept - kept_here), kept_here);
        bytes = wrapping_add(bytes,
                             *std::max_element(inner.path_costs.begin(), inner.path_costs.end()));
        current = graph_.at(inner.sink).num_fragments;
        continue;
      }
      const Node& node = graph_.at(path[j].node);
      const std::int64_t free = avail - kept - (source.num_fragments > kept_before ? 1 : 0);
      if (current == 0) current = source.num_fragments;
      if (j + 1 < path.size())
        bytes = wrapping_add(
            bytes, 2 * std::max<std::int64_t>(node.total_bytes - free * node.full_bytes, 0));
      if (node.has_weights()) {
        std::int64_t passes = 1;
        if (!node.once && node.type != NodeType::kDepthwise) {
          if (free + 1 <= 0) throw PlanFailure("no bank left for a path");
          passes = ceil_div(current - kept_here, free + 1);
        }
        bytes = wrapping_add(bytes, node.weight_bytes * passes);
      }
      current = node.num_fragments;
    }
    return bytes;
  }

  /// Number of source banks that each path keeps for the next one.
  std::vector<std::int64_t> choose_input_stationary(Block& block, std::size_t num_output,
                                                    std::int64_t avail, std::int64_t last) {
    const Node& source = graph_.at(block.source);
    std::vector<std::int64_t> chosen;
    block.path_costs.clear();
    block.total_cost = 0;
    std::int64_t kept_before = std::min(num_banks_ - 1, source.num_fragments);
    for (std::size_t i = 0; i < block.paths.size(); ++i) {
      const Path& path = block.paths[i];
      std::int64_t best = -1;
      std::int64_t best_cost = kNoCandidateCost;
      if (i + 1 == block.paths.size()) {
        best = last;
        best_cost = traffic(path, avail, last, kept_before, source);
      } else {
        for (std::int64_t n = std::min(source.num_fragments, avail - 1); n >= 1; --n) {
          std::int64_t cost =
              std::max<std::int64_t>(source.num_fragments - n - 1, 0) * source.full_bytes;
          if (source.num_fragments > n) cost += source.rest_bytes;
          cost = wrapping_add(cost, traffic(path, avail, n, kept_before, source));
          if (cost < best_cost) {
            best_cost = cost;
            best = n;
          }
        }
        kept_before = best;
      }
      chosen.push_back(best);
      block.path_costs.push_back(best_cost);
      block.total_cost = wrapping_add(block.total_cost, best_cost);
      if (i >= num_output && !path.empty() && !path[0].block)
        graph_.at(path[0].node).input_stationary = best;
    }
    return chosen;
  }

  std::int64_t banks_of(const Element& element) const {
    return element.block ? element.block->max_banks : graph_.at(element.node).num_fragments;
  }

  /// Two branches joined by an add: the result of the second stays in FMEM, that of the first one
  /// is loaded from DRAM through WMEM.
  void choose_operands(Block& block, std::size_t num_output) {
    Node& sink = graph_.at(block.sink);
    if (sink.type != NodeType::kElementwise || sink.broadcast) return;
    if (block.paths.size() - num_output != 2) return;
    const auto last_of = [&](const Path& path) {
      if (path.empty()) return block.source;
      return path.back().block ? path.back().block->sink : path.back().node;
    };
    const int p = last_of(block.paths[num_output]);
    const int q = last_of(block.paths[num_output + 1]);
    Node& through_dram = graph_.at(p);
    const auto it = std::find(through_dram.next.begin(), through_dram.next.end(), sink.id);
    if (it == through_dram.next.end()) return;
    through_dram.next.erase(it);
    through_dram.dram = true;
    sink.inputs = {q, p};
  }

  void evaluate(Block& block, std::int64_t avail, std::int64_t last) {
    if (++num_evaluations_ > kMaxEvaluations) throw PlanFailure("forks are nested too deeply");
    const std::size_t num_output = sort_paths(block, avail);
    const std::vector<std::int64_t> kept = choose_input_stationary(block, num_output, avail, last);

    const bool reduces = graph_.at(block.source).fused_pool >= 0;
    std::int64_t max_banks = reduces ? avail : std::numeric_limits<std::int64_t>::min();
    bool any_empty = false;
    std::size_t last_long = block.paths.size();
    for (std::size_t i = 0; i < block.paths.size(); ++i) {
      const Path& path = block.paths[i];
      any_empty |= path.empty();
      if (path.size() > 1) last_long = i;
      if (reduces) continue;
      max_banks = std::max(max_banks, kept[i]);
      for (std::size_t j = 0; j + 1 < path.size(); ++j)
        max_banks = std::max(max_banks, kept[i] + banks_of(path[j]));
    }
    std::int64_t output_banks = any_empty ? 0 : std::max<std::int64_t>(0, avail - 1 - max_banks);
    const Node& sink = graph_.at(block.sink);
    output_banks = std::min(output_banks, sink.num_fragments);

    if (sink.type == NodeType::kConcat) {
      for (const int input : sink.inputs) graph_.at(input).output_stationary = output_banks;
      choose_operands(block, num_output);
    } else {
      output_banks = 0;
      choose_operands(block, num_output);
      const Path& first = block.paths[0];
      if (!first.empty() && !first.back().block) graph_.at(first.back().node).output_stationary = 0;
    }
    block.max_banks = max_banks + (reduces || last_long != 0 ? output_banks : 0);
  }

  void flatten(const Path& path, std::vector<int>& order) const {
    for (const Element& element : path) {
      if (element.block) {
        for (const Path& inner : element.block->paths) flatten(inner, order);
      } else {
        order.push_back(element.node);
      }
    }
  }

  Graph& graph_;
  std::int64_t num_banks_;
  int num_evaluations_ = 0;
  int fork_depth_ = 0;
};

/// Checks that every layer occurs once, after its inputs.
void check_order(const Graph& graph, const std::vector<int>& order) {
  std::vector<bool> done(graph.nodes.size());
  done[0] = true;
  for (const int id : order) {
    const Node& node = graph.at(id);
    bool sound = !done[static_cast<std::size_t>(id)];
    for (const int input : node.inputs) sound = sound && done[static_cast<std::size_t>(input)];
    if (!sound) throw PlanFailure("the graph is not series-parallel");
    done[static_cast<std::size_t>(id)] = true;
  }
  for (const Node& node : graph.nodes)
    if (!done[static_cast<std::size_t>(node.id)] && node.tensor == node.id)
      throw PlanFailure("the graph is not series-parallel");
}

}  // namespace

std::vector<int> order_layers(Graph& graph) {
  std::vector<int> order = Orderer(graph).run();
  check_order(graph, order);
  return order;
}

}  // namespace tilewake::midap
