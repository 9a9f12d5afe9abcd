// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "simulator/hardware/banked_dram_config.hpp"

namespace tilewake {

/// Consecutive bursts of a channel in one row of one bank, or in one row of one bank of every bank
/// group, rotating over the groups.
struct RowPlace {
  int rank = 0;
  int group = 0;  // of the first burst of the row
  int bank = 0;   // within the group
  std::int64_t row = 0;
};

/// Maps the bursts of a channel, in order of addresses, to banks and rows.
class AddressMap {
 public:
  explicit AddressMap(const BankedDramConfig& config);

  std::int64_t num_bursts() const { return num_bursts_; }
  /// Bursts of one RowPlace; the index of its first burst is a multiple of this.
  std::int64_t bursts_per_place() const { return bursts_per_place_; }
  int interleaved_groups() const { return interleaved_groups_; }
  /// The place of burst `index`; if bank groups are interleaved, its group is that of the burst.
  RowPlace place_of(std::int64_t index) const;

 private:
  struct Digit {
    DramField field = DramField::kRow;
    std::int64_t extent = 1;
  };
  std::array<Digit, 5> digits_{};  // from the least significant
  std::int64_t bursts_per_place_ = 1;
  std::int64_t num_bursts_ = 1;
  int interleaved_groups_ = 1;
};

}  // namespace tilewake
