// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "simulator/engine/events.hpp"
#include "simulator/hardware/hardware_config.hpp"
#include "simulator/mapping/midap/midap_program.hpp"
#include "tests/engine/layer_cost.hpp"
#include "tests/engine/slow_bus.hpp"
#include "tests/engine/slow_slots.hpp"

namespace tilewake::slow {

/// A PROCESS that was set up; its slots are issued when a later behaviour needs them to be.
struct Computation {
  const MidapBehaviour* process = nullptr;
  int first_fragment = 0;
  bool first = false;
  bool last = false;
  std::int64_t num_passes = 0;
  std::int64_t pass = -1;
  std::vector<Slot> slots;  // of the pass
  std::size_t next = 0;
};

/// MIDAP in plain loops, one cycle of its pipe after another: what the engine computes in steps as
/// long as possible, this computes as the rules read (simulator/engine/README.md).
class SlowMidap {
 public:
  explicit SlowMidap(const HardwareConfig& hardware)
      : config_(std::get<MidapConfig>(hardware.core)),
        dispatch_(hardware.dispatch),
        bus_(std::get<LatencyBandwidthDramConfig>(hardware.dram), config_.fmem_num_banks) {}

  /// Runs an empty machine through the program; the cost of each of its layers.
  std::vector<LayerCost> run(const MidapProgram& program) {
    std::vector<LayerCost> costs;
    int before = kNone;
    for (const MidapLayer& layer : program.layers) {
      const std::int64_t begin = now_;
      if (before == kNone) now_ += dispatch_.inference_cycles;
      if (layer.program_layer != before) now_ += dispatch_.layer_cycles;
      before = layer.program_layer;
      cost_ = {};
      run_layer(layer);
      cost_.cycles = now_ - begin;
      costs.push_back(cost_);
    }
    return costs;
  }

  /// Fills that were forgotten because an output was written over them. The engine leaves this rule
  /// out: programs that make sense do not load what they overwrite.
  int discarded_fills() const { return discarded_fills_; }

 private:
  static constexpr int kNone = -1;

  bool narrow() const {
    return layer_->kind == MidapKind::kGemm || layer_->kind == MidapKind::kConv;
  }
  std::int64_t lanes() const { return narrow() ? config_.num_cims : config_.system_width; }

  void run_layer(const MidapLayer& layer) {
    layer_ = &layer;
    computation_.reset();
    bubble_free_ = false;
    last_slot_ = {};
    weights_read_ = {kNone, kNone};
    biased_group_ = kNone;
    start_weights();
    int consumed = 0;
    bool first = true;
    for (const MidapBehaviour& behaviour : layer.behaviours) {
      if (behaviour.kind == MidapBehaviour::Kind::kLoad) {
        if (behaviour.condition < 0) {
          drain();
        } else if (computation_) {
          run_until_column(behaviour.condition);
        }
        load(behaviour.fragment);
      } else {
        drain();
        computation_.emplace();
        computation_->process = &behaviour;
        computation_->first_fragment = consumed;
        computation_->first = first;
        computation_->last = &behaviour == &layer.behaviours.back();
        computation_->num_passes = layer.kind == MidapKind::kElementwise
                                       ? behaviour.x_last - behaviour.x_begin + 1
                                       : layer.out_channels / lanes();
        consumed = behaviour.fragment;
        first = false;
      }
    }
    drain();
    if (layer.has_reduction) {
      for (std::int64_t c = 0; c < layer.outputs[0].channels; c += lanes())
        cycle({.kind = Slot::Kind::kReduction});
    }
    cycle({.kind = Slot::Kind::kEnd});
    for (int stage = 0; stage < 7; ++stage) cycle({});
  }

  void load(int index) {
    const MidapFragment& f = layer_->input_fragments[static_cast<std::size_t>(index)];
    const std::int64_t bytes = (f.tail - f.head) * layer_->in_height * layer_->in_channels;
    cost_.dram_bytes += bytes;
    bus_.request_features(now_, f.bank, bytes);
  }

  void drain() {
    if (computation_) {
      while (issue()) {
      }
      end_computation();
    } else if (!bubble_free_) {
      cycle({});
    }
  }
  void end_computation() {
    computation_.reset();
    bubble_free_ = layer_->kind == MidapKind::kGemm;
  }
  void run_until_column(std::int64_t out_x) {
    while (issue()) {
      const bool last_group = layer_->kind == MidapKind::kElementwise ||
                              computation_->pass + 1 == computation_->num_passes;
      if (last_group && last_slot_.out_x == out_x) return;
    }
    end_computation();
  }

  /// Issues the next slot of the computation; false if there is none.
  bool issue() {
    Computation& c = *computation_;
    while (c.next == c.slots.size()) {
      if (c.pass + 1 >= c.num_passes) return false;
      start_pass(++c.pass);
      c.slots = SlotLister(*layer_, config_.system_width, c.first_fragment)
                    .list(*c.process, c.pass, last_slot_);
      c.next = 0;
    }
    cycle(c.slots[c.next++]);
    return true;
  }

  // ---- the pipe ----

  void cycle(const Slot& issued) {
    ++now_;
    write_stage(pipe_[5]);  // issued six cycles before
    bias_stage(pipe_[3]);
    load_stage(issued);
    std::rotate(pipe_.rbegin(), pipe_.rbegin() + 1, pipe_.rend());
    pipe_[0] = issued;
    last_slot_ = issued;
  }

  void stall(std::int64_t& valid, Cause cause) {
    if (valid <= now_) return;
    cost_.stalls(cause) += valid - now_;
    now_ = valid;
    valid = 0;
  }

