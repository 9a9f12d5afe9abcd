// SPDX-License-Identifier: Apache-2.0
#include "simulator/trace/trace_recorder.hpp"

#include <algorithm>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/common/error.hpp"
#include "simulator/common/version.hpp"
#include "simulator/trace/tee_sink.hpp"
#include "tests/trace/trace_fixture.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;

std::int64_t sum_of(const std::vector<TraceRow>& rows, std::int64_t TraceRow::*field) {
  return std::accumulate(
      rows.begin(), rows.end(), std::int64_t{0},
      [field](std::int64_t sum, const TraceRow& row) { return sum + row.*field; });
}

std::int64_t amount_of(const std::vector<Event>& events, EventKind kind) {
  return std::accumulate(events.begin(), events.end(), std::int64_t{0},
                         [kind](std::int64_t sum, const Event& event) {
                           return event.kind == kind ? sum + event.amount : sum;
                         });
}

std::string simulation_error_of(const std::vector<Event>& events, std::int64_t total_cycles) {
  try {
    rows_of(events, total_cycles);
  } catch (const SimulationError& e) {
    return e.what();
  }
  return "no error";
}

/// `small_run` without the events of `kind` of layer 0.
std::vector<Event> run_without(EventKind kind) {
  std::vector<Event> events = small_run();
  std::erase_if(events, [kind](const Event& e) { return e.kind == kind && e.layer == 0; });
  return events;
}

TEST(TraceRecorderTest, ARowDescribesItsLayer) {
  const TraceRow row = small_rows()[0];
  EXPECT_EQ(row.layer, "conv");
  EXPECT_EQ(row.block, "");
  EXPECT_EQ(row.op, Op::kConv2d);
  EXPECT_EQ(row.ic, 16);
  EXPECT_EQ(row.ih, 8);
  EXPECT_EQ(row.oc, 32);
  EXPECT_EQ(row.ow, 4);
  EXPECT_EQ(row.kernel, (KernelSize{3, 5}));
  EXPECT_EQ(row.stride, 2);
  EXPECT_EQ(row.macs, 4 * 4 * 32 * 16 * 3 * 5);
  EXPECT_EQ(row.inputs, "input");
  EXPECT_EQ(row.padding, (Padding{1, 2, 0, 1}));
  EXPECT_TRUE(row.bias);
  EXPECT_EQ(small_rows()[1].block, "b1");
  EXPECT_EQ(small_rows()[1].index, 1);
  EXPECT_EQ(small_rows()[1].inputs, "conv");
  EXPECT_FALSE(small_rows()[2].bias);  // a pool has none
}

TEST(TraceRecorderTest, ARowHasNetworkMachineAndVersion) {
  for (const TraceRow& row : small_rows()) {
    EXPECT_EQ(row.network, "small");
    EXPECT_EQ(row.machine, kMachine);
    EXPECT_EQ(row.version, kVersion);
  }
}

TEST(TraceRecorderTest, SeveralInputsAreJoinedInTheirOrder) {
  const Network network = read_network_text(
      "name: join\ninput: {channels: 8, height: 4, width: 4}\nlayers:\n"
      "  - {name: a+b, op: conv2d, out_channels: 8, kernel: 1}\n"
      "  - {name: c, op: concat, inputs: [input, a+b]}\n",
      "join.yaml");
  EXPECT_EQ(rows_of(network)[1].inputs, "input;a+b");
}

TEST(TraceRecorderTest, EveryByteOfTheEventsIsInARow) {
  const auto events = small_run();
  const auto rows = small_rows();
  EXPECT_EQ(sum_of(rows, &TraceRow::dram_read_bytes), amount_of(events, EventKind::kRequest));
  EXPECT_EQ(sum_of(rows, &TraceRow::dram_write_bytes), amount_of(events, EventKind::kStore));
  EXPECT_EQ(rows[0].dram_read_feature_bytes, 500);
  EXPECT_EQ(rows[0].dram_read_weight_bytes, 200);
  EXPECT_EQ(rows[0].dram_read_bias_bytes, 32);
  EXPECT_EQ(rows[0].dram_read_bytes, 732);
}

