// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include <systemc>

#include "simulator/engine/core.hpp"
#include "simulator/engine/occupancy.hpp"
#include "simulator/engine/transfer_dma.hpp"
#include "simulator/mapping/tiled/tiled_program.hpp"

namespace tilewake::tiled {

/// A core that works in tiles (systolic array, vector processor): one process computes the steps of
/// a TiledProgram, a loader runs ahead of it as far as buffer slots allow.
///
/// Timing of a step: it begins when the previous step has ended and its operands are on chip, and
/// takes the cycles of the program's StepCost. Loads are requested in the order of use. A slot of
/// the input or weight buffer becomes free after the last step that uses its content, a slot of the
/// output buffer after its last store. Features are requested after the stores of the layers that
/// compute them have ended; weights earlier, so they are prefetched across layers, unless they are
/// a feature map (the second operand of a matmul). The run ends
/// with the last store. The dispatch of a layer takes its cycles before the layer's first step,
/// while loads go on; nothing is loaded before that of the inference. Maps and weights in the
/// memory on chip are moved through its port, in order of request, at the same time as DRAM serves
/// others.
///
/// If the end of a transfer is known when it is requested, and the sink does not want details, the
/// core runs ahead of the kernel's time: it takes the ends of transfers from a list, in order of
/// time, and waits for the kernel once a layer. Otherwise transfers wake it up. Both take the same
/// cycles.
class TiledCore : public sc_core::sc_module, public Core, private TransferListener {
 public:
  SC_HAS_PROCESS(TiledCore);
  TiledCore(const sc_core::sc_module_name& name, const FeatureMemory& features,
            std::unique_ptr<MemoryController> memory);

  void start(const Program& program, EventSink& sink) override;
  bool done() const override { return program_ == nullptr; }
  void finish() override {}

 private:
  /// The order of on_chip_buffers(); a shared memory is the first.
  enum Buffer { kInput, kWeight, kOutput };

  /// Actions of the loader for a step, in this order.
  enum class Phase { kWeights, kInput, kOutputSlot, kSecond, kSums, kIssued };

  /// A step that the loader has started.
  struct Ahead {
    int layer = 0;
    TileStep step;
    Phase phase = Phase::kWeights;
    int loads_under_way = 0;
    int weights_under_way = 0;
  };

  /// The content of one output buffer slot, from its allocation to its last store.
  struct OutputPart {
    int stores_under_way = 0;
    bool closed = false;
    std::int64_t bytes = 0;  // of its slot; only if occupancy is wanted
  };

  struct LayerState {
    int stores_under_way = 0;
    bool computed = false;
  };

  struct Owner {  // of a transfer: a step number, or a part of the output buffer
    bool is_load = true;
    bool is_weights = false;
    std::int64_t number = 0;
    int layer = 0;
  };

  struct Duration {
    TileExtent extent;
    TileContext context;
    std::int64_t cycles = 0;
  };

  struct Ending {
    std::int64_t time = 0;
    Owner owner;
  };

  void serve();
  void dispatch(int program_layer, std::int64_t duration);
  void run_layer(int index);
  std::int64_t duration_of(const TiledLayer& layer, const TileStep& step);
  void pass(std::int64_t duration);
  void run_ahead(std::int64_t time);
  void catch_up();
  void wait_for_step(int program_layer);
  Cause what_is_missing() const;
  void stall_until_progress(Cause cause, int program_layer);
  void finish_step(const Ahead& done);
  void hold_tile(Buffer buffer, std::int64_t bytes);
  void free_tile(Buffer buffer);
  void store(int layer, std::int64_t address, std::int64_t bytes, bool on_chip);
  void request(const Transfer& transfer, bool on_chip, const Owner& owner);
  void release_parts();

  void load_ahead();
  bool begin_next_step();
  bool do_phase(Ahead& ahead);
  void load(Ahead& ahead, std::int64_t number, Cause cause, std::int64_t address,
            std::int64_t bytes, bool on_chip);
  /// All stores of the `layers` of the program.
  bool are_stored(const std::vector<int>& layers) const;
  Occupancy& occupancy(std::size_t buffer) { return occupancy_[memory_of_buffer_[buffer]]; }
  std::int64_t output_slot_bytes(int layer);
  void report_vector_unit(const TiledLayer& layer, const TileStep& step);
  void on_transfer_done(std::int64_t id) override;
  void complete(const Owner& owner);

  const TiledLayer& layer(int index) const {
    return program_->layers[static_cast<std::size_t>(index)];
  }

  TransferDma dma_;
  TransferDma feature_port_;
  const TiledProgram* program_ = nullptr;
  DispatchConfig dispatch_;
  EventSink* sink_ = nullptr;
  sc_core::sc_event started_;
  sc_core::sc_event progress_;
  std::int64_t now_ = 0;     // the kernel's time, or later if the core runs ahead
  bool runs_ahead_ = false;  // of the kernel

  // The loader.
  int loader_layer_ = 0;
  std::optional<TileWalk> loader_walk_;
  std::deque<Ahead> ahead_;
  std::int64_t first_ahead_ = 0;  // number of ahead_.front(), counted over the whole run
  std::int64_t inputs_in_use_ = 0;
  std::int64_t weights_in_use_ = 0;

  // The output buffer: parts in order of allocation.
  std::deque<OutputPart> parts_;
  std::int64_t first_part_ = 0;
  std::int64_t computing_part_ = -1;

  std::vector<Duration> durations_;  // of the steps of the current layer

  // What the buffers hold, for sinks that want it; the tiles in use, in order of their loads.
  std::array<Occupancy, 3> occupancy_ = {Occupancy(kInput), Occupancy(kWeight), Occupancy(kOutput)};
  std::array<std::size_t, 3> memory_of_buffer_ = {kInput, kWeight, kOutput};
  std::array<std::deque<std::int64_t>, 2> tile_bytes_;  // of inputs, of weights
  std::vector<std::int64_t> output_slot_bytes_;         // by layer; 0: not yet computed

  std::vector<LayerState> layers_;
  // Transfers in flight: by id, or in order of their ends if the core runs ahead.
  std::unordered_map<std::int64_t, Owner> owners_;
  std::deque<Ending> endings_;
};

}  // namespace tilewake::tiled
