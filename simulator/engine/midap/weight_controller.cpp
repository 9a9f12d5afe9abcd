// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/midap/weight_controller.hpp"

namespace tilewake::midap {

WeightController::WeightController(const sc_core::sc_module_name& name, int wmem_buffer,
                                   int bmmem_buffer)
    : sc_module(name),
      wmem_buffer_(wmem_buffer),
      bmmem_buffer_(bmmem_buffer),
      wmem_(wmem_buffer),
      bmmem_(bmmem_buffer) {}

void WeightController::reset(EventSink& sink) {
  wmem_.reset(sink);
  bmmem_.reset(sink);
  layer_ = nullptr;
  weight_slot_ = kNone;
  bias_slot_ = 1;
}

/// The slot of the previous weights is free, unless they are used again.
void WeightController::switch_weights() {
  if (weight_slot_ != kNone && !layer_->weights.once) wmem_.set_slot(weight_slot_, 0);
  weight_slot_ = weight_slot_ == kNone ? 0 : 1 - weight_slot_;
}

void WeightController::request_weights(std::int64_t bytes, int step) {
  const int slot = weight_slot_ == kNone ? 0 : 1 - weight_slot_;
  wmem_.set_slot(slot, bytes);
  dma->read({wmem_buffer_, slot, bytes, DmaRequest::Priority::kPreempting, layer_->program_layer,
             Cause::kWeights, true, step});
}

void WeightController::request_bias(std::int64_t bytes, int step, bool counted) {
  bmmem_.set_slot(1 - bias_slot_, bytes);
  dma->read({bmmem_buffer_, 1 - bias_slot_, bytes, DmaRequest::Priority::kQueued,
             layer_->program_layer, Cause::kBias, counted, step});
}

void WeightController::request_next_layer() {
  if (layer_->next_weights.present)
    request_weights(layer_->next_weights.request_bytes, layer_->program_layer + 1);
}

void WeightController::start_layer(const MidapLayer& layer) {
  layer_ = &layer;
  if (weight_slot_ != kNone) wmem_.set_slot(weight_slot_, 0);  // of the layer before
  if (layer.weights.present) {
    if (!layer.prepared) {
      weight_slot_ = kNone;
      request_weights(layer.weights.request_bytes, layer.program_layer);
      // The reference fetches the first layer's own biases but does not count them.
      if (layer.weights.has_bias)
        request_bias(layer.weights.bias_bytes, layer.program_layer, false);
    }
    if (layer.weights.has_bias) {
      bmmem_.set_slot(bias_slot_, 0);
      bias_slot_ = 1 - bias_slot_;
    }
  }
  if (layer.next_weights.has_bias)
    request_bias(layer.next_weights.bias_bytes, layer.program_layer + 1, true);
}

void WeightController::start_pass(std::int64_t pass, std::int64_t num_passes, bool first_process,
                                  bool last_process) {
  if (!layer_->weights.present) return;
  switch (layer_->kind) {
    case MidapKind::kGemm:
    case MidapKind::kConv:
      start_conv_pass(pass, num_passes, first_process, last_process);
      break;
    case MidapKind::kExtended:
      // All depthwise weights were loaded in one piece; the other slot is free immediately.
      if (first_process && pass == 0) {
        switch_weights();
        request_next_layer();
      }
      break;
    case MidapKind::kElementwise:
      switch_weights();
      if (last_process && pass + 1 == num_passes) {
        request_next_layer();
      } else {
        request_weights(layer_->weights.request_bytes, layer_->program_layer);
      }
      break;
  }
}

void WeightController::start_conv_pass(std::int64_t pass, std::int64_t num_passes,
                                       bool first_process, bool last_process) {
  const bool resident = layer_->weights.once && !first_process;
  // Resident weights alternate between both slots; the first group is in the current slot if the
  // last group was, too.
  if (!(resident && pass == 0) || num_passes % 2 == 0) switch_weights();
  if (pass + 1 < num_passes || !last_process) {
    const bool comes_around = pass + 1 == num_passes;
    if (!resident && !(comes_around && layer_->weights.once))
      request_weights(layer_->weights.request_bytes, layer_->program_layer);
  } else {
    request_next_layer();
  }
}

}  // namespace tilewake::midap
