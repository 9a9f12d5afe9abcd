// SPDX-License-Identifier: Apache-2.0
// What modules report only to sinks that want details.
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "simulator/engine/core.hpp"
#include "simulator/engine/simulator.hpp"
#include "simulator/hardware/hardware_yaml.hpp"
#include "simulator/mapping/mapper.hpp"
#include "tests/engine/sim_test.hpp"
#include "tests/support/mapped_networks.hpp"
#include "tests/support/random.hpp"
#include "tests/support/random_network.hpp"
#include "tests/support/sanitizer.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

class DetailSink final : public EventSink {
 public:
  void on_event(const Event& event) override {
    const bool is_detail = event.kind == EventKind::kVector || event.kind == EventKind::kOccupancy;
    (is_detail ? details : events).push_back(event);
  }
  bool wants_details() const override { return true; }
  void on_dram_request(const DramRequest& request) override { requests.push_back(request); }

  std::vector<Event> events;
  std::vector<Event> details;
  std::vector<DramRequest> requests;
};

class DetailsTest : public SimTest {
 protected:
  /// Calls `check(machine, program, sink)` after a run of every shipped machine.
  template <typename Check>
  void for_each_run(Check check) {
    for (const std::string& name : shipped_machine_names()) {
      SCOPED_TRACE(name);
      const HardwareConfig machine = shipped_machine(name);
      Simulator simulator(machine);
      std::vector<Network> networks = {shipped_network("mobilenet_v1")};
      for (std::uint64_t seed = 0; seed < 3; ++seed) {
        networks.push_back(RandomNetwork(seed).make(8));
      }
      for (const Network& network : networks) {
        SCOPED_TRACE(network.name);
        const Program program = map_network(network, machine);
        DetailSink sink;
        simulator.run(program, sink);
        check(machine, program, sink);
      }
    }
  }
};

std::vector<std::array<std::int64_t, 12>> sorted_fields(const std::vector<Event>& events) {
  std::vector<std::array<std::int64_t, 12>> all;
  for (const Event& e : events)
    all.push_back({static_cast<std::int64_t>(e.unit), static_cast<std::int64_t>(e.kind),
                   static_cast<std::int64_t>(e.cause), e.index, e.layer, e.begin_cycle, e.end_cycle,
                   e.amount, e.row_hits, e.row_misses, e.step, std::int64_t{e.counted}});
  std::sort(all.begin(), all.end());
  return all;
}

// With details, transfers are events of the kernel, in pieces. Without, a tiled core runs ahead of
// the kernel where the memory allows.
void expect_details_change_nothing(const HardwareConfig& machine, const Program& program) {
  DetailSink detailed;
  const RunResult with = Simulator(machine).run(program, detailed);
  RecordingSink plain;
  const RunResult without = Simulator(machine).run(program, plain);
  EXPECT_EQ(with.total_cycles, without.total_cycles);
  EXPECT_EQ(sorted_fields(detailed.events), sorted_fields(plain.events));
}

TEST_F(DetailsTest, DetailsDoNotChangeARun) {
  for_each_run([](const HardwareConfig& machine, const Program& program,
                  const DetailSink& /*sink*/) { expect_details_change_nothing(machine, program); });
}

HardwareConfig random_tiled_machine(Random& random) {
  HardwareConfig machine =
      shipped_machine(random.pick<std::string>({"edge_systolic_32", "tpu_like_128", "vpu_like"}));
  const FeatureMemory features{random.one_in(2) ? 0 : random.between(1, 60) * 1000,
                               random.between(1, 64)};
  if (auto* systolic = std::get_if<SystolicConfig>(&machine.core)) {
    systolic->rows = systolic->cols = random.pick<std::int64_t>({4, 8, 16});
    systolic->dataflow = random.pick<Dataflow>(
        {Dataflow::kOutputStationary, Dataflow::kWeightStationary, Dataflow::kInputStationary});
    for (SystolicBuffer* buffer : {&systolic->input, &systolic->weight, &systolic->output}) {
      buffer->bytes = 1024 * random.between(4, 24);
      buffer->num_slots = random.between(1, 3);
      if (random.one_in(5)) {
        systolic->unified_buffer_bytes += 2 * buffer->num_slots * buffer->bytes;
        buffer->bytes = 0;
      }
    }
    systolic->num_cores = random.one_in(3) ? random.between(2, 4) : 1;
    systolic->feature_memory = features;
  } else {
    auto& vector = std::get<VectorConfig>(machine.core);
    vector.local_memory_bytes = 1024 * random.between(16, 64);
    vector.feature_memory = features;
  }
  if (random.one_in(5)) {
    machine.dram = IdealDramConfig{};
  } else if (random.one_in(4)) {
    auto dram = std::get<LatencyBandwidthDramConfig>(shipped_machine("midap").dram);
    dram.num_channels = random.between(1, 4);
    machine.dram = dram;
  } else {
    auto& dram = std::get<BankedDramConfig>(machine.dram);
    dram.num_channels = random.between(1, 4);
    dram.num_ranks = random.between(1, 2);
    dram.interleave_bytes = dram.burst_bytes() * random.pick<std::int64_t>({1, 3, 16});
    dram.npu_clock_mhz = random.pick<double>({250.0, 1000.0, 1333.3});
    if (random.one_in(5)) dram.scheduling = DramScheduling::kFrFcfs;
  }
  return machine;
}