  void load_stage(const Slot& slot) {
    if (slot.kind != Slot::Kind::kWindow) return;
    stall(bus_.features[static_cast<std::size_t>(slot.bank)], Cause::kFeatures);
    if (!layer_->weights.present) return;
    const std::pair wanted{slot.group, slot.weight_row};
    if (layer_->kind != MidapKind::kElementwise && wanted == weights_read_) return;
    weights_read_ = wanted;
    stall(bus_.weights[static_cast<std::size_t>(weight_buffer_)], Cause::kWeights);
  }

  void bias_stage(const Slot& slot) {
    if (!layer_->weights.has_bias || !slot.finishes_output || slot.group == biased_group_) return;
    biased_group_ = slot.group;
    stall(bus_.biases[static_cast<std::size_t>(bias_buffer_)], Cause::kBias);
  }

  void write_stage(const Slot& slot) {
    if (slot.finishes_output || slot.kind == Slot::Kind::kReduction ||
        slot.kind == Slot::Kind::kEnd) {
      while (!writes_.empty()) {
        ++now_;
        ++cost_.write_stalls;
        write_next();
      }
    }
    if (slot.finishes_output)
      for (const MidapOutput& out : layer_->outputs) queue_writes(out, slot);
    if (slot.kind == Slot::Kind::kReduction)
      for (const MidapOutput& out : layer_->reduction_outputs) writes_.push_back(bank_of(out, 0));
    write_next();
  }

  void queue_writes(const MidapOutput& out, const Slot& slot) {
    const std::int64_t channels = out.slice_end - out.slice_begin;
    const int bank = bank_of(out, slot.out_x);
    const bool whole = out.slice_begin % lanes() == 0 && channels % lanes() == 0;
    if (narrow() || whole) return writes_.push_back(bank);
    // Pieces of a convolution's width, until the slice ends.
    std::int64_t c = slot.group * lanes();
    for (std::int64_t i = 0; i < lanes(); i += config_.num_cims) {
      writes_.push_back(bank);
      c += config_.num_cims;
      if (c >= channels) break;
    }
  }

  int bank_of(const MidapOutput& out, std::int64_t out_x) const {
    const std::int64_t x = out.reverse_write ? out.width - 1 - out_x : out_x;
    for (const MidapFragment& f : out.fragments)
      if (f.head <= x && x < f.tail) return f.bank;
    return kNone;
  }

  void write_next() {
    if (writes_.empty()) return;
    const int bank = writes_.front();
    writes_.pop_front();
    if (bank == kNone) return;
    std::int64_t& valid = bus_.features[static_cast<std::size_t>(bank)];
    if (valid <= now_) return;
    valid = 0;
    ++discarded_fills_;
  }

  // ---- weights and biases ----

  void request_weights(std::int64_t bytes) {
    cost_.dram_bytes += bytes;
    bus_.request_weights(now_, weight_buffer_ == kNone ? 0 : 1 - weight_buffer_, bytes);
  }
  void request_own_weights() { request_weights(layer_->weights.request_bytes); }
  void request_next_weights() {
    if (layer_->next_weights.present) request_weights(layer_->next_weights.request_bytes);
  }
  void switch_weights() { weight_buffer_ = weight_buffer_ == kNone ? 0 : 1 - weight_buffer_; }

  void start_weights() {
    const MidapWeights& own = layer_->weights;
    if (own.present && !layer_->prepared) {
      weight_buffer_ = kNone;
      request_own_weights();
      if (own.has_bias) bus_.request_bias(now_, 1 - bias_buffer_, own.bias_bytes);  // not counted
    }
    if (own.present && own.has_bias) bias_buffer_ = 1 - bias_buffer_;
    if (layer_->next_weights.has_bias) {
      cost_.dram_bytes += layer_->next_weights.bias_bytes;
      bus_.request_bias(now_, 1 - bias_buffer_, layer_->next_weights.bias_bytes);
    }
  }

  void start_pass(std::int64_t pass) {
    const Computation& c = *computation_;
    const bool at_end = pass + 1 == c.num_passes;
    if (!layer_->weights.present) return;
    if (layer_->kind == MidapKind::kElementwise) {
      switch_weights();
      at_end&& c.last ? request_next_weights() : request_own_weights();
    } else if (layer_->kind == MidapKind::kExtended) {
      if (!c.first || pass > 0) return;
      switch_weights();
      request_next_weights();
    } else {
      start_conv_pass(pass, at_end);
    }
  }

  void start_conv_pass(std::int64_t pass, bool at_end) {
    const Computation& c = *computation_;
    const bool on_chip = layer_->weights.once && !c.first;
    if (!on_chip || pass > 0 || c.num_passes % 2 == 0) switch_weights();
    if (at_end && c.last) {
      request_next_weights();
    } else if (!on_chip && !(at_end && layer_->weights.once)) {
      request_own_weights();
    }
  }

  const MidapConfig config_;
  const DispatchConfig dispatch_;
  SlowBus bus_;
  const MidapLayer* layer_ = nullptr;
  std::int64_t now_ = 0;
  LayerCost cost_;
  int discarded_fills_ = 0;
  std::optional<Computation> computation_;
  bool bubble_free_ = false;  // after a matrix product
  std::array<Slot, 7> pipe_;  // the youngest first
  Slot last_slot_;
  std::deque<int> writes_;                              // banks; kNone: only to DRAM
  std::pair<std::int64_t, std::int64_t> weights_read_;  // group, row
  std::int64_t biased_group_ = kNone;
  int weight_buffer_ = kNone;
  int bias_buffer_ = 1;
};

}  // namespace tilewake::slow
