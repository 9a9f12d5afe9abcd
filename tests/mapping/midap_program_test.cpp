// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <map>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/common/error.hpp"
#include "simulator/mapping/mapper.hpp"
#include "simulator/mapping/midap/check_program.hpp"
#include "tests/mapping/midap_state.hpp"
#include "tests/support/mapped_networks.hpp"
#include "tests/support/midap_machines.hpp"
#include "tests/support/sanitizer.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {

void PrintTo(const HardwareConfig& hardware, std::ostream* os) { *os << hardware.name; }

namespace {

using ::testing::StartsWith;

constexpr int kNumRandomNetworks = num_cases(300);
constexpr int kNumMovingNetworks = num_cases(100);

std::string label_of(const HardwareConfig& hardware) {
  const auto& core = std::get<MidapConfig>(hardware.core);
  return fmt::format("{}banks_{}x{}", core.fmem_num_banks, core.num_cims, core.system_width);
}

/// Every network that fits `hardware`, mapped once for all laws that it is checked for.
const std::vector<MappedNetwork>& mapped_on(const HardwareConfig& hardware) {
  static std::map<std::string, std::vector<MappedNetwork>> of_machines;
  const auto [machine, is_new] = of_machines.try_emplace(label_of(hardware));
  if (!is_new) return machine->second;
  std::vector<Network> all = shipped_networks();
  for (int seed = 0; seed < kNumRandomNetworks; ++seed) all.push_back(random_network(seed));
  for (int seed = 0; seed < kNumMovingNetworks; ++seed) all.push_back(moving_network(seed));
  for (Network& network : all) {
    try {
      Program program = map_network(network, hardware);
      machine->second.push_back({std::move(network), std::move(program)});
    } catch (const InputError& e) {
      EXPECT_THAT(e.what(), StartsWith("layer ")) << network.name;
    }
  }
  return machine->second;
}

/// Invariants of every program, on machines of several sizes.
class MidapProgramTest : public ::testing::TestWithParam<HardwareConfig> {
 protected:
  /// Calls `check` with every network that fits the machine, and its program.
  template <typename Check>
  void for_each_program(Check check) const {
    for (const auto& [network, program] : mapped_on(GetParam())) {
      SCOPED_TRACE(network.name);
      check(network, program);
      if (HasFailure()) return;
    }
  }
};

TEST_P(MidapProgramTest, EveryLayerOccursOnce) {
  for_each_program([](const Network& network, const Program& program) {
    std::set<int> seen;
    for (const ProgramLayer& layer : program.layers) seen.insert(layer.network_layer);
    EXPECT_EQ(seen.size(), program.layers.size());
    EXPECT_EQ(seen.size(), network.layers.size());
  });
}

TEST_P(MidapProgramTest, LayersRunOnceAndInOrderOfTheirInputsUnlessFused) {
  for_each_program([](const Network& network, const Program& program) {
    std::set<int> available = {kNetworkInput};
    int last = -1;
    for (const MidapLayer& layer : std::get<MidapProgram>(program.core).layers) {
      // The parts of a layer that was split follow one another.
      EXPECT_GE(layer.program_layer, last);
      last = layer.program_layer;
    }
    for (const ProgramLayer& row : program.layers) {
      const Layer& layer = network.layers[static_cast<std::size_t>(row.network_layer)];
      for (const int input : layer.inputs) EXPECT_TRUE(available.contains(input)) << layer.name;
      available.insert(row.network_layer);
    }
  });
}

TEST_P(MidapProgramTest, FusedLayersNameTheirHosts) {
  for_each_program([](const Network& network, const Program& program) {
    std::set<int> running;
    for (const MidapLayer& layer : std::get<MidapProgram>(program.core).layers)
      running.insert(layer.program_layer);
    for (std::size_t i = 0; i < program.layers.size(); ++i) {
      const Layer& layer =
          network.layers[static_cast<std::size_t>(program.layers[i].network_layer)];
      const std::string& hosts = program.layers[i].fused_into;
      EXPECT_EQ(hosts.empty(), running.contains(static_cast<int>(i))) << layer.name;
      if (hosts.empty()) continue;
      EXPECT_TRUE(layer.op == Op::kConcat || layer.op == Op::kGlobalAvgPool) << layer.name;
      if (layer.op == Op::kGlobalAvgPool) {
        EXPECT_EQ(hosts, network.layers[static_cast<std::size_t>(layer.inputs[0])].name);
      }
    }
  });
}

TEST_P(MidapProgramTest, NoLayerBreaksARule) {
  for_each_program([](const Network&, const Program& program) {
    for (const MidapLayer& layer : std::get<MidapProgram>(program.core).layers)
      EXPECT_EQ(midap::find_defect(layer), "");
  });
}

/// Whether a fused pool comes after other branches of the fork at its host.
bool has_late_pool(const Network& network, const Program& program) {
  std::string running;
  for (const ProgramLayer& row : program.layers) {
    const Layer& layer = network.layers[static_cast<std::size_t>(row.network_layer)];
    if (row.fused_into.empty()) {
      running = layer.name;
    } else if (layer.op == Op::kGlobalAvgPool && row.fused_into != running) {
      return true;
    }
  }
  return false;
}

// The exception: by the rules of the reference a late pool gets its bank when the pool's turn
// comes, though its host fills that bank earlier, and branches between may use it.
TEST_P(MidapProgramTest, EveryLayerFindsItsInputsInBanksOrDram) {
  for_each_program([](const Network& network, const Program& program) {
    if (has_late_pool(network, program)) return;
    EXPECT_EQ(MidapState(network, program).run(), "") << program.schedule;
  });
}

TEST_P(MidapProgramTest, NothingIsLargerThanItsBuffer) {
  const auto& core = std::get<MidapConfig>(GetParam().core);
  for_each_program([&](const Network&, const Program& program) {
    for (const MidapLayer& layer : std::get<MidapProgram>(program.core).layers) {
      for (const MidapFragment& f : layer.input_fragments) {
        EXPECT_LT(f.bank, core.fmem_num_banks);
        EXPECT_LE((f.tail - f.head) * layer.in_height * layer.in_channels, core.fmem_bank_bytes);
      }
      for (const MidapOutput& out : layer.outputs) {
        for (const MidapFragment& f : out.fragments) {
          EXPECT_LT(f.bank, core.fmem_num_banks);
          EXPECT_LE((f.tail - f.head) * out.height * out.channels, core.fmem_bank_bytes);
        }
      }
      const bool by_cim = layer.kind == MidapKind::kConv || layer.kind == MidapKind::kGemm;
      EXPECT_LE(layer.weights.filter_bytes,
                by_cim ? core.wmem_bank_bytes : core.wmem_extended_bank_bytes);
      EXPECT_LE(layer.weights.bias_bytes, core.bmmem_bytes);
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Machines, MidapProgramTest, ::testing::ValuesIn(midap_machines()),
                         [](const auto& test) { return label_of(test.param); });

TEST(MidapMapperTest, EveryShippedNetworkHasTheReferenceSchedule) {
  for (const Network& network : shipped_networks())
    EXPECT_EQ(map_network(network, shipped_machine("midap")).schedule, "reference") << network.name;
}

TEST(MidapMapperTest, EveryShippedNetworkMapsOnEveryMachine) {
  for (const HardwareConfig& machine : midap_machines()) {
    std::set<std::string> mapped;
    for (const auto& [network, program] : mapped_on(machine)) mapped.insert(network.name);
    for (const Network& network : shipped_networks())
      EXPECT_TRUE(mapped.contains(network.name)) << network.name << ", " << machine.name;
  }
}

void expect_most_map_and_half_as_reference(const std::vector<Network>& networks) {
  std::size_t num_mapped = 0;
  std::size_t num_reference = 0;
  for (const Network& network : networks) {
    try {
      const Program program = map_network(network, shipped_machine("midap"));
      ++num_mapped;
      if (program.schedule == "reference") ++num_reference;
    } catch (const InputError&) {
      // For instance a concat of the network input, which the machine cannot copy.
    }
  }
  EXPECT_GT(num_mapped, networks.size() * 9 / 10);
  EXPECT_GT(num_reference, num_mapped / 2);
}

TEST(MidapMapperTest, MostRandomNetworksMapAndHalfOfThemAsTheReference) {
  std::vector<Network> networks;
  for (int seed = 0; seed < kNumRandomNetworks; ++seed) networks.push_back(random_network(seed));
  expect_most_map_and_half_as_reference(networks);
}

TEST(MidapMapperTest, ASplitReadsTheRowsThatHoldItsChannelsAndAShuffleAllRows) {
  const HardwareConfig machine = shipped_machine("midap");
  const std::int64_t row = std::get<MidapConfig>(machine.core).system_width;
  for (const auto& [net, program] : map_moving_networks(machine, 200)) {
    for (const MidapLayer& layer : std::get<MidapProgram>(program.core).layers) {
      const ProgramLayer& entry = program.layers[static_cast<std::size_t>(layer.program_layer)];
      const Layer& l = net.layers[static_cast<std::size_t>(entry.network_layer)];
      if (!l.moves_channels()) continue;
      std::set<std::int64_t> rows;
      for (std::int64_t c = 0; c < l.ofm.channels; ++c) rows.insert((l.first_channel + c) / row);
      EXPECT_EQ(layer.out_channels, row * static_cast<std::int64_t>(rows.size())) << l.name;
      EXPECT_FALSE(layer.weights.present);
    }
  }
}

}  // namespace
}  // namespace tilewake