TEST_F(DetailsTest, DetailsDoNotChangeARunOfARandomMachine) {
  int num_runs = 0;
  for (std::uint64_t seed = 0; seed < num_cases(60); ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const HardwareConfig machine = random_tiled_machine(random);
    std::vector<MappedNetwork> mapped;
    map_those_that_fit(
        machine, {random_network(static_cast<int>(seed)), moving_network(static_cast<int>(seed))},
        mapped);
    for (const auto& [network, program] : mapped) {
      expect_details_change_nothing(machine, program);
      ++num_runs;
    }
  }
  EXPECT_GT(num_runs, 10);
}

TEST_F(DetailsTest, OccupancyIsNeverNegativeAndWithinTheBuffer) {
  for_each_run(
      [](const HardwareConfig& machine, const Program& /*program*/, const DetailSink& sink) {
        const std::vector<OnChipBufferInfo> buffers = on_chip_buffers(machine);
        std::vector<std::int64_t> most(buffers.size(), 0);
        for (const Event& event : sink.details) {
          if (event.kind != EventKind::kOccupancy) continue;
          auto& highest = most.at(static_cast<std::size_t>(event.index));
          highest = std::max(highest, event.amount);
          EXPECT_GE(event.amount, 0);
        }
        for (std::size_t i = 0; i < buffers.size(); ++i) {
          EXPECT_LE(most[i], buffers[i].bytes) << buffers[i].name;
          EXPECT_GT(most[i], 0) << buffers[i].name;
        }
      });
}

TEST_F(DetailsTest, TilesThatAreLoadedLeaveTheirBuffersAtTheEnd) {
  for_each_run(
      [](const HardwareConfig& machine, const Program& /*program*/, const DetailSink& sink) {
        if (std::holds_alternative<MidapConfig>(machine.core)) return;
        std::vector<std::int64_t> last(on_chip_buffers(machine).size(), 0);
        for (const Event& event : sink.details) {
          if (event.kind == EventKind::kOccupancy)
            last.at(static_cast<std::size_t>(event.index)) = event.amount;
        }
        for (const std::int64_t bytes : last) EXPECT_EQ(bytes, 0);
      });
}

TEST_F(DetailsTest, TheVectorUnitWorksOnlyDuringAComputationOfItsLayer) {
  for_each_run(
      [](const HardwareConfig& /*machine*/, const Program& /*program*/, const DetailSink& sink) {
        std::vector<Event> computations;
        for (const Event& event : sink.events)
          if (event.kind == EventKind::kCompute) computations.push_back(event);
        for (const Event& event : sink.details) {
          if (event.kind != EventKind::kVector) continue;
          const auto around =
              std::find_if(computations.begin(), computations.end(), [&](const Event& compute) {
                return compute.layer == event.layer && compute.begin_cycle <= event.begin_cycle &&
                       event.end_cycle <= compute.end_cycle;
              });
          ASSERT_NE(around, computations.end()) << event.begin_cycle;
          ASSERT_LT(event.begin_cycle, event.end_cycle);
        }
      });
}

TEST_F(DetailsTest, RequestsHaveTheBytesOfTheTransfersInOrderOfTime) {
  for_each_run(
      [](const HardwareConfig& machine, const Program& /*program*/, const DetailSink& sink) {
        std::int64_t requested[2] = {0, 0};
        std::int64_t moved[2] = {0, 0};
        std::int64_t time = 0;
        for (const DramRequest& request : sink.requests) {
          requested[request.write ? 1 : 0] += request.bytes;
          EXPECT_GE(request.cycle, time);
          time = request.cycle;
        }
        for (const Event& event : sink.events) {
          if (event.unit == Unit::kDram)
            moved[event.cause == Cause::kWrite ? 1 : 0] += event.amount;
        }
        EXPECT_EQ(sink.requests.empty(), !has_dram_addresses(machine));
        if (sink.requests.empty()) return;
        EXPECT_EQ(requested[0], moved[0]);
        EXPECT_EQ(requested[1], moved[1]);
      });
}

TEST_F(DetailsTest, CountedTransfersAreTheBytesOfRequestsAndStores) {
  for_each_run(
      [](const HardwareConfig& /*machine*/, const Program& /*program*/, const DetailSink& sink) {
        std::int64_t asked = 0;
        std::int64_t moved = 0;
        for (const Event& event : sink.events) {
          const bool is_request = event.unit == Unit::kDma && (event.kind == EventKind::kRequest ||
                                                               event.kind == EventKind::kStore);
          if (is_request) asked += event.amount;
          if (event.unit == Unit::kDram && event.counted) moved += event.amount;
        }
        EXPECT_EQ(asked, moved);
      });
}

}  // namespace
}  // namespace tilewake
