// SPDX-License-Identifier: Apache-2.0
#include "simulator/trace/trace_network.hpp"

#include <algorithm>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/common/version.hpp"
#include "tests/support/every_op.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/random_network.hpp"
#include "tests/support/sanitizer.hpp"
#include "tests/support/source_files.hpp"
#include "tests/trace/trace_fixture.hpp"

namespace tilewake {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::uint64_t kNumNetworks = num_cases(500);

/// Written and read again.
TraceFile file_of(const std::vector<TraceRow>& rows) {
  std::istringstream stream(trace_csv(rows));
  return read_trace(stream, "layers.csv");
}

std::string error_of(const std::vector<TraceRow>& rows) {
  return input_error_of([&] {
    const TraceFile trace = file_of(rows);
    measurements_of(trace);
  });
}

void expect_same(const Network& rebuilt, const Network& network) {
  EXPECT_EQ(rebuilt.name, network.name);
  EXPECT_EQ(rebuilt.input, network.input);
  ASSERT_EQ(rebuilt.layers.size(), network.layers.size());
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const Layer& a = rebuilt.layers[i];
    const Layer& b = network.layers[i];
    SCOPED_TRACE(network.name + ": " + b.name);
    EXPECT_EQ(a.name, b.name);
    EXPECT_EQ(a.block, b.block);
    EXPECT_EQ(a.op, b.op);
    EXPECT_EQ(a.activation, b.activation);
    EXPECT_EQ(a.inputs, b.inputs);
    EXPECT_EQ(a.ifm, b.ifm);
    EXPECT_EQ(a.ofm, b.ofm);
    EXPECT_EQ(a.kernel_height, b.kernel_height);
    EXPECT_EQ(a.kernel_width, b.kernel_width);
    EXPECT_EQ(a.stride, b.stride);
    EXPECT_EQ(a.dilation, b.dilation);
    EXPECT_EQ(a.groups, b.groups);
    EXPECT_EQ(a.padding, b.padding);
    EXPECT_EQ(a.first_channel, b.first_channel);
    EXPECT_EQ(a.bias, b.bias);
    EXPECT_EQ(a.axis, b.axis);
    EXPECT_EQ(a.extent, b.extent);
    EXPECT_EQ(a.transposed, b.transposed);
    EXPECT_EQ(a.view, b.view);
    EXPECT_EQ(a.order, b.order);
    EXPECT_EQ(a.weights_of, b.weights_of);
    EXPECT_EQ(a.own_bias, b.own_bias);
    EXPECT_EQ(a.shift, b.shift);
  }
}

/// The rows of `network`, executed in an order that has nothing to do with its own.
std::vector<TraceRow> shuffled_rows(const Network& network, std::uint64_t seed) {
  Random random(seed);
  std::vector<int> order(network.layers.size());
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return rows_of(network, order);
}

void expect_rebuilt(const Network& network, std::uint64_t seed) {
  const auto rows = shuffled_rows(network, seed);
  const TraceFile trace = file_of(rows);
  const auto measurements = measurements_of(trace);
  ASSERT_EQ(measurements.size(), 1U);
  expect_same(measurements[0].network, network);
  EXPECT_TRUE(std::equal(rows.begin(), rows.end(), measurements[0].rows.begin(),
                         measurements[0].rows.end()));
}

TEST(TraceNetworkTest, AShippedNetworkIsRebuiltFromItsRows) {
  const auto files = yaml_files_in("networks");
  EXPECT_GE(files.size(), 18U);
  for (const auto& file : files) expect_rebuilt(read_network(file), 1);
}

TEST(TraceNetworkTest, ARandomNetworkIsRebuiltFromItsRows) {
  for (std::uint64_t seed = 1; seed <= kNumNetworks; ++seed) {
    expect_rebuilt(RandomNetwork(seed).make(20), seed);
    if (HasFailure()) return;
  }
}

TEST(TraceNetworkTest, ARandomNetworkThatMovesChannelsIsRebuiltFromItsRows) {
  for (std::uint64_t seed = 1; seed <= kNumNetworks; ++seed) {
    expect_rebuilt(RandomNetwork(seed, RandomNetwork::Channels::kMove).make(20), seed);
    if (HasFailure()) return;
  }
}

