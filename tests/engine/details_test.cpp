// SPDX-License-Identifier: Apache-2.0
// What modules report only to sinks that want details.
#include <algorithm>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "simulator/engine/core.hpp"
#include "simulator/engine/simulator.hpp"
#include "simulator/hardware/hardware_yaml.hpp"
#include "simulator/mapping/mapper.hpp"
#include "tests/engine/sim_test.hpp"
#include "tests/support/random_network.hpp"
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

TEST_F(DetailsTest, DetailsDoNotChangeARun) {
  for_each_run([](const HardwareConfig& machine, const Program& program, const DetailSink& sink) {
    Simulator simulator(machine);
    RecordingSink plain;
    simulator.run(program, plain);
    ASSERT_EQ(plain.events.size(), sink.events.size());
    for (std::size_t i = 0; i < plain.events.size(); ++i) {
      ASSERT_EQ(plain.events[i].kind, sink.events[i].kind);
      ASSERT_EQ(plain.events[i].begin_cycle, sink.events[i].begin_cycle);
      ASSERT_EQ(plain.events[i].end_cycle, sink.events[i].end_cycle);
      ASSERT_EQ(plain.events[i].amount, sink.events[i].amount);
    }
  });
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
