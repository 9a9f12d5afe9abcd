// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <tuple>
#include <vector>

#include "simulator/mapping/midap/midap_program.hpp"

namespace tilewake::midap {

/// The row of a FMEM bank that an issue slot read. A bubble reads row -1.
struct RowRead {
  int bank = 0;
  std::int64_t row = -1;
  friend bool operator==(const RowRead&, const RowRead&) = default;
};

/// All windows with the same corner x: their slots in one pass, counted from the start of the pass,
/// without the lead slot (see SlotSchedule).
struct SlotColumn {
  std::int64_t out_x = 0;
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

/// The first slot that reads a bank.
struct FirstRead {
  int bank = 0;
  std::int64_t slot = 0;
};

/// The issue slots of one PROCESS in closed form, column by column: no time, no state.
///
/// A PROCESS runs `num_passes` passes over the same windows, one per group of output channels; add
/// and mul run one pass per column instead. All passes are equal except for the lead slot: the
/// first window of an unaligned convolution needs one more alignment slot unless its first row was
/// just read.
///
/// Source: the slot counts per operator of the reference simulator (simulator/engine/README.md).
class SlotSchedule {
 public:
  /// @param row            entries of a FMEM row
  /// @param lanes          output channels of one pass
  /// @param first_fragment first input fragment that no earlier PROCESS consumed
  /// @param x_begin,x_last first and last window corner, inclusive
  SlotSchedule(const MidapLayer& layer, std::int64_t row, std::int64_t lanes, int first_fragment,
               std::int64_t x_begin, std::int64_t x_last);

  std::int64_t num_passes() const { return num_passes_; }
  std::int64_t pass_slots() const { return pass_slots_; }
  /// Slots of the first window, which completes the first output of a pass. Windows in the padding
  /// only take no slot and do not count.
  std::int64_t first_window_slots() const { return first_window_slots_; }
  /// 1 if a pass that begins after reading `last` has a lead slot, otherwise 0.
  std::int64_t lead_slots(const RowRead& last) const {
    return lead_possible_ && !(last == lead_read_) ? 1 : 0;
  }
  /// The read of the last slot of a pass.
  const RowRead& last_read() const { return last_read_; }

  /// True for add and mul: pass i is column i.
  bool pass_per_column() const { return layer_.kind == MidapKind::kElementwise; }
  /// Columns of a pass in order (of all passes if `pass_per_column`).
  const std::vector<SlotColumn>& columns() const { return columns_; }

  /// The first read of each bank in a pass from slot `from` on, in order of slots.
  std::vector<FirstRead> first_reads(std::int64_t pass, std::int64_t from) const;
  /// Slots of every window of a pass in order. Iterates over all windows: only for layers whose
  /// writes can stall the pipe.
  std::vector<std::int64_t> window_slots() const;

 private:
  /// An unaligned column, its first window without the lead slot.
  struct ColumnSlots {
    std::int64_t slots = 0;
    std::int64_t first_window = 0;
    bool lead = false;
    RowRead first;
    RowRead last;
  };
  struct TapRange {
    std::int64_t begin = 0;
    std::int64_t end = 0;
  };

  int bank_at(std::int64_t x) const { return fragment_at(x).bank; }
  const MidapFragment& fragment_at(std::int64_t x) const;
  TapRange taps_x(std::int64_t x) const;
  TapRange taps_y(std::int64_t y) const;
  void find_lines();

  void build_elementwise(std::int64_t lanes);
  void build_gemm();
  void build_aligned();
  void build_unaligned();
  void add_column(std::int64_t out_x, std::int64_t slots);

  void find_matrix_reads(std::int64_t from, std::vector<FirstRead>& reads) const;
  void find_window_reads(std::int64_t from, std::vector<FirstRead>& reads) const;
  std::int64_t unaligned_tap_column(std::int64_t x, std::int64_t y, std::int64_t kx, RowRead& last,
                                    ColumnSlots* lead) const;
  ColumnSlots unaligned_column(std::int64_t x, std::vector<std::int64_t>* windows) const;
  ColumnSlots cached_unaligned_column(std::int64_t x);

  const MidapLayer& layer_;
  const std::int64_t row_;
  const std::size_t first_fragment_;
  const std::int64_t x_begin_;
  const std::int64_t x_last_;
  std::vector<std::int64_t> lines_;  // corner y of the windows with taps
  std::int64_t num_passes_ = 0;
  std::int64_t pass_slots_ = 0;
  std::int64_t first_window_slots_ = 0;
  bool lead_possible_ = false;
  RowRead lead_read_;
  RowRead last_read_;
  std::vector<SlotColumn> columns_;
  std::map<std::tuple<std::int64_t, std::int64_t, std::int64_t>, ColumnSlots> cache_;
};

}  // namespace tilewake::midap
