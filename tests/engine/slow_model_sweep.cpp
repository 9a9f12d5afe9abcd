// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
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
#include "tests/engine/layer_cost.hpp"
#include "tests/engine/random_programs.hpp"
#include "tests/engine/sim_test.hpp"
#include "tests/engine/slow_midap.hpp"
#include "tests/support/random_network.hpp"
#include "tests/support/sanitizer.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

std::string text_of(const MidapLayer& l) {
  std::string text = fmt::format(
      "kind {} in {}x{}x{} aligned {} rows {} kernel {}x{} s{} d{} pads t{} b{} l{} r{} out "
      "{}x{}x{} once {} outputs {}",
      static_cast<int>(l.kind), l.in_width, l.in_height, l.in_channels, l.row_aligned,
      l.rows_per_tap, l.kernel_width, l.kernel_height, l.stride, l.dilation, l.pad_top,
      l.pad_bottom, l.pad_left, l.pad_right, l.out_width, l.out_height, l.out_channels,
      l.weights.once, l.outputs.size());
  for (const MidapFragment& f : l.input_fragments)
    text += fmt::format("\n    bank {} [{}, {})", f.bank, f.head, f.tail);
  for (const MidapBehaviour& b : l.behaviours)
    text +=
        b.kind == MidapBehaviour::Kind::kLoad
            ? fmt::format("\n    load {} at {}", b.fragment, b.condition)
            : fmt::format("\n    process {} to {}, consumed {}", b.x_begin, b.x_last, b.fragment);
  return text;
}

// The slow model goes slot by slot: under the sanitizers it takes ten times as long.
constexpr std::size_t kMachines = kHasAddressSanitizer ? 6 : 24;
constexpr std::int64_t kLongest = kHasAddressSanitizer ? 200'000 : 600'000;
constexpr std::int64_t kLongestShipped = kHasAddressSanitizer ? 2'000'000 : 1'000'000'000;
constexpr std::size_t kNetworksPerMachine = 16;

/// Runs programs on the engine and on the slow model of one machine, and compares them.
class Comparison {
 public:
  /// Programs that take more than `longest` cycles are left out.
  Comparison(const HardwareConfig& hardware, std::int64_t longest)
      : hardware_(hardware), longest_(longest) {
    start_fresh_kernel();
    simulator_.emplace(hardware);
  }

  const HardwareConfig& hardware() const { return hardware_; }
  std::size_t num_compared() const { return num_compared_; }

  void run(const Program& program, const std::string& name) {
    CostSink engine(program);
    if (simulator_->run(program, engine).total_cycles > longest_) return;
    const MidapProgram& core = std::get<MidapProgram>(program.core);
    slow::SlowMidap model(hardware_);
    const std::vector<LayerCost> parts = model.run(core);
    if (model.discarded_fills() > 0) return;
    ++num_compared_;
    std::vector<LayerCost> slow(program.layers.size());  // the parts of a split layer are one
    for (std::size_t i = 0; i < parts.size(); ++i)
      slow[static_cast<std::size_t>(core.layers[i].program_layer)] += parts[i];
    for (const MidapLayer& layer : core.layers) {
      const LayerCost& expected = slow[static_cast<std::size_t>(layer.program_layer)];
      if (engine.of(layer) == expected) continue;
      ADD_FAILURE() << name << ", " << text_of(layer) << "\n  engine: " << engine.of(layer).text()
                    << "\n  slow:   " << expected.text();
      return;  // what follows starts from another state
    }
  }

 private:
  const HardwareConfig hardware_;
  const std::int64_t longest_;
  std::optional<Simulator> simulator_;
  std::size_t num_compared_ = 0;
};

/// Compares the same networks on the shipped machine and on others, after `change`.
template <typename Change>
void compare_random_networks(std::uint64_t seed, const Change& change,
                             RandomNetwork::Channels channels = RandomNetwork::Channels::kStay) {
  Random random(seed);
  std::size_t num_compared = 0;
  for (std::size_t machine = 0; machine < kMachines; ++machine) {
    Comparison comparison(machine == 0 ? shipped_machine("midap") : random_midap(random), kLongest);
    for (std::size_t i = 0; i < kNetworksPerMachine; ++i) {
      const std::uint64_t network_seed = machine * kNetworksPerMachine + i;
      const Network network = i % 3 == 0 || channels == RandomNetwork::Channels::kMove
                                  ? RandomNetwork(network_seed, channels).make(8)
                                  : DemandingNetwork(network_seed).make();
      try {
        Program program = map_network(network, comparison.hardware());
        change(random, comparison.hardware(), std::get<MidapProgram>(program.core));
        comparison.run(program, fmt::format("machine {}, network {}", machine, network_seed));
      } catch (const InputError&) {
        // Too large for this machine.
      }
    }
    num_compared += comparison.num_compared();
  }
  EXPECT_GT(num_compared, kMachines * kNetworksPerMachine / 2);
  ::testing::Test::RecordProperty("programs", static_cast<int>(num_compared));
}

TEST(SlowModel, EveryLayerOfTheShippedNetworksFollowsTheRules) {
  Comparison comparison(shipped_machine("midap"), kLongestShipped);
  for (const Network& network : shipped_networks())
    comparison.run(map_network(network, comparison.hardware()), network.name);
  EXPECT_GT(comparison.num_compared(), 3u);
}

TEST(SlowModel, EveryLayerOfRandomNetworksFollowsTheRules) {
  compare_random_networks(1, [](Random&, const HardwareConfig&, MidapProgram&) {});
}

TEST(SlowModel, EveryLayerOfNetworksThatMoveChannelsFollowsTheRules) {
  compare_random_networks(
      3, [](Random&, const HardwareConfig&, MidapProgram&) {}, RandomNetwork::Channels::kMove);
}

TEST(SlowModel, RandomProgramsFollowTheRules) {
  compare_random_networks(
      2, [](Random& random, const HardwareConfig& hardware, MidapProgram& program) {
        ProgramMutator(random, std::get<MidapConfig>(hardware.core)).mutate(program);
      });
}

}  // namespace
}  // namespace tilewake
