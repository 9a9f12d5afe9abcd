// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "simulator/hardware/banked_dram_config.hpp"
#include "tests/support/random.hpp"

namespace tilewake {

/// An unrealistic memory with short rows and short timings, so that a few hundred bursts meet
/// everything.
inline BankedDramConfig random_dram(Random& random) {
  BankedDramConfig c;
  DramDevice& d = c.device;
  d.clock_mhz = c.npu_clock_mhz = 1000;
  d.beats_per_clock = 2;
  d.bus_bytes = 4;
  d.burst_length = 2 * random.between(1, 8);
  d.num_bank_groups = random.pick<std::int64_t>({1, 1, 2, 3, 4});
  d.banks_per_group = random.between(1, 5);
  d.num_rows = random.between(2, 40);
  d.num_columns = d.burst_length * random.pick<std::int64_t>({1, 2, 3, 8, 16, 64});
  DramTimings& t = d.timings;
  for (const DramTimingKey& key : dram_timing_keys()) t.*key.value = random.between(1, 30);
  t.t_rc = t.t_ras + random.between(0, 30);
  t.t_ccd_s = random.between(1, 10);
  t.t_ccd_l = t.t_ccd_s + random.between(0, 10);
  t.t_rrd_s = random.between(1, 12);
  t.t_rrd_l = t.t_rrd_s + random.between(0, 6);
  t.t_faw = random.between(1, 60);
  t.t_rfc = random.between(20, 300);
  t.t_rfc_pb = random.between(10, 150);
  t.t_rtrs = random.between(0, 4);
  t.t_ppd = random.between(0, 5);
  c.num_ranks = random.pick<std::int64_t>({1, 1, 2, 3});
  c.num_channels = 1;
  c.interleave_bytes = c.burst_bytes();
  std::int64_t sum = 2 * c.burst_cycles() + c.banks_per_rank() * std::max<std::int64_t>(1, t.t_ppd);
  for (const DramTimingKey& key : dram_timing_keys()) sum += t.*key.value;
  t.t_refi = 2 * sum + random.between(0, 3000);
  d.refresh =
      random.pick<DramRefresh>({DramRefresh::kNone, DramRefresh::kAllBank, DramRefresh::kPerBank});

  std::vector<DramField> upper = {DramField::kRow, DramField::kRank, DramField::kBank,
                                  DramField::kBankGroup};
  std::vector<DramField> lower = {DramField::kColumn};
  if (random.one_in(2)) {
    upper.pop_back();
    lower.push_back(DramField::kBankGroup);
  }
  for (std::size_t i = upper.size(); i > 1; --i) std::swap(upper[i - 1], upper[random.below(i)]);
  upper.insert(upper.end(), lower.begin(), lower.end());
  std::copy(upper.begin(), upper.end(), d.mapping.begin());
  return c;
}

}  // namespace tilewake
