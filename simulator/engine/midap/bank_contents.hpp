// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "simulator/engine/events.hpp"
#include "simulator/engine/occupancy.hpp"
#include "simulator/mapping/midap/midap_program.hpp"

namespace tilewake::midap {

/// What the banks of FMEM hold, for sinks that want it: a bank is occupied from the request of its
/// content (or the begin of the layer that computes it) to the end of the last layer that uses it.
/// A part of a concat occupies the space of the whole tensor's columns.
class BankContents {
 public:
  explicit BankContents(int buffer) : occupancy_(buffer) {}

  void reset(const MidapProgram& program, EventSink& sink);
  void begin_layer(std::size_t layer);
  void load(int bank, std::int64_t bytes) { occupancy_.set_slot(bank, bytes); }
  void end_layer(std::size_t layer);

 private:
  void find_last_uses();

  Occupancy occupancy_;
  const MidapProgram* program_ = nullptr;
  std::vector<std::vector<int>> freed_;  // by layer: banks that no later layer uses
};

}  // namespace tilewake::midap
