// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "simulator/engine/memory/frfcfs_channel.hpp"
#include "simulator/engine/memory/stream_channel.hpp"
#include "tests/engine/dram_reference.hpp"

namespace tilewake {
namespace {

/// Cycles from the first burst's arrival to the last data, in order.
std::int64_t in_order_cycles(const ReferenceRow& row) {
  const BankedDramConfig config = config_of(row);
  StreamChannel channel(config);
  std::int64_t end = 0;
  for (const BurstRun& bursts : bursts_of(row.text("stream"), config))
    end = channel.run(bursts.first, bursts.count, bursts.write, 0).data_end;
  return end;
}

/// The same, reordered.
std::int64_t frfcfs_cycles(const BankedDramConfig& config, const std::vector<BurstRun>& runs) {
  FrFcfsChannel channel(config);
  std::vector<FrFcfsChannel::Issued> issued;
  std::int64_t num_bursts = 0;
  for (const BurstRun& bursts : runs) {
    channel.add(0, bursts.first, bursts.count, bursts.write, 0);
    num_bursts += bursts.count;
  }
  channel.advance(1'000'000'000, issued);
  EXPECT_EQ(static_cast<std::int64_t>(issued.size()), num_bursts);
  std::int64_t end = 0;
  for (const FrFcfsChannel::Issued& burst : issued) end = std::max(end, burst.data_end);
  return end;
}

std::int64_t frfcfs_cycles(const ReferenceRow& row) {
  const BankedDramConfig config = config_of(row);
  return frfcfs_cycles(config, bursts_of(row.text("stream"), config));
}

enum class Stream { kMarching, kFarApart, kConflicting };

Stream kind_of(const std::string& stream) {
  if (stream.starts_with("seq_") || stream == "rw4K_same_1M") return Stream::kMarching;
  return stream == "rw4K_sep_1M" ? Stream::kFarApart : Stream::kConflicting;
}

struct Errors {
  int count = 0;
  double sum = 0.0;
  double max = 0.0;
};

/// Over all streams of a kind; signs are ignored.
Errors errors_of(std::int64_t (*cycles_of)(const ReferenceRow&), Stream kind) {
  Errors errors;
  for (const ReferenceRow& row : read_reference_table("dram_golden.csv")) {
    if (kind_of(row.text("stream")) != kind) continue;
    const auto expected = static_cast<double>(row.number("cycles"));
    const double error = std::abs(static_cast<double>(cycles_of(row)) / expected - 1.0);
    errors.sum += error;
    errors.max = std::max(errors.max, error);
    ++errors.count;
  }
  return errors;
}

TEST(DramGoldenTest, MarchingStreamsInOrderTakeTheCyclesOfTheReference) {
  const Errors errors = errors_of(in_order_cycles, Stream::kMarching);
  EXPECT_EQ(errors.count, 45);
  EXPECT_LT(errors.max, 0.0065);
  EXPECT_LT(errors.sum / errors.count, 0.001);
}

TEST(DramGoldenTest, StreamsFarApartInOrderAreNearTheReference) {
  const Errors errors = errors_of(in_order_cycles, Stream::kFarApart);
  EXPECT_EQ(errors.count, 5);
  EXPECT_LT(errors.max, 0.06);
}

TEST(DramGoldenTest, MarchingStreamsReorderedTakeTheCyclesOfTheReference) {
  const Errors errors = errors_of(frfcfs_cycles, Stream::kMarching);
  EXPECT_EQ(errors.count, 45);
  EXPECT_LT(errors.max, 0.004);
  EXPECT_LT(errors.sum / errors.count, 0.001);
}

TEST(DramGoldenTest, ConflictingStreamsReorderedTakeTheCyclesOfTheReference) {
  EXPECT_LT(errors_of(frfcfs_cycles, Stream::kFarApart).max, 0.006);
  EXPECT_LT(errors_of(frfcfs_cycles, Stream::kConflicting).max, 0.006);
}

ReferenceRow golden_row(const std::string& config) {
  for (const ReferenceRow& row : read_reference_table("dram_golden.csv"))
    if (row.text("config") == config) return row;
  throw std::runtime_error("no such memory: " + config);
}

// Alternating reads and writes of 256 bytes to 4 KiB, and orders of the address fields in which
// rows of different bank groups overlap.
TEST(DramGoldenTest, ShortAlternationsAndOverlappingRowsReorderedTakeTheCyclesOfTheReference) {
  int count = 0;
  for (const ReferenceRow& row : read_reference_table("dram_reordering.csv")) {
    SCOPED_TRACE(row.line());
    const BankedDramConfig config =
        config_of(golden_row(row.text("config")), row.text("address_mapping"));
    const auto expected = static_cast<double>(row.number("cycles"));
    const std::vector<BurstRun> runs = bursts_of(row.text("stream"), config);
    EXPECT_NEAR(static_cast<double>(frfcfs_cycles(config, runs)) / expected, 1.0, 0.015);
    ++count;
  }
  EXPECT_GE(count, 30);
}

}  // namespace
}  // namespace tilewake
