// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/tiled/tiled_core.hpp"

#include <iterator>
#include <utility>
#include <variant>

#include "simulator/engine/clock.hpp"
#include "simulator/engine/memory/simple_controllers.hpp"
#include "simulator/mapping/tiled/tiling_estimate.hpp"

namespace tilewake::tiled {
namespace {

// Maximum look-ahead of the loader in steps; the slots of the buffers allow fewer, except for steps
// without loads.
constexpr std::size_t kMaxAhead = 16;

// A core that runs ahead lets the kernel catch up after so many steps, so that a run can be
// stopped.
constexpr std::int64_t kMaxStepsAhead = 1024;

// Different durations of a layer's steps that are kept.
constexpr std::size_t kMaxDurations = 8;

// Transfers of the feature port have ids above those of the DRAM's.
constexpr std::int64_t kFirstPortId = std::int64_t{1} << 62;

}  // namespace

TiledCore::TiledCore(const sc_core::sc_module_name& name, const FeatureMemory& features,
                     std::unique_ptr<MemoryController> memory)
    : sc_module(name),
      dma_("dma", std::move(memory)),
      feature_port_("feature_port", std::make_unique<PortController>(features.bytes_per_cycle),
                    Unit::kFeatureMemory) {
  SC_THREAD(serve);
}

void TiledCore::start(const Program& program, EventSink& sink) {
  program_ = &std::get<TiledProgram>(program.core);
  dispatch_ = program.dispatch;
  sink_ = &sink;
  dma_.reset(sink, *this);
  feature_port_.reset(sink, *this, kFirstPortId);
  loader_layer_ = 0;
  loader_walk_.reset();
  ahead_.clear();
  first_ahead_ = 0;
  inputs_in_use_ = weights_in_use_ = 0;
  parts_.clear();
  first_part_ = 0;
  computing_part_ = -1;
  layers_.assign(program_->layers.size(), {});
  owners_.clear();
  endings_.clear();
  runs_ahead_ = dma_.can_move() && feature_port_.can_move();
  memory_of_buffer_ = program_->memory.memory_of_buffer();
  for (Occupancy& buffer : occupancy_) buffer.reset(sink);
  for (auto& tiles : tile_bytes_) tiles.clear();
  output_slot_bytes_.assign(program_->layers.size(), 0);
  started_.notify(sc_core::SC_ZERO_TIME);
}

void TiledCore::serve() {
  while (true) {
    if (program_ == nullptr) wait(started_);  // may be set before the first start
    if (program_ == nullptr) continue;
    const int num_layers = static_cast<int>(program_->layers.size());
    now_ = now_cycles();
    std::int64_t begin = now_;
    for (int i = 0; i < num_layers; ++i) {
      // The copies of a concat are one layer for other modules.
      const int id = layer(i).program_layer;
      if (i == 0) dispatch(id, dispatch_.inference_cycles);
      load_ahead();
      if (i == 0 || layer(i - 1).program_layer != id) dispatch(id, dispatch_.layer_cycles);
      run_layer(i);
      if (i + 1 < num_layers && layer(i + 1).program_layer == id) continue;
      if (i + 1 == num_layers)
        while (!owners_.empty() || !endings_.empty()) stall_until_progress(Cause::kWrite, id);
      catch_up();
      sink_->on_event({Unit::kSequencer, EventKind::kLayer, Cause::kNone, 0, id, begin, now_, 0});
      begin = now_;
    }
    program_ = nullptr;
  }
}

void TiledCore::dispatch(int program_layer, std::int64_t duration) {
  if (duration == 0) return;
  const std::int64_t begin = now_;
  pass(duration);
  sink_->on_event({Unit::kPeArray, EventKind::kDispatch, Cause::kNone, 0, program_layer, begin,
                   now_, duration});
}

void TiledCore::run_layer(int index) {
  const TiledLayer& l = layer(index);
  bool last = false;
  durations_.clear();
  while (!last) {
    if (first_ahead_ % kMaxStepsAhead == 0) catch_up();
    wait_for_step(l.program_layer);
    const Ahead& current = ahead_.front();
    const TileStep& step = current.step;
    last = step.context.last;
    if (step.opens_output) ++computing_part_;
    const std::int64_t duration = duration_of(l, step);
    const std::int64_t begin = now_;
    pass(duration);
    Event event{Unit::kPeArray, EventKind::kCompute, Cause::kNone, 0, l.program_layer, begin, now_,
                duration};
    event.step = first_ahead_;
    sink_->on_event(event);
    if (occupancy_[0].is_wanted()) report_vector_unit(l, step);
    finish_step(current);
    ahead_.pop_front();
    ++first_ahead_;
    load_ahead();
  }
}

std::int64_t TiledCore::duration_of(const TiledLayer& layer, const TileStep& step) {
  const TileExtent extent = step.block.extent();
  for (const Duration& known : durations_)
    if (known.extent == extent && known.context == step.context) return known.cycles;
  const std::int64_t cycles = program_->cost->cycles(layer.problem, extent, step.context);
  if (durations_.size() < kMaxDurations) durations_.push_back({extent, step.context, cycles});
  return cycles;
}

void TiledCore::wait_for_step(int program_layer) {
  load_ahead();
  while (ahead_.empty() || ahead_.front().phase != Phase::kIssued ||
         ahead_.front().loads_under_way > 0)
    stall_until_progress(what_is_missing(), program_layer);
}

void TiledCore::report_vector_unit(const TiledLayer& layer, const TileStep& step) {
  const std::int64_t duration =
      program_->cost->vector_unit_cycles(layer.problem, step.block.extent(), step.context);
  if (duration == 0) return;
  sink_->on_event({Unit::kVectorUnit, EventKind::kVector, Cause::kNone, 0, layer.program_layer,
                   now_ - duration, now_, duration});
}

/// A slot is as large as the largest part of its layer, with partial sums and second operands, on
/// every core.
std::int64_t TiledCore::output_slot_bytes(int index) {
  if (!occupancy_[0].is_wanted()) return 0;
  std::int64_t& bytes = output_slot_bytes_[static_cast<std::size_t>(index)];
  if (bytes == 0) {
    const TiledLayer& l = layer(index);
    bytes = l.tiling.division.num_cores * footprint_of(l.problem, cuts_of(l.problem, l.tiling),
                                                       l.tiling, *program_->cost,
                                                       program_->memory.accumulator_bytes)
                                              .output;
  }
  return bytes;
}

Cause TiledCore::what_is_missing() const {
  if (ahead_.empty()) return Cause::kFeatures;
  const Ahead& next = ahead_.front();
  if (next.weights_under_way > 0 || next.phase == Phase::kWeights) return Cause::kWeights;
  return next.phase == Phase::kOutputSlot ? Cause::kWrite : Cause::kFeatures;
}

void TiledCore::stall_until_progress(Cause cause, int program_layer) {
  const std::int64_t begin = now_;
  if (!endings_.empty()) {
    run_ahead(endings_.front().time);
  } else {
    wait(progress_);
    now_ = now_cycles();
  }
  if (now_ > begin)
    sink_->on_event({Unit::kPeArray, EventKind::kStall, cause, 0, program_layer, begin, now_, 0});
}

void TiledCore::pass(std::int64_t duration) {
  if (runs_ahead_) return run_ahead(now_ + duration);
  wait(cycles(duration));
  now_ = now_cycles();
}

/// Completes all transfers that end by `time`, as the kernel would before it resumes the core.
void TiledCore::run_ahead(std::int64_t time) {
  while (!endings_.empty() && endings_.front().time <= time) {
    const Ending ending = endings_.front();
    endings_.pop_front();
    now_ = ending.time;
    complete(ending.owner);
  }
  now_ = time;
}

/// Lets the kernel reach the time of the core.
void TiledCore::catch_up() {
  if (now_ > now_cycles()) wait(cycles(now_ - now_cycles()));
}

void TiledCore::finish_step(const Ahead& done) {
  const TileStep& step = done.step;
  const TiledLayer& l = layer(done.layer);
  if (step.frees_input) {
    --inputs_in_use_;
    free_tile(kInput);
  }
  if (step.frees_weights && l.problem.has_weights()) {
    --weights_in_use_;
    free_tile(kWeight);
  }
  const TileExtent extent = step.block.extent();
  if (step.context.ends_depth && l.problem.stored_bytes(extent) > 0)
    store(done.layer, l.output_address + l.problem.output_offset(step.block),
          l.problem.stored_bytes(extent), l.problem.on_chip().output);
  if (step.spills_sums) {
    const std::int64_t size = program_->memory.accumulator_bytes;
    store(done.layer, l.sums_address + size * l.problem.first_output(step.block),
          size * extent.num_outputs(), false);
  }
  if (step.context.last) layers_[static_cast<std::size_t>(done.layer)].computed = true;
  if (step.closes_output) {
    parts_[static_cast<std::size_t>(computing_part_ - first_part_)].closed = true;
    release_parts();
  }
}

void TiledCore::hold_tile(Buffer buffer, std::int64_t bytes) {
  if (!occupancy_[0].is_wanted()) return;
  tile_bytes_[buffer].push_back(bytes);
  occupancy(buffer).add(bytes);
}

void TiledCore::free_tile(Buffer buffer) {
  if (!occupancy_[0].is_wanted()) return;
  occupancy(buffer).add(-tile_bytes_[buffer].front());
  tile_bytes_[buffer].pop_front();
}

void TiledCore::store(int index, std::int64_t address, std::int64_t bytes, bool on_chip) {
  Transfer transfer{true, address, bytes, layer(index).program_layer, Cause::kWrite};
  transfer.step = first_ahead_;
  request(transfer, on_chip, {false, false, computing_part_, index});
  ++parts_[static_cast<std::size_t>(computing_part_ - first_part_)].stores_under_way;
  ++layers_[static_cast<std::size_t>(index)].stores_under_way;
}

void TiledCore::request(const Transfer& transfer, bool on_chip, const Owner& owner) {
  TransferDma& dma = on_chip ? feature_port_ : dma_;
  if (!runs_ahead_) {
    owners_[dma.submit(transfer)] = owner;
    return;
  }
  const std::int64_t end = dma.move(transfer, now_);
  auto after = endings_.end();  // almost always here
  while (after != endings_.begin() && std::prev(after)->time > end) --after;
  endings_.insert(after, {end, owner});
}

void TiledCore::release_parts() {
  while (!parts_.empty() && parts_.front().closed && parts_.front().stores_under_way == 0) {
    occupancy(kOutput).add(-parts_.front().bytes);
    parts_.pop_front();
    ++first_part_;
  }
}

void TiledCore::load_ahead() {
  while (true) {
    if (ahead_.empty() || ahead_.back().phase == Phase::kIssued) {
      if (ahead_.size() >= kMaxAhead || !begin_next_step()) return;
    }
    if (!do_phase(ahead_.back())) return;
  }
}

bool TiledCore::begin_next_step() {
  if (loader_walk_) loader_walk_->next();
  if (loader_walk_ && loader_walk_->done()) {
    loader_walk_.reset();
    ++loader_layer_;
  }
  if (loader_layer_ == static_cast<int>(program_->layers.size())) return false;
  if (!loader_walk_) {
    const TiledLayer& l = layer(loader_layer_);
    loader_walk_.emplace(l.problem, l.tiling, program_->cost->stationary(l.problem));
  }
  ahead_.push_back({loader_layer_, loader_walk_->step()});
  return true;
}

bool TiledCore::do_phase(Ahead& ahead) {
  const TiledLayer& l = layer(ahead.layer);
  const TileProblem& problem = l.problem;
  const TileStep& step = ahead.step;
  const TileMemory& memory = program_->memory;
  const std::int64_t number = first_ahead_ + static_cast<std::int64_t>(ahead_.size()) - 1;
  switch (ahead.phase) {
    case Phase::kWeights:
      if (problem.has_weights() && step.loads_weights) {
        if (weights_in_use_ == memory.weight.num_slots || !are_stored(l.weights_from)) return false;
        ++weights_in_use_;
        hold_tile(kWeight, problem.weight_bytes(step.block));
        load(ahead, number, Cause::kWeights, l.weight_address + problem.weight_offset(step.block),
             problem.weight_bytes(step.block), program_->loads_weights_on_chip(l, step));
      }
      ahead.phase = Phase::kInput;
      return true;
    case Phase::kInput:
      if (step.loads_input) {
        if (inputs_in_use_ == memory.input.num_slots || !are_stored(l.reads_from)) return false;
        ++inputs_in_use_;
        hold_tile(kInput, problem.kept_bytes(step.block));
        load(ahead, number, Cause::kFeatures, l.input_address + problem.input_offset(step.block),
             problem.input_bytes(step.block), problem.on_chip().input);
      }
      ahead.phase = Phase::kOutputSlot;
      return true;
    case Phase::kOutputSlot:
      if (step.opens_output) {
        if (static_cast<std::int64_t>(parts_.size()) == memory.output.num_slots) return false;
        parts_.emplace_back().bytes = output_slot_bytes(ahead.layer);
        occupancy(kOutput).add(parts_.back().bytes);
      }
      ahead.phase = Phase::kSecond;
      return true;
    case Phase::kSecond:
      if (problem.has_second() && step.context.ends_depth)
        load(ahead, number, Cause::kFeatures, l.second_address + problem.second_offset(step.block),
             problem.second_bytes(step.block), problem.on_chip().second);
      ahead.phase = Phase::kSums;
      return true;
    case Phase::kSums:
      // Spilled sums are in DRAM: a tile is read back two steps later or more, and the output
      // buffer holds at most as many parts as it has slots, so this tile's part has been stored.
      if (step.loads_sums) {
        const std::int64_t size = memory.accumulator_bytes;
        load(ahead, number, Cause::kFeatures,
             l.sums_address + size * problem.first_output(step.block),
             size * step.block.extent().num_outputs(), false);
      }
      ahead.phase = Phase::kIssued;
      return true;
    case Phase::kIssued:
      break;
  }
  return true;
}

void TiledCore::load(Ahead& ahead, std::int64_t number, Cause cause, std::int64_t address,
                     std::int64_t bytes, bool on_chip) {
  Transfer transfer{false, address, bytes, layer(ahead.layer).program_layer, cause};
  transfer.step = number;
  request(transfer, on_chip, {true, cause == Cause::kWeights, number, ahead.layer});
  ++ahead.loads_under_way;
  if (cause == Cause::kWeights) ++ahead.weights_under_way;
}

bool TiledCore::are_stored(const std::vector<int>& layers) const {
  for (const int writer : layers) {
    const LayerState& state = layers_[static_cast<std::size_t>(writer)];
    if (!state.computed || state.stores_under_way > 0) return false;
  }
  return true;
}

void TiledCore::on_transfer_done(std::int64_t id) {
  const auto found = owners_.find(id);
  const Owner owner = found->second;
  owners_.erase(found);
  now_ = now_cycles();
  complete(owner);
  progress_.notify(sc_core::SC_ZERO_TIME);
}

void TiledCore::complete(const Owner& owner) {
  if (owner.is_load) {
    Ahead& ahead = ahead_[static_cast<std::size_t>(owner.number - first_ahead_)];
    --ahead.loads_under_way;
    if (owner.is_weights) --ahead.weights_under_way;
  } else {
    --parts_[static_cast<std::size_t>(owner.number - first_part_)].stores_under_way;
    --layers_[static_cast<std::size_t>(owner.layer)].stores_under_way;
    release_parts();
  }
  load_ahead();
}

}  // namespace tilewake::tiled
