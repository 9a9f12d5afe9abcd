// SPDX-License-Identifier: Apache-2.0
#include "latency_model/dataset.hpp"

#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/latency_model/fake_features.hpp"
#include "tests/support/input_error.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;

Network fork() {
  return read_network_text(
      "name: fork\n"
      "input: {channels: 8, height: 8, width: 8}\n"
      "layers:\n"
      "  - {name: left, op: conv2d, out_channels: 16, kernel: 3}\n"
      "  - {name: right, op: conv2d, out_channels: 16, kernel: 1}\n"
      "  - {name: join, op: concat, inputs: [left, right]}\n"
      "  - {name: pool, op: max_pool, kernel: 2, stride: 2}\n",
      "fork.yaml");
}

std::vector<TraceRow> fork_rows() { return rows_of(fork(), {100, 200, 0, 50}); }

void add(Dataset& dataset, const std::vector<TraceRow>& rows) {
  add_measurement(dataset, FakeFeatures(), shipped_machine("midap"), fork(), rows);
}

/// The error about rows that `spoil` spoiled. Nothing of them may have been kept.
std::string error_of(const std::function<void(std::vector<TraceRow>&)>& spoil) {
  std::vector<TraceRow> rows = fork_rows();
  spoil(rows);
  Dataset dataset;
  const std::string error = input_error_of([&] { add(dataset, rows); });
  EXPECT_TRUE(dataset.networks.empty() && dataset.samples.empty());
  return error;
}

TEST(DatasetTest, LayersThatTakeCyclesBecomeSamples) {
  Dataset dataset;
  add(dataset, fork_rows());
  EXPECT_THAT(dataset.networks, ::testing::ElementsAre("fork"));
  ASSERT_EQ(dataset.samples.size(), 3u);
  EXPECT_EQ(dataset.samples[0].layer, "left");
  EXPECT_EQ(dataset.samples[2].layer, "pool");
  EXPECT_EQ(dataset.samples[2].cycles, 50.0);
  EXPECT_EQ(dataset.samples[2].features.op_class, FakeFeatures::kPool);
  const Network network = fork();
  EXPECT_EQ(dataset.samples[1].roofline_cycles,
            roofline_cycles(shipped_machine("midap"), network, network.layers[1]));
}

TEST(DatasetTest, RowsAreFoundByNameInAnyOrder) {
  std::vector<TraceRow> rows = fork_rows();
  std::swap(rows[0], rows[3]);
  Dataset dataset;
  add(dataset, rows);
  EXPECT_EQ(dataset.samples[0].layer, "left");
  EXPECT_EQ(dataset.samples[0].cycles, 100.0);
}

TEST(DatasetTest, SamplesHaveTheIndexOfTheirNetwork) {
  Dataset dataset;
  add(dataset, fork_rows());
  add(dataset, fork_rows());
  ASSERT_EQ(dataset.samples.size(), 6u);
  EXPECT_EQ(dataset.samples[2].network, 0);
  EXPECT_EQ(dataset.samples[3].network, 1);
}

TEST(DatasetTest, RowsOfAnotherNetworkAreRefused) {
  EXPECT_THAT(error_of([](auto& rows) { rows.pop_back(); }),
              HasSubstr("fork: layer 'pool' has no row"));
  EXPECT_THAT(error_of([](auto& rows) {
                rows.push_back(rows[0]);
                rows.back().layer = "tail";
              }),
              HasSubstr("fork: layer 'tail' is only"));
  EXPECT_THAT(error_of([](auto& rows) { rows.push_back(rows[0]); }),
              HasSubstr("fork: layer 'left' has two rows"));
  EXPECT_THAT(error_of([](auto& rows) { rows[1].oc = 17; }),
              HasSubstr("fork: layer 'right' has another op"));
  EXPECT_THAT(error_of([](auto& rows) { rows[3].op = Op::kAvgPool; }),
              HasSubstr("fork: layer 'pool' has another op"));
}

TEST(DatasetTest, RowsOfAMachineThatFusesOtherwiseAreRefused) {
  EXPECT_THAT(error_of([](auto& rows) {
                rows[3].fused_into = "right";
                rows[3].total_cycles = 0;
              }),
              HasSubstr("fork: layer 'pool' is fused"));
  EXPECT_THAT(error_of([](auto& rows) {
                rows[2].fused_into.clear();
                rows[2].total_cycles = 5;
              }),
              HasSubstr("fork: layer 'join' takes cycles"));
}

}  // namespace
}  // namespace tilewake
