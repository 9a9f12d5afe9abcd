// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/midap/bank_planner.hpp"

#include <algorithm>
#include <limits>

#include "simulator/common/math.hpp"

namespace tilewake::midap {
namespace {

/// Limit of the steps of one layer: a plan with more makes no progress.
constexpr int kMaxSteps = 100'000;

}  // namespace

BankPlanner::BankPlanner(Graph& graph, const PlanningDram& dram)
    : graph_(graph),
      dram_(dram),
      num_banks_(graph.config->fmem_num_banks),
      flipped_(graph.nodes.size(), false) {
  for (int bank = 0; bank < num_banks_; ++bank) state_.free.push_back(bank);
  for (const Node& node : graph.nodes) pivots_.push_back(node.width);
}

std::int64_t BankPlanner::usable() const {
  return num_banks_ - static_cast<std::int64_t>(state_.reserved.size());
}

std::vector<MapEntry> BankPlanner::entries_of(int tensor) const {
  std::vector<MapEntry> entries;
  for (const MapEntry& entry : state_.map)
    if (entry.tensor == tensor) entries.push_back(entry);
  return entries;
}

std::size_t BankPlanner::num_output_banks(const Work& work) const {
  return work.plan.output.size();
}

std::int64_t BankPlanner::num_pending(const Work& work) const {
  return static_cast<std::int64_t>(work.plan.input.size()) - work.processed;
}

bool BankPlanner::all_loaded(const Work& work) const {
  const Node& in = graph_.tensor_of(node_of(work).inputs[0]);
  return !work.plan.input.empty() && work.plan.input.back().fragment.tail == in.width;
}

/// The next pieces of the input to load, at most `num`. If everything loaded is processed, the
/// first one starts early enough for windows that cross the boundary.
std::vector<Fragment> BankPlanner::input_fragments(const Work& work, std::int64_t num) const {
  const Node& node = node_of(work);
  const Node& in = graph_.tensor_of(node.inputs[0]);
  std::int64_t head = work.plan.input.empty() ? 0 : work.plan.input.back().fragment.tail;
  if (num_pending(work) == 0 && work.processed > 0 && node.is_window() && !node.gemm &&
      node.kernel_width > 1) {
    const std::int64_t pad = work.plan.input_flipped ? node.padding.right : node.padding.left;
    const std::int64_t from =
        std::max<std::int64_t>(head - (node.kernel_width - 1) * node.dilation, 0);
    head = ceil_div(from - pad, node.stride) * node.stride + pad;
  }
  std::vector<Fragment> fragments;
  while (head < in.width && static_cast<std::int64_t>(fragments.size()) < num) {
    const std::int64_t tail = std::min(head + in.bank_columns, in.width);
    fragments.push_back({head, tail});
    head = tail;
  }
  return fragments;
}

/// The first `num` bank-sized pieces of the stored output. With a reverse write, the last one is
/// produced first.
std::vector<Fragment> BankPlanner::out_fragments(const Work& work, std::int64_t num) const {
  const Node& node = node_of(work);
  std::vector<Fragment> fragments;
  for (std::int64_t head = 0;
       head < node.width && static_cast<std::int64_t>(fragments.size()) < num;
       head += node.bank_columns)
    fragments.push_back({head, std::min(head + node.bank_columns, node.width)});
  if (work.plan.reverse_write) std::reverse(fragments.begin(), fragments.end());
  return fragments;
}

/// Stored column of the last output that can be computed from `fragment` and the earlier ones.
std::int64_t BankPlanner::last_output(const Work& work, const Fragment& fragment,
                                      bool next_on_chip) const {
  const Node& node = node_of(work);
  const bool reverse = work.plan.reverse_write;
  const std::int64_t in_width = graph_.tensor_of(node.inputs[0]).width;
  const std::int64_t x = fragment.tail - 1;
  if (x >= in_width - 1) return reverse ? 0 : node.width - 1;
  std::int64_t last = x;
  if (node.gemm) {
    last = x / node.height;
  } else if (node.is_window()) {
    const std::int64_t pad = work.plan.input_flipped ? node.padding.right : node.padding.left;
    const std::int64_t reach = next_on_chip ? 0 : (node.kernel_width - 1) * node.dilation;
    last = floor_div(x + pad - reach, node.stride);
  }
  last = std::min(last, node.width - 1);
  return reverse ? node.width - 1 - last : last;
}

void BankPlanner::reserve_input(const Node& node) {
  if (node.input_stationary < 0) return;
  const std::vector<MapEntry> entries = entries_of(graph_.at(node.inputs[0]).tensor);
  if (entries.empty()) return;
  state_.reserved.clear();
  for (std::size_t i = 0;
       i < entries.size() && static_cast<std::int64_t>(i) < node.input_stationary; ++i)
    state_.reserved.insert(entries[i].bank);
}

/// The branches of a concat share banks, which stay reserved until all have written.
void BankPlanner::map_concat_output(const Node& node) {
  const Node& target = graph_.at(node.next[0]);
  if (!entries_of(target.id).empty()) return;
  std::int64_t head = 0;
  for (std::int64_t i = 0; i < node.output_stationary && i < num_banks_ - 1; ++i) {
    if (head >= target.width || state_.free.empty()) break;
    const std::int64_t tail = std::min(head + target.bank_columns, target.width);
    const int bank = state_.free.front();
    state_.free.pop_front();
    state_.map.push_back({target.id, bank, {head, tail}});
    state_.reserved.insert(bank);
    head = tail;
  }
}

void BankPlanner::begin(Work& work) {
  const Node& node = node_of(work);
  const int in_tensor = graph_.at(node.inputs[0]).tensor;
  work.plan.input_flipped = flipped_[static_cast<std::size_t>(in_tensor)];
  const bool in_flip = work.plan.input_flipped;
  if (node.output_stationary < 0) {
    work.plan.reverse_write = node.num_fragments >= usable();
    work.out_flip = in_flip != work.plan.reverse_write;
  } else {
    work.plan.reverse_write = in_flip;
    work.out_flip = false;
  }
  for (const MapEntry& entry : entries_of(in_tensor))
    work.plan.input.push_back({entry.bank, entry.fragment, false});
  work.plan.num_initial = static_cast<int>(work.plan.input.size());
  reserve_input(node);
  if (node.next.empty()) {
    work.fixed = true;
  } else {
    work.fixed = node.output_stationary >= 0;
    if (node.output_stationary > 0) {
      map_concat_output(node);
      work.plan.output = entries_of(node.next[0]);
    }
  }
}

void BankPlanner::set_flip(Work& work, std::int64_t output_banks, std::int64_t remain) {
  const Node& node = node_of(work);
  if (output_banks < node.num_fragments && output_banks < usable() - remain)
    remain = usable() - output_banks;
  work.remain = remain;
  if (node.output_stationary < 0) {
    work.plan.reverse_write = node.num_fragments > usable() - remain;
    work.out_flip = work.plan.input_flipped != work.plan.reverse_write;
  }
}

TimeLine BankPlanner::fresh_time_line(const Work& work) const {
  return {describe_for_time_line(graph_, node_of(work), dram_.bytes_per_cycle), dram_,
          previous_process_cycles_};
}

/// Tries numbers of banks to keep for the input and takes the one with the least waiting.
void BankPlanner::search_remaining_banks(Work& work) {
  const Node& node = node_of(work);
  double best_delay = std::numeric_limits<double>::infinity();
  std::int64_t best_remain = 1;
  auto best_outputs = static_cast<std::int64_t>(num_output_banks(work));
  const auto mapped = static_cast<std::int64_t>(num_output_banks(work));
  for (std::int64_t remain = 1; remain < num_banks_ - mapped && best_delay > 0; ++remain) {
    const State saved = state_;
    Work trial = work;
    set_flip(trial, std::min(node.num_fragments, usable() - remain), remain);
    const double delay = run_steps(trial);
    if (delay < best_delay) {
      best_delay = delay;
      best_remain = remain;
      best_outputs = static_cast<std::int64_t>(num_output_banks(trial));
    }
    state_ = saved;
  }
  set_flip(work, best_outputs, best_remain);
}

double BankPlanner::run_steps(Work& work) {
  TimeLine time = fresh_time_line(work);
  for (int step = 0; !all_loaded(work) || num_pending(work) > 0; ++step) {
    if (step > kMaxSteps) throw PlanFailure("no progress in layer " + node_of(work).name);
    if (all_loaded(work) || !load_step(work, time)) {
      if (processable(work)) process_step(work, time);
    }
  }
  return time.delay();
}

bool BankPlanner::load_step(Work& work, TimeLine& time) {
  const auto num_free = static_cast<std::int64_t>(state_.free.size());
  std::vector<Fragment> candidates = input_fragments(work, num_free);
  if (!work.fixed) {
    std::vector<Fragment> wanted = out_fragments(work, usable() - work.remain);
    std::size_t produced = 0;  // leading elements of `wanted` already counted
    std::int64_t released = 0;
    std::int64_t need = 0;
    std::vector<Fragment> walk;
    for (std::size_t i = static_cast<std::size_t>(work.processed); i < work.plan.input.size(); ++i)
      walk.push_back(work.plan.input[i].fragment);
    walk.insert(walk.end(), candidates.begin(), candidates.end());
    for (std::size_t i = 0; i < walk.size(); ++i) {
      const std::int64_t last = last_output(work, walk[i], i + 1 != walk.size());
      const std::size_t before = produced;
      while (produced < wanted.size() && (work.plan.reverse_write ? last < wanted[produced].tail
                                                                  : last >= wanted[produced].head))
        ++produced;
      if (produced > before) {
        need = std::max(need, static_cast<std::int64_t>(produced - before) - released);
      } else {
        ++released;
      }
    }
    need -= static_cast<std::int64_t>(num_output_banks(work));
    need -= num_free - static_cast<std::int64_t>(candidates.size());
    if (need > num_free) {
      candidates.clear();
    } else if (need > 0) {
      candidates.resize(candidates.size() -
                        std::min(candidates.size(), static_cast<std::size_t>(need)));
    }
  }
  if (candidates.empty()) return false;

  const Node& node = node_of(work);
  const Node& in = graph_.tensor_of(node.inputs[0]);
  time.begin_loads();
  for (const Fragment& fragment : candidates) {
    const int bank = state_.free.front();
    state_.free.pop_front();
    const int id = static_cast<int>(work.plan.input.size());
    // Backwards: only the last entry of the bank is unmarked.
    const auto earlier = std::find_if(work.plan.input.rbegin(), work.plan.input.rend(),
                                      [&](const InputFragment& f) { return f.bank == bank; });
    if (earlier != work.plan.input.rend()) earlier->successor_waits = true;
    work.plan.input.push_back({bank, fragment, false});
    state_.map.push_back({in.id, bank, fragment});
    time.load(id, fragment.tail == in.width);
    reserve_input(node);
  }
  work.plan.actions.push_back(
      {Action::Kind::kLoad, static_cast<int>(work.plan.input.size()), false});
  return true;
}

/// False if the pending columns are fewer than a window needs; more banks are then kept for input.
bool BankPlanner::processable(Work& work) {
  const Node& node = node_of(work);
  if (!node.is_window()) return true;
  if (num_pending(work) == 0) return true;
  const Node& in = graph_.tensor_of(node.inputs[0]);
  const Fragment& first = work.plan.input[static_cast<std::size_t>(work.processed)].fragment;
  const Fragment& last = work.plan.input.back().fragment;
  // For a matrix, the reference compares rows with the width of the image.
  const std::int64_t width = node.gemm ? graph_.shape_of(node.inputs[0]).width : in.width;
  const std::int64_t pad = work.plan.input_flipped ? node.padding.right : node.padding.left;
  const std::int64_t columns = last.tail - first.head + (first.head == 0 ? pad : 0);
  if (last.tail != width && columns < (node.kernel_width - 1) * node.dilation + 1) {
    ++work.remain;
    return false;
  }
  return true;
}

void BankPlanner::give_output_bank(Work& work, const Fragment& fragment) {
  const MapEntry entry{graph_.at(work.plan.node).tensor, state_.free.front(), fragment};
  state_.free.pop_front();
  state_.map.push_back(entry);
  work.plan.output.push_back(entry);
}

/// Assigns free banks to the output. Returns how many pending fragments may be processed: those
/// whose outputs have a bank.
std::int64_t BankPlanner::fix_output_banks(Work& work) {
  const Node& node = node_of(work);
  const Node& in = graph_.tensor_of(node.inputs[0]);
  const bool tight = in.num_fragments + node.num_fragments > num_banks_;
  const std::vector<Fragment> wanted =
      out_fragments(work, std::max<std::int64_t>(usable() - (tight ? work.remain : 0), 0));
  if (work.fixed) return num_pending(work);

  const auto is_mapped = [&](const Fragment& fragment) {
    return std::any_of(work.plan.output.begin(), work.plan.output.end(),
                       [&](const MapEntry& entry) { return entry.fragment == fragment; });
  };
  for (const Fragment& fragment : wanted) {
    if (state_.free.empty()) break;
    if (!is_mapped(fragment)) give_output_bank(work, fragment);
  }
  const std::size_t num_mapped = num_output_banks(work);
  if (num_mapped >= wanted.size()) {
    work.fixed = true;
    return num_pending(work);
  }
  const bool reverse = work.plan.reverse_write;
  const Fragment& critical = wanted[std::min(num_mapped, wanted.size() - 1)];
  const std::int64_t limit = reverse ? critical.tail : critical.head;
  std::int64_t num_ready = 0;
  for (std::int64_t i = 0; i < num_pending(work); ++i) {
    const auto& fragment = work.plan.input[static_cast<std::size_t>(work.processed + i)].fragment;
    const std::int64_t last = last_output(work, fragment, i + 1 != num_pending(work));
    if (reverse ? last < limit : last >= limit) break;
    ++num_ready;
  }
  if (num_ready > 0) return num_ready;
  if (!reverse) {
    work.fixed = true;
    return 0;
  }
  // Restart with one bank less for the output.
  std::vector<int> returned;
  for (const MapEntry& entry : work.plan.output) {
    returned.push_back(entry.bank);
    std::erase_if(state_.map, [&](const MapEntry& e) {
      return e.bank == entry.bank && e.tensor == entry.tensor;
    });
  }
  state_.free.insert(state_.free.begin(), returned.begin(), returned.end());
  work.plan.output.clear();
  ++work.remain;
  const std::int64_t kept_for_input = usable() - static_cast<std::int64_t>(state_.free.size());
  if (work.remain >= kept_for_input) {
    work.fixed = true;
    for (const Fragment& fragment : out_fragments(work, usable() - kept_for_input)) {
      if (state_.free.empty()) break;
      give_output_bank(work, fragment);
    }
  }
  return 0;
}

int BankPlanner::choose_fragments(const Work& work, std::int64_t num_ready,
                                  const TimeLine& time) const {
  const Node& node = node_of(work);
  const bool loaded = all_loaded(work);
  const std::int64_t pending = num_pending(work);
  std::int64_t most = std::min(std::max<std::int64_t>(pending - (loaded ? 0 : 1), 1), num_ready);
  if (node.type == NodeType::kElementwise) return static_cast<int>(most);
  if (node.type == NodeType::kPool &&
      graph_.network->layers[static_cast<std::size_t>(node.layer)].op == Op::kGlobalAvgPool)
    return static_cast<int>(most);
  if (node.type == NodeType::kPool) return static_cast<int>(std::min<std::int64_t>(most, 1));
  if (node.type == NodeType::kDepthwise) most = std::min<std::int64_t>(most, 1);

  const int begin = work.processed;
  const bool ends_tensor = loaded && num_ready == pending;
  int best = 0;
  double best_delay = std::numeric_limits<double>::infinity();
  for (int n = static_cast<int>(most); n >= 1 && best_delay > 0; --n) {
    const int end = begin + n;
    const auto all = begin + static_cast<int>(pending);
    const double delay = ends_tensor && n + 1 == most
                             ? time.predicted_delay(begin, end, all, true)
                             : time.predicted_delay(begin, end, ends_tensor && end == all);
    if (delay < best_delay) {
      best_delay = delay;
      best = n;
    }
  }
  return best;
}

void BankPlanner::process_step(Work& work, TimeLine& time) {
  const int n = choose_fragments(work, fix_output_banks(work), time);
  if (n == 0) return;
  const int begin = work.processed;
  const int end = begin + n;
  const int in_tensor = graph_.at(node_of(work).inputs[0]).tensor;
  time.process(begin, end, all_loaded(work) && end == static_cast<int>(work.plan.input.size()));
  work.plan.actions.push_back(
      {Action::Kind::kProcess, end, end < static_cast<int>(work.plan.input.size())});
  for (int i = begin; i < end; ++i) {
    const InputFragment& fragment = work.plan.input[static_cast<std::size_t>(i)];
    if (state_.reserved.contains(fragment.bank)) continue;
    state_.free.push_back(fragment.bank);
    std::erase_if(state_.map, [&](const MapEntry& entry) {
      return entry.tensor == in_tensor && entry.bank == fragment.bank;
    });
  }
  work.processed = end;
}

void BankPlanner::plan_fused_pool(Work& work) {
  const Node& node = node_of(work);
  if (work.fixed) return;
  const Node& in = graph_.tensor_of(node.inputs[0]);
  const bool tight = in.num_fragments + node.num_fragments > num_banks_;
  for (const Fragment& fragment : out_fragments(work, usable() - (tight ? 1 : 0))) {
    if (state_.free.empty()) break;
    give_output_bank(work, fragment);
  }
}

void BankPlanner::finish(Work& work) {
  const Node& node = node_of(work);
  if (node.input_stationary <= 0) {
    for (const int input : node.inputs) {
      const int tensor = graph_.at(input).tensor;
      for (const MapEntry& entry : entries_of(tensor)) {
        state_.free.push_back(entry.bank);
        state_.reserved.erase(entry.bank);
      }
      std::erase_if(state_.map, [&](const MapEntry& entry) { return entry.tensor == tensor; });
    }
  }
  if (work.plan.reverse_write && node.tensor == node.id) {
    const std::vector<MapEntry> entries = entries_of(node.id);
    std::erase_if(state_.map, [&](const MapEntry& entry) { return entry.tensor == node.id; });
    state_.map.insert(state_.map.end(), entries.rbegin(), entries.rend());
  }
  flipped_[static_cast<std::size_t>(node.tensor)] = node.tensor == node.id && work.out_flip;
}

LayerPlan BankPlanner::plan(int id) {
  Work work;
  work.plan.node = id;
  begin(work);
  const Node& node = node_of(work);
  if (node.type == NodeType::kFusedPool) {
    plan_fused_pool(work);
  } else {
    if (node.type != NodeType::kElementwise) search_remaining_banks(work);
    run_steps(work);
    const auto first_loaded = static_cast<std::size_t>(work.plan.num_initial);
    if (first_loaded < work.plan.input.size()) {
      std::int64_t& pivot = pivots_[static_cast<std::size_t>(graph_.at(node.inputs[0]).tensor)];
      pivot = std::min(pivot, work.plan.input[first_loaded].fragment.head);
    }
    const TimeLineLayer layer = describe_for_time_line(graph_, node, dram_.bytes_per_cycle);
    int last_begin = 0;
    int last_end = 0;
    for (const Action& action : work.plan.actions) {
      if (action.kind != Action::Kind::kProcess) continue;
      last_begin = last_end;
      last_end = action.until;
    }
    previous_process_cycles_ =
        static_cast<double>(last_end - last_begin - 1) * layer.full_compute + layer.last_compute;
  }
  finish(work);
  return work.plan;
}

}  // namespace tilewake::midap