TEST(TraceNetworkTest, ANetworkOfEveryOpIsRebuiltFromItsRows) { expect_rebuilt(every_op(), 1); }

TEST(TraceNetworkTest, EveryNetworkOfAFileIsRebuilt) {
  std::vector<Network> networks;
  std::vector<TraceRow> rows;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    networks.push_back(RandomNetwork(seed).make(5));
    for (const TraceRow& row : shuffled_rows(networks.back(), seed)) rows.push_back(row);
  }
  const TraceFile trace = file_of(rows);
  const auto measurements = measurements_of(trace);
  ASSERT_EQ(measurements.size(), networks.size());
  std::size_t row = 0;
  for (std::size_t i = 0; i < networks.size(); ++i) {
    expect_same(measurements[i].network, networks[i]);
    EXPECT_EQ(measurements[i].first_row, row);
    EXPECT_EQ(measurements[i].rows.data(), &trace.rows[row]);
    EXPECT_EQ(measurements[i].version, kVersion);
    row += measurements[i].rows.size();
  }
  EXPECT_EQ(row, rows.size());
}

TEST(TraceNetworkTest, ANetworkOnTwoMachinesIsTwoMeasurements) {
  const Network network = small_network();
  auto rows = rows_of(network, {0, 1, 2}, "one@1");
  for (const TraceRow& row : rows_of(network, {0, 2, 1}, "two@2")) rows.push_back(row);
  const TraceFile trace = file_of(rows);
  const auto measurements = measurements_of(trace);
  ASSERT_EQ(measurements.size(), 2U);
  EXPECT_EQ(measurements[0].machine, "one@1");
  EXPECT_EQ(measurements[1].machine, "two@2");
  for (const Measurement& measurement : measurements) expect_same(measurement.network, network);
}

TEST(TraceNetworkTest, NoLayerIsCalledAsTheNetworksInput) {
  auto rows = small_rows();
  rows[0].layer = "input";
  EXPECT_THAT(error_of(rows), StartsWith("layers.csv:3: layer: 'input' is reserved"));
  rows = small_rows();
  rows[0].layer = "a;b";
  EXPECT_THAT(error_of(rows), StartsWith("layers.csv:3: layer: "));
}

TEST(TraceNetworkTest, ARowThatIsMissingIsNoticedByItsIndex) {
  const Network network = read_network(source_path("networks/mobilenet_v2.yaml").string());
  const auto rows = rows_of(network);
  for (std::size_t i = 0; i + 1 < rows.size(); ++i) {
    auto rest = rows;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_THAT(error_of(rest),
                AllOf(StartsWith(fmt::format("layers.csv:{}: index: ", rest.size() + 2)),
                      HasSubstr(fmt::format("layer {}", i))));
  }
}

TEST(TraceNetworkTest, RowsThatAreMissingAtTheEndAreNoticedByTheirNumber) {
  const Network network = read_network(source_path("networks/mobilenet_v2.yaml").string());
  auto rows = rows_of(network);
  const std::size_t all = rows.size();
  while (rows.size() > 1) {
    rows.pop_back();
    EXPECT_EQ(
        error_of(rows),
        fmt::format("layers.csv:{}: num_layers: the rows of 'mobilenet_v2' end here, {} of {}; "
                    "the file is truncated",
                    rows.size() + 2, rows.size(), all));
  }
}

TEST(TraceNetworkTest, AnIndexIsThatOfOneLayer) {
  auto rows = small_rows();
  rows[2].index = 1;
  EXPECT_THAT(error_of(rows), StartsWith("layers.csv:5: index: "));
}

TEST(TraceNetworkTest, InputsAreEarlierLayers) {
  for (const char* bad : {"pool", "point", "nobody", ";", "conv;", ";conv", "a;b"}) {
    auto rows = small_rows();
    rows[1].inputs = bad;
    EXPECT_THAT(error_of(rows), StartsWith("layers.csv:4: inputs: '")) << bad;
  }
  auto rows = small_rows();
  rows[1].inputs = "conv;conv";
  EXPECT_THAT(error_of(rows), StartsWith("layers.csv:4: inputs: "));
  rows[1].inputs = "conv;input";
  EXPECT_THAT(error_of(rows), StartsWith("layers.csv:4: inputs: "));
}

