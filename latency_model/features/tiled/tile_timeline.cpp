// SPDX-License-Identifier: Apache-2.0
#include "latency_model/features/tiled/tile_timeline.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "simulator/common/math.hpp"

namespace tilewake::tiled {
namespace {

/// First in, first out, in one vector.
template <typename T>
class Fifo {
 public:
  bool empty() const { return begin_ == values_.size(); }
  const T& front() const { return values_[begin_]; }
  void push_back(const T& value) { values_.push_back(value); }
  void pop_front() {
    if (++begin_ < kMostUnused && begin_ < values_.size()) return;
    values_.erase(values_.begin(), values_.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = 0;
  }
  auto begin() const { return values_.begin() + static_cast<std::ptrdiff_t>(begin_); }
  auto end() const { return values_.end(); }

 private:
  static constexpr std::size_t kMostUnused = 256;
  std::vector<T> values_;
  std::size_t begin_ = 0;
};

/// Times when the slots of a buffer become free; each content takes the slot freed first.
class Slots {
 public:
  explicit Slots(std::int64_t num_slots) {
    for (std::int64_t i = 0; i < num_slots; ++i) free(0.0);
  }

  bool has_free() const { return !free_at_.empty(); }
  double next_free() const { return free_at_.front(); }
  void take() { free_at_.pop_front(); }
  void free(double at) { free_at_.push_back(at); }

 private:
  Fifo<double> free_at_;
};

/// The last results of a function of few arguments: steps of a layer repeat.
template <typename Key, typename Value>
class LastResults {
 public:
  void clear() { size_ = 0; }
  template <typename Calculate>
  const Value& of(const Key& key, Calculate calculate) {
    for (std::size_t i = 0; i < size_; ++i)
      if (entries_[i].first == key) return entries_[i].second;
    const std::size_t at = size_ < entries_.size() ? size_++ : next_++ % entries_.size();
    entries_[at] = {key, calculate()};
    return entries_[at].second;
  }

 private:
  std::array<std::pair<Key, Value>, 4> entries_;
  std::size_t size_ = 0;
  std::size_t next_ = 0;
};

class Timeline {
 public:
  Timeline(const TiledProgram& program, const DramEstimate& dram, const DispatchConfig& dispatch)
      : program_(program),
        dram_(dram),
        dispatch_(dispatch),
        input_(program.memory.input.num_slots),
        weight_(program.memory.weight.num_slots),
        output_(program.memory.output.num_slots),
        stored_(program.layers.size(), 0.0) {}

  std::vector<LayerCycles> run() {
    std::vector<LayerCycles> cycles(program_.layers.size());
    for (std::size_t i = 0; i < program_.layers.size(); ++i) run_layer(i, cycles[i]);
    serve_all_stores();
    if (!cycles.empty())
      cycles.back().write_wait += std::max(0.0, std::max(bus_free_, port_free_) - now_);
    return cycles;
  }

 private:
  struct Store {
    double issued = 0.0;
    std::int64_t bytes = 0;
    std::size_t layer = 0;
    bool closes_output = false;
    bool is_empty = false;
    bool on_chip = false;
  };

  double transfer(double issued, std::int64_t bytes, double latency, bool on_chip) {
    if (on_chip) {
      const std::int64_t cycles = ceil_div(bytes, program_.memory.features.bytes_per_cycle);
      port_free_ = std::max(issued, port_free_) + static_cast<double>(cycles);
      return port_free_;
    }
    const double cycles = transfer_cycles_.of(bytes, [&] { return dram_.transfer_cycles(bytes); });
    bus_free_ = std::max(issued + latency, bus_free_) + cycles;
    return bus_free_;
  }

  void serve_stores(double requested_by) {
    while (!stores_.empty() && stores_.front().issued <= requested_by) serve_store();
  }
  void serve_all_stores() {
    while (!stores_.empty()) serve_store();
  }

  void serve_store() {
    const Store store = stores_.front();
    stores_.pop_front();
    const double end =
        store.is_empty ? store.issued : transfer(store.issued, store.bytes, 0.0, store.on_chip);
    part_end_ = std::max(part_end_, end);
    if (store.closes_output) {
      output_.free(part_end_);
      part_end_ = 0.0;
    }
    stored_[store.layer] = std::max(stored_[store.layer], end);
  }

  double load(double issued, std::int64_t bytes, bool on_chip = false) {
    serve_stores(issued);
    const double latency =
        on_chip ? 0.0 : latencies_.of(bytes, [&] { return dram_.latency_cycles(bytes); });
    return transfer(issued, bytes, latency, on_chip);
  }

  void run_layer(std::size_t index, LayerCycles& cycles) {
    const TiledLayer& l = program_.layers[index];
    wait_for_dispatch(index, cycles);
    durations_.clear();
    for (TileWalk walk(l.problem, l.tiling, program_.cost->stationary(l.problem)); !walk.done();
         walk.next())
      run_step(index, walk.step(), cycles);
  }

