// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "simulator/hardware/banked_dram_config.hpp"
#include "tests/support/reference_table.hpp"

namespace tilewake {

/// A run of consecutive bursts of one channel.
struct BurstRun {
  std::int64_t first = 0;
  std::int64_t count = 0;
  bool write = false;
};

/// The memory of a row of tests/reference/dram_golden.csv: one channel, with another order of the
/// address fields if `mapping` is not empty.
inline BankedDramConfig config_of(const ReferenceRow& row, std::string mapping = "") {
  BankedDramConfig c;
  DramDevice& d = c.device;
  d.clock_mhz = 1e3 / std::stod(row.text("tCK_ns"));
  d.burst_length = row.number("BL");
  d.beats_per_clock = d.burst_length / row.number("burst_cycles");
  d.bus_bytes = row.number("bus_width") / 8;
  d.num_bank_groups = row.number("bankgroups");
  d.banks_per_group = row.number("banks_per_group");
  d.num_rows = row.number("rows");
  d.num_columns = row.number("columns");
  if (d.num_columns / d.burst_length * row.number("access_bytes") == 0)
    throw std::runtime_error("no whole burst in a row: " + row.line());
  for (const DramTimingKey& key : dram_timing_keys()) {
    if (key.name != "tRFCpb") d.timings.*key.value = row.number(std::string(key.name));
  }
  d.refresh = d.timings.t_refi < 1'000'000 ? DramRefresh::kAllBank : DramRefresh::kNone;
  const std::map<std::string, DramField> fields = {{"ro", DramField::kRow},
                                                   {"ra", DramField::kRank},
                                                   {"bg", DramField::kBankGroup},
                                                   {"ba", DramField::kBank},
                                                   {"co", DramField::kColumn}};
  if (mapping.empty()) mapping = row.text("address_mapping");
  std::size_t place = 0;
  for (std::size_t i = 0; i < mapping.size(); i += 2) {
    const std::string field = mapping.substr(i, 2);
    if (field != "ch") d.mapping.at(place++) = fields.at(field);  // there is one channel
  }
  c.num_channels = row.number("channels");
  c.num_ranks = row.number("ranks");
  c.interleave_bytes = c.burst_bytes();
  c.npu_clock_mhz = d.clock_mhz;
  return c;
}

/// The bursts of a stream of the table, in order.
inline std::vector<BurstRun> bursts_of(const std::string& stream, const BankedDramConfig& config) {
  const std::int64_t burst = config.burst_bytes();
  std::vector<BurstRun> runs;
  if (stream.starts_with("seq_")) {
    const std::map<std::string, std::int64_t> sizes = {
        {"4K", 4 << 10}, {"64K", 64 << 10}, {"1M", 1 << 20}, {"16M", 16 << 20}};
    runs.push_back({0, sizes.at(stream.substr(7)) / burst, stream.starts_with("seq_wr")});
  } else if (stream.starts_with("rw")) {
    const std::size_t name = stream.find('_');
    std::size_t digits = 0;
    std::int64_t size = std::stoll(stream.substr(2), &digits);
    if (stream[2 + digits] == 'K') size *= 1024;
    const std::int64_t length = size / burst;
    const bool is_separate = stream.substr(name) == "_sep_1M";
    for (std::int64_t i = 0; i < (1 << 20) / size; ++i) {
      const bool write = i % 2 == 1;
      const std::int64_t far = write ? (64 << 20) / burst : 0;
      runs.push_back({is_separate ? far + i / 2 * length : i * length, length, write});
    }
  } else if (stream == "stride_page_rd") {
    for (std::int64_t i = 0; i < 4096; ++i)
      runs.push_back({i * config.row_bytes() / burst, 1, false});
  } else {
    throw std::runtime_error("unknown stream " + stream);
  }
  return runs;
}

}  // namespace tilewake