TEST(TraceNetworkTest, EveryFieldOfARowMustFollowFromTheNetwork) {
  const auto expect_refused = [](std::size_t row, auto field, const auto& value,
                                 const std::string& error) {
    auto rows = small_rows();
    rows[row].*field = value;
    EXPECT_THAT(error_of(rows), StartsWith(error));
  };
  expect_refused(0, &TraceRow::oh, 5, "layers.csv:3: oh: is 5, but must be 4");
  expect_refused(1, &TraceRow::ic, 33, "layers.csv:4: ic: is 33, but must be 32");
  expect_refused(0, &TraceRow::macs, 1, "layers.csv:3: macs: is 1, but must be 122880");
  expect_refused(0, &TraceRow::effective_macs, 1, "layers.csv:3: effective_macs: is 1, but");
  expect_refused(0, &TraceRow::padding, Padding{1, 2, 1, 1},
                 "layers.csv:3: padding: is 1/2/1/1, but must be 1/2/0/1");
  expect_refused(0, &TraceRow::padding, Padding{3, 2, 0, 1},
                 "layers.csv:3: padding: must be from 0 to 2");
  expect_refused(0, &TraceRow::padding, Padding{-1, 2, 0, 1},
                 "layers.csv:3: padding: must be from 0 to 2");
  expect_refused(0, &TraceRow::groups, 3, "layers.csv:3: groups: must divide");
  expect_refused(0, &TraceRow::oc, 0, "layers.csv:3: oc: must be from 1");
  expect_refused(0, &TraceRow::stride, 0, "layers.csv:3: stride: ");
  expect_refused(0, &TraceRow::dilation, 2000, "layers.csv:3: dilation: must be from 1");
  expect_refused(0, &TraceRow::ih, 0, "layers.csv:3: ic: sizes must be from 1");
  expect_refused(2, &TraceRow::kernel, KernelSize{4, 4},
                 "layers.csv:5: kernel: is 4x4, but must be 1x1");
  expect_refused(2, &TraceRow::stride, 2, "layers.csv:5: stride: is 2, but must be 1");
  expect_refused(2, &TraceRow::groups, 2, "layers.csv:5: groups: is 2, but must be 1");
  expect_refused(2, &TraceRow::bias, true, "layers.csv:5: bias: is 1, but must be 0");
  expect_refused(1, &TraceRow::block, "=1", "layers.csv:4: block: must start with");
}

TEST(TraceNetworkTest, TheNameOfANetworkIsValid) {
  auto rows = small_rows();
  for (TraceRow& row : rows) row.network = "a\nb";
  TraceFile trace{"layers.csv", rows};
  EXPECT_THAT(input_error_of([&] { measurements_of(trace); }),
              StartsWith("layers.csv:3: network: "));
}

TEST(TraceNetworkTest, NoMutationOfAFileCrashes) {
  std::vector<TraceRow> rows;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    for (const TraceRow& row : rows_of(RandomNetwork(seed).make(6))) rows.push_back(row);
  }
  const std::string text = trace_csv(rows);
  Random random(1);
  int num_refused = 0;
  for (int i = 0; i < 5000; ++i) {
    std::string mutated = text;
    const std::size_t at = text.find("input") + random.below(text.size() - text.find("input"));
    switch (random.below(4)) {
      case 0:  // digits for digits get past the reader most often
      case 1: {
        const std::size_t digit = mutated.find_first_of("0123456789", at);
        if (digit != std::string::npos) mutated[digit] = static_cast<char>('0' + random.below(10));
        break;
      }
      case 2: {  // a row goes
        const std::size_t begin = mutated.rfind('\n', at) + 1;
        mutated.erase(begin, mutated.find('\n', at) + 1 - begin);
        break;
      }
      default:
        mutated[at] = static_cast<char>(random.below(256));
    }
    const std::string error = input_error_of([&] {
      std::istringstream stream(mutated);
      const TraceFile trace = read_trace(stream, "layers.csv");
      measurements_of(trace);
    });
    if (error == "no error") continue;
    EXPECT_THAT(error, StartsWith("layers.csv:"));
    ++num_refused;
  }
  EXPECT_GT(num_refused, 2000);
}

}  // namespace
}  // namespace tilewake
