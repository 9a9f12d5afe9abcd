// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bit>
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

/// Divides by a number that is often a power of two, without a division; operands are not negative.
class Divisor {
 public:
  Divisor() = default;
  explicit Divisor(std::int64_t value)
      : value_(value),
        shift_(std::has_single_bit(static_cast<std::uint64_t>(value))
                   ? std::countr_zero(static_cast<std::uint64_t>(value))
                   : -1),
        reciprocal_(~std::uint64_t{0} / static_cast<std::uint64_t>(value)) {}
  std::int64_t value() const { return value_; }
  std::int64_t quotient(std::int64_t n) const {
    if (shift_ >= 0) return n >> shift_;
    // At most one less than the quotient.
    const auto q =
        static_cast<std::int64_t>((Wide{static_cast<std::uint64_t>(n)} * reciprocal_) >> 64);
    return n - q * value_ >= value_ ? q + 1 : q;
  }
  std::int64_t remainder(std::int64_t n) const {
    return shift_ >= 0 ? n & (value_ - 1) : n - quotient(n) * value_;
  }
  /// The quotient, rounded up.
  std::int64_t ceil(std::int64_t n) const { return quotient(n + value_ - 1); }

 private:
  __extension__ using Wide = unsigned __int128;

  std::int64_t value_ = 1;
  int shift_ = 0;
  std::uint64_t reciprocal_ = 0;  // 2^64 / value, rounded down; unused for powers of two
};

/// Maps the bursts of a channel, in order of addresses, to banks and rows.
class AddressMap {
 public:
  explicit AddressMap(const BankedDramConfig& config);

  std::int64_t num_bursts() const { return num_bursts_.value(); }
  /// The index of a burst whose number may exceed the capacity.
  std::int64_t wrap(std::int64_t number) const { return num_bursts_.remainder(number); }
  /// Bursts of one RowPlace; the index of its first burst is a multiple of this.
  std::int64_t bursts_per_place() const { return bursts_per_place_.value(); }
  /// Bursts from `index` to the end of its RowPlace.
  std::int64_t bursts_left(std::int64_t index) const {
    return bursts_per_place_.value() - bursts_per_place_.remainder(index);
  }
  int interleaved_groups() const { return interleaved_groups_; }
  /// Bursts from a row of a bank to its next row, the same place in every row; 0 if rows are not
  /// the most significant field of an index.
  std::int64_t bursts_per_rotation() const {
    return digits_.back().field == DramField::kRow
               ? num_bursts_.value() / digits_.back().extent.value()
               : 0;
  }
  /// The place of burst `index`; if bank groups are interleaved, its group is that of the burst.
  RowPlace place_of(std::int64_t index) const;

 private:
  struct Digit {
    DramField field = DramField::kRow;
    Divisor extent;
  };
  std::array<Digit, 5> digits_{};  // from the least significant
  Divisor bursts_per_place_;
  Divisor num_bursts_;
  int interleaved_groups_ = 1;
};

}  // namespace tilewake