  /// The copies of a concat are one layer. Loads go on, except before the first layer.
  void wait_for_dispatch(std::size_t index, LayerCycles& cycles) {
    if (index == 0) {
      cycles.dispatch = static_cast<double>(dispatch_.inference_cycles);
      now_ = loader_ = cycles.dispatch;
    } else if (program_.layers[index - 1].program_layer == program_.layers[index].program_layer) {
      return;
    }
    cycles.dispatch += static_cast<double>(dispatch_.layer_cycles);
    now_ += static_cast<double>(dispatch_.layer_cycles);
  }

  bool is_storing(std::size_t layer) const {
    return std::any_of(stores_.begin(), stores_.end(),
                       [&](const Store& store) { return store.layer == layer; });
  }

  /// When all stores of the `layers` of the program have ended.
  double stored(const std::vector<int>& layers) {
    double at = 0.0;
    for (const int writer : layers) {
      while (is_storing(static_cast<std::size_t>(writer))) serve_store();
      at = std::max(at, stored_[static_cast<std::size_t>(writer)]);
    }
    return at;
  }

  void run_step(std::size_t index, const TileStep& step, LayerCycles& cycles) {
    const TiledLayer& l = program_.layers[index];
    const TileProblem& problem = l.problem;
    double weights_at = 0.0;
    double features_at = 0.0;
    double slot_at = 0.0;
    if (problem.has_weights() && step.loads_weights) {
      if (step.context.first) loader_ = std::max(loader_, stored(l.weights_from));
      loader_ = std::max(loader_, weight_.next_free());
      weight_.take();
      weights_at =
          load(loader_, problem.weight_bytes(step.block), program_.loads_weights_on_chip(l, step));
    }
    if (step.loads_input) {
      if (step.context.first) loader_ = std::max(loader_, stored(l.reads_from));
      loader_ = std::max(loader_, input_.next_free());
      input_.take();
      features_at = load(loader_, problem.input_bytes(step.block), problem.on_chip().input);
    }
    if (step.opens_output) {
      while (!output_.has_free()) serve_store();
      slot_at = output_.next_free();
      loader_ = std::max(loader_, slot_at);
      output_.take();
    }
    if (problem.has_second() && step.context.ends_depth)
      features_at = std::max(
          features_at, load(loader_, problem.second_bytes(step.block), problem.on_chip().second));
    if (step.loads_sums)
      features_at = std::max(features_at, load(loader_, program_.memory.accumulator_bytes *
                                                            step.block.extent().num_outputs()));
    wait_for(weights_at, features_at, slot_at, cycles);
    const TileExtent extent = step.block.extent();
    const double duration = durations_.of({extent, step.context}, [&] {
      return static_cast<double>(program_.cost->cycles(problem, extent, step.context));
    });
    cycles.compute += duration;
    now_ += duration;
    finish(index, step);
  }

  void wait_for(double weights_at, double features_at, double slot_at, LayerCycles& cycles) {
    const double start = std::max({now_, weights_at, features_at, slot_at});
    const double wait = start - now_;
    if (wait <= 0.0) return;
    if (start == slot_at) {
      cycles.write_wait += wait;
    } else if (start == weights_at) {
      cycles.weight_wait += wait;
    } else {
      cycles.feature_wait += wait;
    }
    now_ = start;
  }

  void finish(std::size_t index, const TileStep& step) {
    const TiledLayer& l = program_.layers[index];
    if (step.frees_input) input_.free(now_);
    if (step.frees_weights && l.problem.has_weights()) weight_.free(now_);
    const TileExtent extent = step.block.extent();
    if (step.context.ends_depth && l.problem.stored_bytes(extent) > 0) {
      stores_.push_back({now_, l.problem.stored_bytes(extent), index, step.closes_output, false,
                         l.problem.on_chip().output});
    } else if (step.spills_sums) {
      stores_.push_back({now_, extent.num_outputs() * program_.memory.accumulator_bytes, index,
                         step.closes_output, false, false});
    } else if (step.closes_output) {
      stores_.push_back({now_, 0, index, true, true, false});
    }
  }

  const TiledProgram& program_;
  const DramEstimate dram_;
  const DispatchConfig dispatch_;
  LastResults<std::pair<TileExtent, TileContext>, double> durations_;  // of the current layer
  LastResults<std::int64_t, double> latencies_;                        // by bytes
  LastResults<std::int64_t, double> transfer_cycles_;                  // by bytes
  Slots input_;
  Slots weight_;
  Slots output_;
  std::vector<double> stored_;  // by layer: end of its last store
  Fifo<Store> stores_;          // requested, not served yet
  double now_ = 0.0;            // the PE array
  double loader_ = 0.0;         // earliest time of the next request; requests leave in order
  double bus_free_ = 0.0;
  double port_free_ = 0.0;  // of the memory of feature maps
  double part_end_ = 0.0;
};

}  // namespace

std::vector<LayerCycles> tile_timeline(const TiledProgram& program, const DramEstimate& dram,
                                       const DispatchConfig& dispatch) {
  return Timeline(program, dram, dispatch).run();
}

}  // namespace tilewake::tiled