TEST(TraceRecorderTest, EveryCycleOfTheRunIsInARowAndAttributed) {
  const auto rows = small_rows();
  EXPECT_EQ(sum_of(rows, &TraceRow::total_cycles), kSmallCycles);
  for (const TraceRow& row : rows) EXPECT_EQ(contradiction_in(row), "");
  EXPECT_EQ(rows[0].compute_cycles, 50);
  EXPECT_EQ(rows[0].setup_cycles, 9);
  EXPECT_EQ(rows[0].stall_feature_cycles, 36);
  EXPECT_EQ(rows[0].stall_weight_cycles, 0);
  EXPECT_EQ(rows[0].stall_bias_cycles, 3);
  EXPECT_EQ(rows[0].stall_dram_cycles, 39);
  EXPECT_EQ(rows[0].stall_write_cycles, 2);
}

TEST(TraceRecorderTest, EveryMacOfTheNetworkIsInARow) {
  EXPECT_EQ(sum_of(small_rows(), &TraceRow::macs), small_network().num_macs());
}

TEST(TraceRecorderTest, UtilizationIsMacsPerPeakMacs) {
  const auto rows = small_rows();
  EXPECT_DOUBLE_EQ(rows[0].pe_utilization, static_cast<double>(rows[0].effective_macs) /
                                               (100.0 * static_cast<double>(kPeakMacs)));
}

TEST(TraceRecorderTest, AFusedLayerNamesItsHostAndTakesNoCycles) {
  const TraceRow row = small_rows()[2];
  EXPECT_EQ(row.fused_into, "point");
  EXPECT_EQ(row.total_cycles, 0);
  EXPECT_EQ(row.pe_utilization, 0.0);
  EXPECT_EQ(row.dram_write_bytes, 64);
}

TEST(TraceRecorderTest, RowsAreInExecutionOrderNotInThatOfTheNetwork) {
  const Network network = read_network_text(
      "name: fork\ninput: {channels: 8, height: 4, width: 4}\nlayers:\n"
      "  - {name: a, op: conv2d, out_channels: 8, kernel: 1}\n"
      "  - {name: b, op: conv2d, inputs: [input], out_channels: 8, kernel: 1}\n",
      "fork.yaml");
  TraceRecorder recorder(network, {{1, ""}, {0, ""}}, kPeakMacs, kMachine);
  for (const int layer : {0, 1}) {
    recorder.on_event({Unit::kPeArray, EventKind::kCompute, Cause::kNone, 0, layer, 10 * layer,
                       10 * layer + 10, 10});
    recorder.on_event({Unit::kSequencer, EventKind::kLayer, Cause::kNone, 0, layer, 10 * layer,
                       10 * layer + 10, 0});
  }
  const auto rows = recorder.finish(20);
  EXPECT_EQ(rows[0].layer, "b");
  EXPECT_EQ(rows[0].index, 1);
  EXPECT_EQ(rows[1].layer, "a");
}

TEST(TraceRecorderTest, DispatchIsPartOfItsLayer) {
  std::vector<Event> events;
  for (Event event : small_run()) {  // 7 cycles later, which the first layer waits for
    event.begin_cycle += event.kind == EventKind::kLayer && event.layer == 0 ? 0 : 7;
    event.end_cycle += 7;
    events.push_back(event);
  }
  events.push_back({Unit::kPeArray, EventKind::kDispatch, Cause::kNone, 0, 0, 0, 7, 7});
  const std::vector<TraceRow> rows = rows_of(events, kSmallCycles + 7);
  EXPECT_EQ(rows[0].dispatch_cycles, 7);
  EXPECT_EQ(rows[0].total_cycles, small_rows()[0].total_cycles + 7);
  EXPECT_EQ(rows[1], small_rows()[1]);
}

TEST(TraceRecorderTest, TransfersAreNotCountedInAdditionToRequests) {
  auto events = run_without(EventKind::kTransfer);
  EXPECT_EQ(rows_of(events, kSmallCycles), small_rows());
}

