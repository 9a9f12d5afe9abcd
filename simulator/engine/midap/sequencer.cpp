// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/midap/sequencer.hpp"

#include <vector>

#include "simulator/engine/clock.hpp"

namespace tilewake::midap {

Sequencer::Sequencer(const sc_core::sc_module_name& name, int fmem_buffer)
    : sc_module(name), fmem_buffer_(fmem_buffer), banks_(fmem_buffer) {
  SC_THREAD(serve);
}

void Sequencer::start(const MidapProgram& program, const DispatchConfig& dispatch,
                      EventSink& sink) {
  program_ = &program;
  dispatch_ = dispatch;
  sink_ = &sink;
  banks_.reset(program, sink);
  started_.notify(sc_core::SC_ZERO_TIME);
}

void Sequencer::serve() {
  while (true) {
    if (program_ == nullptr) wait(started_);  // may be set before the first start
    if (program_ == nullptr) continue;
    const std::vector<MidapLayer>& layers = program_->layers;
    std::int64_t begin = now_cycles();
    for (std::size_t i = 0; i < layers.size(); ++i) {
      // The parts of a split layer are one layer for other modules.
      const int id = layers[i].program_layer;
      if (i == 0) dispatch(id, dispatch_.inference_cycles);
      if (i == 0 || layers[i - 1].program_layer != id) dispatch(id, dispatch_.layer_cycles);
      run_layer(i);
      if (i + 1 < layers.size() && layers[i + 1].program_layer == id) continue;
      sink_->on_event(
          {Unit::kSequencer, EventKind::kLayer, Cause::kNone, 0, id, begin, now_cycles(), 0});
      begin = now_cycles();
    }
    program_ = nullptr;
  }
}

void Sequencer::dispatch(int program_layer, std::int64_t duration) {
  if (duration == 0) return;
  const std::int64_t begin = now_cycles();
  wait(cycles(duration));
  sink_->on_event({Unit::kPeArray, EventKind::kDispatch, Cause::kNone, 0, program_layer, begin,
                   now_cycles(), duration});
}

void Sequencer::run_layer(std::size_t index) {
  const MidapLayer& layer = program_->layers[index];
  banks_.begin_layer(index);
  array->start_layer(layer);
  int consumed = 0;
  bool first_process = true;
  const std::size_t num_behaviours = layer.behaviours.size();
  for (std::size_t i = 0; i < num_behaviours; ++i) {
    const MidapBehaviour& behaviour = layer.behaviours[i];
    if (behaviour.kind == MidapBehaviour::Kind::kProcess) {
      array->drain();
      array->start_process(behaviour, consumed, first_process, i + 1 == num_behaviours);
      consumed = behaviour.fragment;
      first_process = false;
    } else {
      if (behaviour.condition < 0) {
        array->drain();
      } else {
        array->run_until_column(behaviour.condition);
      }
      load(layer, behaviour.fragment);
    }
  }
  array->finish_layer();
  banks_.end_layer(index);
}

void Sequencer::load(const MidapLayer& layer, int fragment) {
  const MidapFragment& f = layer.input_fragments[static_cast<std::size_t>(fragment)];
  const std::int64_t bytes = (f.tail - f.head) * layer.in_height * layer.in_channels;
  banks_.load(f.bank, bytes);
  dma->read({fmem_buffer_, f.bank, bytes, DmaRequest::Priority::kQueued, layer.program_layer,
             Cause::kFeatures, true, layer.program_layer});
}

}  // namespace tilewake::midap
