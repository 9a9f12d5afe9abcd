// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <set>
#include <vector>

#include "simulator/hardware/dram_config.hpp"
#include "simulator/mapping/midap/graph.hpp"
#include "simulator/mapping/midap/time_line.hpp"

namespace tilewake::midap {

struct Fragment {
  std::int64_t head = 0;
  std::int64_t tail = 0;
  friend bool operator==(const Fragment&, const Fragment&) = default;
};

/// Columns of a tensor that are stored (or will be stored) in a bank.
struct MapEntry {
  int tensor = -1;
  int bank = -1;
  Fragment fragment;
};

struct InputFragment {
  int bank = -1;
  Fragment fragment;
  bool successor_waits = false;  // its bank is assigned to a later fragment of the same layer
};

struct Action {
  enum class Kind { kLoad, kProcess };
  Kind kind = Kind::kLoad;
  int until = 0;              // number of input fragments loaded, or consumed, after it
  bool next_on_chip = false;  // kProcess: the fragment after the last one is on chip
};

/// The plan of one layer.
struct LayerPlan {
  int node = -1;
  bool reverse_write = false;
  bool input_flipped = false;
  int num_initial = 0;  // input fragments already on chip
  std::vector<InputFragment> input;
  std::vector<MapEntry> output;
  std::vector<Action> actions;
};

/// Allocates FMEM banks layer by layer ("hide DRAM latency": keep as much on chip as possible, and
/// choose between plans by a coarse time line). State carries over from layer to layer in
/// processing order.
class BankPlanner {
 public:
  BankPlanner(Graph& graph, const PlanningDram& dram);

  /// Plans `node`, which must not be a concat. A fused pool only maps its own output. Throws
  /// PlanFailure if the rules make no progress.
  LayerPlan plan(int node);

  /// First stored column of `tensor` that a consumer loads from DRAM; its width if there is none.
  std::int64_t pivot(int tensor) const { return pivots_[static_cast<std::size_t>(tensor)]; }

 private:
  /// Everything that a trial changes.
  struct State {
    std::deque<int> free;
    std::vector<MapEntry> map;
    std::set<int> reserved;
  };
  /// A layer during planning.
  struct Work {
    LayerPlan plan;
    int processed = 0;
    std::int64_t remain = 1;  // banks kept for input
    bool fixed = false;       // the output banks are final
    bool out_flip = false;
  };

  std::int64_t usable() const;
  std::vector<MapEntry> entries_of(int tensor) const;
  std::vector<Fragment> input_fragments(const Work& work, std::int64_t num) const;
  std::vector<Fragment> out_fragments(const Work& work, std::int64_t num) const;
  std::int64_t last_output(const Work& work, const Fragment& fragment, bool next_on_chip) const;
  std::int64_t num_pending(const Work& work) const;
  bool all_loaded(const Work& work) const;

  void begin(Work& work);
  void reserve_input(const Node& node);
  void map_concat_output(const Node& node);
  void search_remaining_banks(Work& work);
  void set_flip(Work& work, std::int64_t output_banks, std::int64_t remain);
  double run_steps(Work& work);
  bool load_step(Work& work, TimeLine& time);
  bool processable(Work& work);
  void process_step(Work& work, TimeLine& time);
  std::int64_t fix_output_banks(Work& work);
  int choose_fragments(const Work& work, std::int64_t num_ready, const TimeLine& time) const;
  void plan_fused_pool(Work& work);
  void finish(Work& work);
  void give_output_bank(Work& work, const Fragment& fragment);
  std::size_t num_output_banks(const Work& work) const;
  TimeLine fresh_time_line(const Work& work) const;

  const Node& node_of(const Work& work) const { return graph_.at(work.plan.node); }

  Graph& graph_;
  PlanningDram dram_;
  std::int64_t num_banks_;
  State state_;
  std::vector<bool> flipped_;  // a tensor's columns are stored in reverse
  std::vector<std::int64_t> pivots_;
  double previous_process_cycles_ = 0.0;
};

}  // namespace tilewake::midap
