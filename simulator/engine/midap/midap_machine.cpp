// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/midap/midap_machine.hpp"

#include <utility>
#include <variant>

#include "simulator/engine/dma.hpp"
#include "simulator/engine/dram.hpp"
#include "simulator/engine/memory/make_memory_controller.hpp"
#include "simulator/engine/midap/midap_core.hpp"
#include "simulator/engine/stream_dma.hpp"

namespace tilewake::midap {
namespace {

/// As in the reference: a memory of latency and bandwidth, or none to speak of.
template <typename Dram>
class MidapMachine final : public Core {
 public:
  template <typename... Config>
  explicit MidapMachine(const MidapConfig& core, const Config&... dram)
      : dram_("dram", dram...), core_("midap", core, dma_) {
    dma_.dram(dram_);
  }

  void start(const Program& program, EventSink& sink) override {
    dram_.reset();
    dma_.reset(sink);
    core_.start(std::get<MidapProgram>(program.core), sink);
  }
  bool done() const override { return core_.done(); }
  void finish() override { dma_.finish(); }

 private:
  Dma dma_{"dma"};
  Dram dram_;
  MidapCore core_;
};

/// With a memory of more than latency and bandwidth.
class StreamingMachine final : public Core {
 public:
  StreamingMachine(const MidapConfig& core, std::unique_ptr<MemoryController> memory)
      : dma_("dma", std::move(memory)), core_("midap", core, dma_) {}

  void start(const Program& program, EventSink& sink) override {
    dma_.reset(sink);
    core_.start(std::get<MidapProgram>(program.core), sink);
  }
  bool done() const override { return core_.done(); }
  void finish() override { dma_.finish(); }

 private:
  StreamDma dma_;
  MidapCore core_;
};

// To add a DRAM model: one overload here; std::visit chooses by the type of the configuration.
std::unique_ptr<Core> make(const MidapConfig& core, const LatencyBandwidthDramConfig& dram) {
  return std::make_unique<MidapMachine<LatencyBandwidthDram>>(core, dram);
}

std::unique_ptr<Core> make(const MidapConfig& core, const BankedDramConfig& dram) {
  return std::make_unique<StreamingMachine>(core, make_memory_controller(dram));
}

std::unique_ptr<Core> make(const MidapConfig& core, const IdealDramConfig& /*dram*/) {
  return std::make_unique<MidapMachine<IdealDram>>(core);
}

}  // namespace

std::unique_ptr<Core> make_midap_machine(const MidapConfig& core, const DramConfig& dram) {
  return std::visit([&](const auto& model) { return make(core, model); }, dram);
}

}  // namespace tilewake::midap