TEST(TraceRecorderTest, UnattributedCyclesAreAnInternalError) {
  EXPECT_THAT(simulation_error_of(run_without(EventKind::kSetup), kSmallCycles),
              HasSubstr("'conv': total_cycles: is 100, but compute, setup, dispatch and stall "
                        "cycles add up to 91"));
  EXPECT_THAT(simulation_error_of(small_run(), kSmallCycles + 1),
              HasSubstr("the layers take 150 cycles, the run took 151"));
}

TEST(TraceRecorderTest, ALayerThatRanNeverOrTwiceIsAnInternalError) {
  EXPECT_THAT(simulation_error_of(run_without(EventKind::kLayer), kSmallCycles),
              HasSubstr("'conv' ran 0 times"));
  auto events = small_run();
  events.push_back({Unit::kSequencer, EventKind::kLayer, Cause::kNone, 0, 0, 150, 150, 0});
  EXPECT_THAT(simulation_error_of(events, kSmallCycles), HasSubstr("'conv' ran 2 times"));
}

TEST(TraceRecorderTest, CyclesOfAFusedLayerAreAnInternalError) {
  auto events = small_run();
  events.push_back({Unit::kPeArray, EventKind::kSetup, Cause::kNone, 0, 2, 150, 151, 1});
  events.push_back({Unit::kSequencer, EventKind::kLayer, Cause::kNone, 0, 2, 150, 151, 0});
  EXPECT_THAT(simulation_error_of(events, kSmallCycles + 1), HasSubstr("'pool': fused_into"));
}

TEST(TraceRecorderTest, EventsOfUnknownLayersOrWithoutACauseAreInternalErrors) {
  EXPECT_THAT(
      simulation_error_of({{Unit::kDma, EventKind::kStore, Cause::kWrite, 0, 3, 0, 0, 1}}, 0),
      HasSubstr("event of layer 3"));
  EXPECT_THAT(
      simulation_error_of({{Unit::kDma, EventKind::kStore, Cause::kWrite, 0, -1, 0, 0, 1}}, 0),
      HasSubstr("event of layer -1"));
  EXPECT_THAT(
      simulation_error_of({{Unit::kPeArray, EventKind::kStall, Cause::kNone, 0, 0, 0, 1, 1}}, 0),
      HasSubstr("a stall of 'conv' has no cause"));
  EXPECT_THAT(
      simulation_error_of({{Unit::kDma, EventKind::kRequest, Cause::kNone, 0, 0, 0, 1, 1}}, 0),
      HasSubstr("a read request of 'conv' has no target"));
}

TEST(TraceRecorderTest, AProgramThatDoesNotExecuteTheNetworkIsAnInternalError) {
  const Network network = small_network();
  EXPECT_THROW(TraceRecorder(network, {{0, ""}, {1, ""}}, kPeakMacs, kMachine), SimulationError);
  EXPECT_THROW(TraceRecorder(network, {{0, ""}, {1, ""}, {1, ""}}, kPeakMacs, kMachine),
               SimulationError);
  EXPECT_THROW(TraceRecorder(network, {{0, ""}, {1, ""}, {3, ""}}, kPeakMacs, kMachine),
               SimulationError);
  EXPECT_THROW(TraceRecorder(network, {{0, ""}, {1, ""}, {-1, ""}}, kPeakMacs, kMachine),
               SimulationError);
}

TEST(TeeSinkTest, EverySinkSeesEveryEvent) {
  const Network network = small_network();
  TraceRecorder first(network, small_layers(), kPeakMacs, kMachine);
  TraceRecorder second(network, small_layers(), kPeakMacs, kMachine);
  TeeSink tee({&first, &second});
  for (const Event& event : small_run()) tee.on_event(event);
  EXPECT_EQ(first.finish(kSmallCycles), small_rows());
  EXPECT_EQ(second.finish(kSmallCycles), small_rows());
}

}  // namespace
}  // namespace tilewake
