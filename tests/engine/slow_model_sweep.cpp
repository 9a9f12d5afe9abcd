// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "simulator/common/error.hpp"
#include "simulator/engine/simulator.hpp"
#include "simulator/mapping/mapper.hpp"
#include "tests/engine/sim_test.hpp"
#include "tests/engine/slow_midap.hpp"
#include "tests/support/random_network.hpp"
#include "tests/support/source_files.hpp"

namespace tilewake {
namespace {

using slow::LayerCost;

/// Sums the engine's events up by layer.
class CostSink final : public EventSink {
 public:
  explicit CostSink(const Program& program) : by_row_(program.layers.size()) {}

  void on_event(const Event& event) override {
    if (event.layer < 0) return;
    LayerCost& cost = by_row_[static_cast<std::size_t>(event.layer)];
    if (event.kind == EventKind::kLayer) cost.cycles += event.end_cycle - event.begin_cycle;
    if (event.kind == EventKind::kStall) cost.stalls(event.cause) += event.amount;
    if (event.kind == EventKind::kRequest) cost.dram_bytes += event.amount;
  }
  const LayerCost& of(const MidapLayer& layer) const {
    return by_row_[static_cast<std::size_t>(layer.program_layer)];
  }

 private:
  std::vector<LayerCost> by_row_;
};

std::string describe(const MidapLayer& l) {
  std::string text = fmt::format(
      "\n  kind {} in {}x{}x{} aligned {} rows {} kernel {}x{} s{} d{} pads t{} b{} l{} r{} out "
      "{}x{}x{} once {} outputs {}",
      static_cast<int>(l.kind), l.in_width, l.in_height, l.in_channels, l.row_aligned,
      l.rows_per_tap, l.kernel_width, l.kernel_height, l.stride, l.dilation, l.pad_top,
      l.pad_bottom, l.pad_left, l.pad_right, l.out_width, l.out_height, l.out_channels,
      l.weights.once, l.outputs.size());
  for (const MidapFragment& f : l.input_fragments)
    text += fmt::format("\n    bank {} [{}, {})", f.bank, f.head, f.tail);
  for (const MidapBehaviour& b : l.behaviours)
    text += b.kind == MidapBehaviour::Kind::kLoad
                ? fmt::format("\n    load {} at {}", b.fragment, b.condition)
                : fmt::format("\n    process {} to {}, consumed {}", b.x_begin, b.x_last, b.fragment);
  return text;
}

struct Tally {
  int programs = 0;
  int rejected = 0;
  int layers = 0;
  std::int64_t cycles = 0;
  std::int64_t differing = 0;
};

void compare(const HardwareConfig& hardware, Simulator& simulator, const Program& program,
             const std::string& name, Tally& tally) {
  CostSink engine(program);
  simulator.run(program, engine);
  const MidapProgram& core = std::get<MidapProgram>(program.core);
  const std::vector<LayerCost> slow = slow::SlowMidap(hardware).run(core);
  ++tally.programs;
  for (std::size_t i = 0; i < slow.size(); ++i) {
    ++tally.layers;
    tally.cycles += slow[i].cycles;
    if (engine.of(core.layers[i]) == slow[i]) continue;
    ++tally.differing;
    ADD_FAILURE() << name << ", layer " << i << "\n  engine " << engine.of(core.layers[i]).text()
                  << "\n  slow   " << slow[i].text() << describe(core.layers[i]);
    return;
  }
}

HardwareConfig shipped() { return read_hardware(source_path("hw_configs/midap.yaml").string()); }

HardwareConfig random_machine(Random& random) {
  HardwareConfig hardware = shipped();
  auto& core = std::get<MidapConfig>(hardware.core);
  auto& dram = std::get<LatencyBandwidthDramConfig>(hardware.dram);
  core.system_width = random.pick(std::vector<std::int64_t>{32, 64});
  core.num_cims = random.pick(std::vector<std::int64_t>{8, 16, 32});
  core.fmem_num_banks = random.between(2, 8);
  core.fmem_bank_bytes = std::int64_t{32768} << random.below(4);
  core.wmem_bank_bytes = std::int64_t{8192} << random.below(3);
  dram.num_channels = random.pick(std::vector<std::int64_t>{1, 2, 4});
  return hardware;
}

TEST(SlowModel, AgreesOnRandomNetworks) {
  Random random(1);
  Tally tally;
  for (int machine = 0; machine < 20; ++machine) {
    const HardwareConfig hardware = machine == 0 ? shipped() : random_machine(random);
    start_fresh_kernel();
    Simulator simulator(hardware);
    for (int i = 0; i < 10; ++i) {
      const std::uint64_t seed = static_cast<std::uint64_t>(machine * 10 + i);
      const Network network = RandomNetwork(seed).make(8);
      std::optional<Program> program;
      try {
        program = map_network(network, hardware);
      } catch (const InputError& e) {
        ++tally.rejected;
        continue;
      }
      compare(hardware, simulator, *program, fmt::format("machine {}, seed {}", machine, seed),
              tally);
    }
  }
  fmt::print("{} programs, {} rejected, {} layers, {} cycles, {} differ\n", tally.programs,
             tally.rejected, tally.layers, tally.cycles, tally.differing);
}

}  // namespace
}  // namespace tilewake
