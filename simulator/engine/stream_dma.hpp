// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>

#include <systemc>

#include "simulator/engine/dma.hpp"
#include "simulator/engine/memory/memory_controller.hpp"
#include "simulator/engine/transfer_dma.hpp"

namespace tilewake {

/// Moves data between a memory controller and the slots of on-chip buffers: replaces `Dma` for
/// memory models other than latency and bandwidth.
///
/// Timing as in `TransferDma`; preempting requests overtake queued ones between two pieces. So do
/// biases, which are small and would otherwise wait for stores of whole maps. A slot is filled in
/// the cycle in which the last byte of its last request arrives. Stores queue with reads and occupy
/// the bus; the core does not wait for them.
///
/// Requests have no addresses. Weights, biases, features read and features written are separate
/// streams with consecutive addresses in separate regions.
class StreamDma : public BufferDma, private TransferListener {
 public:
  StreamDma(const sc_core::sc_module_name& name, std::unique_ptr<MemoryController> memory);

  void reset(EventSink& sink) override;
  /// Empty: the kernel stops only after the last transfer.
  void finish() override {}
  void read(const DmaRequest& request) override;
  void store(int layer, std::int64_t bytes) override;

 private:
  using Slot = std::pair<int, int>;  // buffer and its slot

  std::int64_t next_address(Cause cause, std::int64_t bytes);
  void on_transfer_done(std::int64_t id) override;

  TransferDma transfers_;
  std::array<std::int64_t, 5> stream_ends_{};       // by Cause
  std::unordered_map<std::int64_t, Slot> targets_;  // of reads in flight
  std::map<Slot, int> num_under_way_;
};

}  // namespace tilewake
