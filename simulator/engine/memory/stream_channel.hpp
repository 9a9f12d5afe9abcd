// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "simulator/engine/memory/address_map.hpp"
#include "simulator/engine/memory/channel_timing.hpp"

namespace tilewake {

/// What a run of bursts did; DRAM cycles.
struct ChannelRun {
  std::int64_t data_begin = 0;
  std::int64_t data_end = 0;
  std::int64_t row_hits = 0;
  std::int64_t row_misses = 0;
};

/// One channel that serves bursts strictly in order. Columns are issued in the order of bursts; the
/// PRE and ACT of a burst may go as soon as it is within kWindow bursts of the one at the head:
///
///   enter(i)  = max(arrive, column(i - kWindow) + 1) + 1
///   PRE, ACT  = as soon as enter(i) and the timings allow
///   column(i) = max(enter(i), ACT + tRCD, what column(i - 1) and the data bus allow)
///
/// No command goes at or after the cycle at which a refresh of its bank is due; what would is put
/// behind the refresh. A refresh that is due while nothing happens is carried out when next a
/// command is to go.
///
/// Within a row, columns that follow one another in equal steps are not computed one by one: a row
/// costs a few steps whatever its length, and the result is the same.
class StreamChannel {
 public:
  static constexpr std::int64_t kWindow = 40;

  explicit StreamChannel(const BankedDramConfig& config);
  void reset();

  /// Serves `count` consecutive bursts from number `first` (modulo the capacity) that arrive at
  /// cycle `arrive`, no earlier than those before. count > 0.
  ChannelRun run(std::int64_t first, std::int64_t count, bool write, std::int64_t arrive);

  const ChannelTiming& timing() const { return timing_; }

 private:
  /// Columns in equal steps.
  struct Piece {
    std::int64_t first = 0;  // number of the burst, since reset
    std::int64_t time = 0;
    std::int64_t step = 0;
    std::int64_t count = 0;
  };

  std::int64_t enter_time(std::int64_t arrive);
  void remember(std::int64_t time, std::int64_t step, std::int64_t count);
  /// Issues the next burst.
  void issue(int bank, std::int64_t row, bool write, std::int64_t arrive, ChannelRun& run);
  /// How many further columns to a row that is open in all these banks are in equal steps.
  std::int64_t steady_columns(int first_bank, int stride, int num_banks, std::int64_t row,
                              std::int64_t left) const;

  AddressMap map_;
  ChannelTiming timing_;
  std::int64_t burst_cycles_ = 1;
  int group_stride_ = 1;       // from a bank to the same of the next bank group
  std::int64_t step_ = 1;      // between columns in the middle of a row
  bool can_be_steady_ = true;  // no column waits for its bank group then

  // The columns of the last kWindow bursts, a ring.
  static constexpr std::size_t kRing = 64;
  static_assert(kRing > kWindow + 1);
  std::array<Piece, kRing> pieces_{};
  std::size_t oldest_ = 0;
  std::size_t num_pieces_ = 0;
  std::int64_t num_bursts_ = 0;
};

}  // namespace tilewake
