// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/midap/cim_array.hpp"

#include <algorithm>
#include <limits>

#include "simulator/common/math.hpp"
#include "simulator/engine/clock.hpp"

namespace tilewake::midap {
namespace {

// Distance from the issue stage, in cycles.
constexpr std::int64_t kBiasStage = 4;
constexpr std::int64_t kWriteStage = 6;
/// The end token: its own slot and the seven following stages.
constexpr std::int64_t kEndCycles = 8;

}  // namespace

CimArray::CimArray(const sc_core::sc_module_name& name, const MidapConfig& config)
    : sc_module(name), config_(config) {}

void CimArray::reset(EventSink& sink) {
  sink_ = &sink;
  wants_details_ = sink.wants_details();
  layer_ = nullptr;
  process_.reset();
  bias_reads_.clear();
  arrivals_.clear();
}

void CimArray::start_layer(const MidapLayer& layer) {
  layer_ = &layer;
  process_.reset();
  bubble_free_ = false;
  last_read_ = {};
  pipe_ = 0;
  bias_reads_.clear();
  arrivals_.clear();
  write_queue_free_at_ = 0;
  activity_cycles_ = 0;
  lanes_ = layer.on_cims() ? config_.num_cims : config_.system_width;
  writes_can_stall_ = writes_can_stall();
  weights->start_layer(layer);
}

void CimArray::tell(EventKind kind, Cause cause, std::int64_t begin, std::int64_t end,
                    std::int64_t amount) const {
  Event event{Unit::kPeArray, kind, cause, 0, layer_->program_layer, begin, end, amount};
  event.step = layer_->program_layer;
  sink_->on_event(event);
  if (kind == EventKind::kCompute && !layer_->on_cims() && wants_details_) {
    event.unit = Unit::kVectorUnit;  // the extended CIM
    event.kind = EventKind::kVector;
    sink_->on_event(event);
  }
}

void CimArray::flush_activity() {
  if (activity_cycles_ > 0)
    tell(activity_, Cause::kNone, activity_begin_, now_cycles(), activity_cycles_);
  activity_cycles_ = 0;
}

void CimArray::wait_for(sc_core::sc_port<BufferIf>& buffer, int slot, Cause cause) {
  if (buffer->valid_at(slot) <= now_cycles()) return;
  flush_activity();
  const std::int64_t begin = now_cycles();
  const std::int64_t stalled = buffer->wait_until_filled(slot);
  tell(EventKind::kStall, cause, begin, begin + stalled, stalled);
}

/// Advances the pipe by `count` cycles in one kernel step, including the stalls that queued writes
/// cause meanwhile.
void CimArray::advance(std::int64_t count, EventKind kind) {
  if (count == 0) return;
  if (activity_ != kind) flush_activity();
  if (activity_cycles_ == 0) {
    activity_ = kind;
    activity_begin_ = now_cycles();
  }
  pipe_ += count;
  activity_cycles_ += count;
  std::int64_t stalled = 0;
  while (!arrivals_.empty() && arrivals_.front().at <= pipe_) {
    const Arrival& arrival = arrivals_.front();
    stalled += std::max<std::int64_t>(write_queue_free_at_ - arrival.at, 0);
    write_queue_free_at_ = arrival.at + arrival.num_writes;
    arrivals_.pop_front();
  }
  wait(cycles(count + stalled));
  if (stalled > 0) {
    // Reported as one stall at the end of the step, independent of the position of the lost cycles.
    const std::int64_t end = now_cycles();
    if (activity_cycles_ > 0)
      tell(activity_, Cause::kNone, activity_begin_, end - stalled, activity_cycles_);
    activity_cycles_ = 0;
    tell(EventKind::kStall, Cause::kWrite, end - stalled, end, stalled);
  }
}

/// Advances the pipe to `pipe_cycle`, and reads the biases that are due meanwhile.
void CimArray::step_to(std::int64_t pipe_cycle, EventKind kind) {
  while (!bias_reads_.empty() && bias_reads_.front() <= pipe_cycle) {
    const std::int64_t due = bias_reads_.front();
    bias_reads_.pop_front();
    if (bmmem->valid_at(weights->bias_slot()) <= now_cycles()) continue;  // no wait
    advance(due - pipe_, kind);
    wait_for(bmmem, weights->bias_slot(), Cause::kBias);
  }
  advance(pipe_cycle - pipe_, kind);
}

/// Issues the rest of the computation; the next behaviour then finds none.
void CimArray::end_process() {
  while (process_->pass < process_->schedule.num_passes()) run_pass();
  bubble_free_ = layer_->kind == MidapKind::kGemm;
  process_.reset();
}

void CimArray::drain() {
  if (process_) {
    end_process();
  } else if (!bubble_free_) {
    step_to(pipe_ + 1, EventKind::kSetup);
    last_read_ = {};
  }
}

void CimArray::start_process(const MidapBehaviour& behaviour, int first_fragment, bool first,
                             bool last) {
  process_.emplace(Process{SlotSchedule(*layer_, config_.system_width, lanes_, first_fragment,
                                        behaviour.x_begin, behaviour.x_last),
                           first, last});
}

bool CimArray::is_row_aligned(const MidapOutput& out) const {
  return out.slice_begin % config_.system_width == 0 &&
         (out.slice_end - out.slice_begin) % config_.system_width == 0;
}

std::int64_t CimArray::writes_per_output(std::int64_t pass) const {
  if (layer_->on_cims()) return static_cast<std::int64_t>(layer_->outputs.size());
  std::int64_t writes = 0;
  for (const MidapOutput& out : layer_->outputs) {
    if (is_row_aligned(out)) {
      ++writes;
      continue;
    }
    // Misaligned in the tensor: pieces as wide as a convolution's output, to the end of the slice.
    const std::int64_t left = out.slice_end - out.slice_begin - pass * lanes_;
    writes +=
        std::clamp<std::int64_t>(ceil_div(left, config_.num_cims), 1, lanes_ / config_.num_cims);
  }
  return writes;
}

bool CimArray::writes_can_stall() const {
  if (layer_->on_cims()) return layer_->outputs.size() > 1;
  for (std::int64_t group = 0; group < layer_->out_channels / lanes_; ++group)
    if (writes_per_output(group) > 1) return true;
  return false;
}

/// Lists the times at which the outputs of this pass reach the write stage.
void CimArray::queue_arrivals() {
  const SlotSchedule& schedule = process_->schedule;
  std::int64_t at = pipe_ + kWriteStage + process_->lead;
  std::int64_t channel_group = 0;
  const std::int64_t groups = layer_->out_channels / lanes_;
  for (const std::int64_t slots : schedule.window_slots()) {
    at += slots;
    // Add and mul iterate over the channels innermost, all others over the passes.
    const std::int64_t group = schedule.pass_per_column() ? channel_group : process_->pass;
    arrivals_.push_back({at, writes_per_output(group)});
    channel_group = (channel_group + 1) % groups;
  }
}

void CimArray::start_pass() {
  Process& p = *process_;
  weights->start_pass(p.pass, p.schedule.num_passes(), p.first, p.last);
  p.pass_started = true;
  p.issued = 0;
  p.lead = p.schedule.lead_slots(last_read_);
  weight_read_pending_ = layer_->weights.present;
  if (layer_->weights.has_bias && p.schedule.pass_slots() > 0)
    bias_reads_.push_back(pipe_ + p.lead + p.schedule.first_window_slots() + kBiasStage);
  if (writes_can_stall_) queue_arrivals();
}

/// Issues `count` slots of the current pass. It waits for a bank at its first read from here on, as
/// the bank may have been loaded just now, and for the weights at the first slot.
void CimArray::issue(std::int64_t count) {
  Process& p = *process_;
  const std::int64_t start = pipe_ - p.issued;  // pipe cycle in which the pass began
  const std::int64_t end = p.issued + count;
  const std::int64_t from = std::max<std::int64_t>(p.issued - p.lead, 0);
  for (const FirstRead& read : p.schedule.first_reads(p.pass, from)) {
    // The lead slot reads the same row as the first slot after it.
    const std::int64_t slot = std::max(read.slot == 0 ? 0 : read.slot + p.lead, p.issued);
    if (slot >= end) break;
    const bool with_weights = slot == 0 && weight_read_pending_;
    if (with_weights) weight_read_pending_ = false;
    if (with_weights || fmem->valid_at(read.bank) > now_cycles()) {
      step_to(start + slot + 1, EventKind::kCompute);
      wait_for(fmem, read.bank, Cause::kFeatures);
      if (with_weights) wait_for(wmem, weights->weight_slot(), Cause::kWeights);
    }
  }
  step_to(start + end, EventKind::kCompute);
  p.issued = end;
}

/// Issues the rest of the pass.
void CimArray::run_pass() {
  Process& p = *process_;
  if (!p.pass_started) start_pass();
  issue(p.schedule.pass_slots() + p.lead - p.issued);
  if (p.schedule.pass_slots() > 0) last_read_ = p.schedule.last_read();
  ++p.pass;
  p.pass_started = false;
}

/// Runs up to the slot that triggers a load. Returns false if the computation ends earlier.
bool CimArray::reach_column(std::int64_t out_x) {
  Process& p = *process_;
  const std::vector<SlotColumn>& columns = p.schedule.columns();
  const auto first = std::find_if(columns.begin(), columns.end(),
                                  [&](const SlotColumn& c) { return c.out_x == out_x; });
  if (first == columns.end()) return false;
  const std::int64_t target_pass =
      p.schedule.pass_per_column() ? first - columns.begin() : p.schedule.num_passes() - 1;
  while (p.pass < target_pass) run_pass();
  if (p.pass > target_pass) return false;
  if (!p.pass_started) start_pass();
  std::int64_t end = first->end;
  for (auto column = first; column != columns.end() && column->out_x == out_x; ++column)
    end = column->end;
  if (first->begin == end) return false;  // padding only: no slot
  // One load per slot: the previous slot may have issued one.
  const std::int64_t begin = first->begin == 0 ? 0 : first->begin + p.lead;
  const std::int64_t slot = std::max(begin, p.issued);
  if (slot >= end + p.lead) return false;
  issue(slot + 1 - p.issued);
  return true;
}

void CimArray::run_until_column(std::int64_t out_x) {
  if (process_ && !reach_column(out_x)) end_process();
}

/// Bytes of the layer's outputs that are stored to DRAM: the whole tensor if required, otherwise
/// the columns that no bank keeps for its consumers.
void CimArray::store_outputs() {
  std::int64_t bytes = 0;
  const auto add = [&](const MidapOutput& out) {
    if (out.is_virtual) return;
    const std::int64_t columns = out.write_on_dram || out.linear
                                     ? out.width
                                     : std::max<std::int64_t>(out.width - out.pivot, 0);
    const std::int64_t slice = out.slice_end - out.slice_begin;
    std::int64_t channels = round_up(layer_->out_channels, lanes_);
    if (!layer_->on_cims()) {
      // A split may read one row more than it fills.
      channels =
          is_row_aligned(out) ? std::min(channels, slice) : round_up(slice, config_.num_cims);
    }
    bytes += columns * out.height * channels;
  };
  for (const MidapOutput& out : layer_->outputs) add(out);
  for (const MidapOutput& out : layer_->reduction_outputs) add(out);
  if (bytes > 0) dma->store(layer_->program_layer, bytes);
}

void CimArray::finish_layer() {
  drain();
  // The next slots may find the last output's writes still queued.
  if (writes_can_stall_) arrivals_.push_back({pipe_ + 1 + kWriteStage, 1});
  if (layer_->has_reduction) {
    // Over the stored channels, including padding.
    step_to(pipe_ + ceil_div(layer_->outputs[0].channels, lanes_), EventKind::kCompute);
  }
  step_to(pipe_ + kEndCycles, EventKind::kSetup);
  flush_activity();
  store_outputs();
}

}  // namespace tilewake::midap
