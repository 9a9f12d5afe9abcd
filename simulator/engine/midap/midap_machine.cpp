// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/midap/midap_machine.hpp"

#include <utility>
#include <variant>

#include "simulator/common/error.hpp"
#include "simulator/engine/dma.hpp"
#include "simulator/engine/dram.hpp"
#include "simulator/engine/midap/midap_core.hpp"

namespace tilewake::midap {
namespace {

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

// To add a DRAM model: one overload here; std::visit chooses by the type of the configuration.
std::unique_ptr<Core> make(const MidapConfig& core, const LatencyBandwidthDramConfig& dram) {
  return std::make_unique<MidapMachine<LatencyBandwidthDram>>(core, dram);
}

std::unique_ptr<Core> make(const MidapConfig& /*core*/, const BankedDramConfig& /*dram*/) {
  throw InputError("dram.model: midap does not run on banked memory yet");
}

std::unique_ptr<Core> make(const MidapConfig& core, const IdealDramConfig& /*dram*/) {
  return std::make_unique<MidapMachine<IdealDram>>(core);
}

}  // namespace

std::unique_ptr<Core> make_midap_machine(const MidapConfig& core, const DramConfig& dram) {
  return std::visit([&](const auto& model) { return make(core, model); }, dram);
}

}  // namespace tilewake::midap
