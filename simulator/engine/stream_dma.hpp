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

/// Moves data between a memory controller and the slots of on-chip buffers: what a core that was
/// made for `Dma` runs on where the memory is more than latency and bandwidth.
///
/// Timing: `TransferDma`'s; preempting requests pass queued ones between two pieces. So do biases,
/// which are few and would wait for whole maps that are stored. A slot is
/// filled in the cycle in which the last byte of its last request arrives. Stores queue with the
/// reads and take the bus like them; the core waits for none.
///
/// Requests name no address. Weights, biases, features that are read and features that are written
/// are a stream each, one request behind the other in a region of its own.
class StreamDma : public BufferDma, private TransferListener {
 public:
  StreamDma(const sc_core::sc_module_name& name, std::unique_ptr<MemoryController> memory);

  void reset(EventSink& sink) override;
  /// Nothing: the kernel does not stop before the last transfer has ended.
  void finish() override {}
  void read(const DmaRequest& request) override;
  void store(int layer, std::int64_t bytes) override;

 private:
  using Slot = std::pair<int, int>;  // buffer, slot of it

  std::int64_t next_address(Cause cause, std::int64_t bytes);
  void on_transfer_done(std::int64_t id) override;

  TransferDma transfers_;
  std::array<std::int64_t, 5> stream_ends_{};       // by Cause
  std::unordered_map<std::int64_t, Slot> targets_;  // of reads under way
  std::map<Slot, int> num_under_way_;
};

}  // namespace tilewake
