// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <systemc>

#include "simulator/engine/dma.hpp"
#include "simulator/engine/occupancy.hpp"
#include "simulator/engine/on_chip_buffer.hpp"
#include "simulator/mapping/midap/midap_program.hpp"

namespace tilewake::midap {

/// The WMEM and BMMEM slots in use: interface to the CIM array.
class WeightControllerIf : public virtual sc_core::sc_interface {
 public:
  virtual void start_layer(const MidapLayer& layer) = 0;
  /// Starts a pass of a PROCESS: switches to the weights of the next output channels (or the next
  /// plane of a second operand), and requests the following ones.
  virtual void start_pass(std::int64_t pass, std::int64_t num_passes, bool first_process,
                          bool last_process) = 0;
  virtual int weight_slot() const = 0;
  virtual int bias_slot() const = 0;
};

/// Double buffering of weights and biases: while one slot is used, the other one is filled with the
/// next group of weights, at the end of a layer with the first group of the next layer with
/// weights.
///
/// Takes no time itself. Requests are issued in the cycle in which a pass or a layer begins.
class WeightController : public sc_core::sc_module, public WeightControllerIf {
 public:
  sc_core::sc_port<DmaIf> dma{"dma"};

  /// Buffer numbers of the DMA.
  WeightController(const sc_core::sc_module_name& name, int wmem_buffer, int bmmem_buffer);

  void reset(EventSink& sink);
  void start_layer(const MidapLayer& layer) override;
  void start_pass(std::int64_t pass, std::int64_t num_passes, bool first_process,
                  bool last_process) override;
  int weight_slot() const override { return weight_slot_; }
  int bias_slot() const override { return bias_slot_; }

 private:
  static constexpr int kNone = -1;

  void switch_weights();
  /// @param step  as Event::step
  void request_weights(std::int64_t bytes, int step);
  void request_bias(std::int64_t bytes, int step, bool counted);
  void request_next_layer();
  void start_conv_pass(std::int64_t pass, std::int64_t num_passes, bool first_process,
                       bool last_process);

  const int wmem_buffer_;
  const int bmmem_buffer_;
  const MidapLayer* layer_ = nullptr;
  int weight_slot_ = kNone;
  int bias_slot_ = 1;
  Occupancy wmem_;
  Occupancy bmmem_;
};

}  // namespace tilewake::midap
