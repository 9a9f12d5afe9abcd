// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/midap/slot_schedule.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "simulator/common/error.hpp"
#include "simulator/common/math.hpp"

namespace tilewake::midap {
namespace {

bool is_listed(const std::vector<FirstRead>& reads, int bank) {
  return std::any_of(reads.begin(), reads.end(),
                     [bank](const FirstRead& read) { return read.bank == bank; });
}

}  // namespace

SlotSchedule::SlotSchedule(const MidapLayer& layer, std::int64_t row, std::int64_t lanes,
                           int first_fragment, std::int64_t x_begin, std::int64_t x_last)
    : layer_(layer),
      row_(row),
      first_fragment_(static_cast<std::size_t>(first_fragment)),
      x_begin_(x_begin),
      x_last_(x_last) {
  num_passes_ = layer.out_channels / lanes;
  switch (layer.kind) {
    case MidapKind::kElementwise:
      build_elementwise(lanes);
      break;
    case MidapKind::kGemm:
      build_gemm();
      break;
    case MidapKind::kConv:
      layer.row_aligned ? build_aligned() : build_unaligned();
      break;
    case MidapKind::kExtended:
      build_aligned();
      break;
  }
}

const MidapFragment& SlotSchedule::fragment_at(std::int64_t x) const {
  const auto begin = layer_.input_fragments.begin() + static_cast<std::ptrdiff_t>(first_fragment_);
  const auto it = std::find_if(begin, layer_.input_fragments.end(),
                               [&](const MidapFragment& f) { return f.head <= x && x < f.tail; });
  if (it == layer_.input_fragments.end())
    throw SimulationError("a window reads column " + std::to_string(x) +
                          ", which is not in a bank");
  return *it;
}

/// Taps of a window at corner `x` inside the feature map; other taps take no slot.
SlotSchedule::TapRange SlotSchedule::taps_x(std::int64_t x) const {
  const std::int64_t begin = std::max<std::int64_t>(ceil_div(-x, layer_.dilation), 0);
  const std::int64_t end =
      std::min(ceil_div(layer_.in_width - x, layer_.dilation), layer_.kernel_width);
  return {begin, std::max(begin, end)};
}

SlotSchedule::TapRange SlotSchedule::taps_y(std::int64_t y) const {
  const std::int64_t begin = std::max<std::int64_t>(ceil_div(-y, layer_.dilation), 0);
  const std::int64_t end =
      std::min(ceil_div(layer_.in_height - y, layer_.dilation), layer_.kernel_height);
  return {begin, std::max(begin, end)};
}

void SlotSchedule::find_lines() {
  const std::int64_t y_last =
      layer_.in_height - 1 - (layer_.kernel_height - 1) * layer_.dilation + layer_.pad_bottom;
  for (std::int64_t y = -layer_.pad_top; y <= y_last; y += layer_.stride) {
    const TapRange taps = taps_y(y);
    if (taps.begin < taps.end) lines_.push_back(y);
  }
}

void SlotSchedule::add_column(std::int64_t out_x, std::int64_t slots) {
  columns_.push_back({out_x, pass_slots_, pass_slots_ + slots});
  pass_slots_ += slots;
}

void SlotSchedule::build_elementwise(std::int64_t lanes) {
  const std::int64_t slots = layer_.in_height * ceil_div(layer_.out_channels, lanes);
  for (std::int64_t x = x_begin_; x <= x_last_; ++x) columns_.push_back({x, 0, slots});
  num_passes_ = static_cast<std::int64_t>(columns_.size());
  pass_slots_ = slots;
  first_window_slots_ = 1;
}

void SlotSchedule::build_gemm() {
  const std::int64_t slots = layer_.in_channels / row_;
  columns_.reserve(static_cast<std::size_t>(x_last_ - x_begin_ + 1));
  for (std::int64_t x = x_begin_; x <= x_last_;) {
    const MidapFragment& fragment = fragment_at(x);
    for (; x <= x_last_ && x < fragment.tail; ++x) add_column(x / layer_.out_height, slots);
  }
  first_window_slots_ = slots;
}

void SlotSchedule::build_aligned() {
  find_lines();
  std::int64_t top_slots = 0;  // of the first window, per tap column
  std::int64_t taps_y_total = 0;
  for (const std::int64_t y : lines_) {
    const TapRange taps = taps_y(y);
    taps_y_total += taps.end - taps.begin;
    if (y == lines_.front()) top_slots = taps_y_total * layer_.rows_per_tap;
  }
  for (std::int64_t x = x_begin_; x <= x_last_; x += layer_.stride) {
    const TapRange taps = taps_x(x);
    if (pass_slots_ == 0) first_window_slots_ = (taps.end - taps.begin) * top_slots;
    add_column((x + layer_.pad_left) / layer_.stride,
               (taps.end - taps.begin) * taps_y_total * layer_.rows_per_tap);
  }
}

/// Slots of tap column `kx` of the window at (x, y), whose channels straddle rows. `last` is the
/// previous read, and is updated. With `lead`, the alignment slot is recorded there instead of
/// counted.
std::int64_t SlotSchedule::unaligned_tap_column(std::int64_t x, std::int64_t y, std::int64_t kx,
                                                RowRead& last, ColumnSlots* lead) const {
  const std::int64_t c = layer_.in_channels;
  const std::int64_t column = x + kx * layer_.dilation;
  const MidapFragment& fragment = fragment_at(column);
  const std::int64_t base = (column - fragment.head) * layer_.in_height * c;
  const TapRange taps = taps_y(y);
  // Taps of a column are contiguous unless they are dilated.
  const bool together = layer_.dilation == 1;
  std::int64_t slots = 0;
  for (std::int64_t ky = taps.begin; ky < taps.end; ky = together ? taps.end : ky + 1) {
    const std::int64_t ky_end = together ? taps.end : ky + 1;
    const std::int64_t weight_offset = ky * c % row_;
    const std::int64_t address = base + (y + ky * layer_.dilation) * c;
    const std::int64_t last_row =
        ceil_div(base + (y + (ky_end - 1) * layer_.dilation + 1) * c, row_) - 1;
    const std::int64_t rows = ceil_div(ky_end * c, row_) - ky * c / row_;
    std::int64_t row = address / row_;
    if (address % row_ > weight_offset) {
      // Weights start earlier in their row than the features: one more row to shift through, unless
      // it is still in the shift register.
      const RowRead here{fragment.bank, row};
      if (lead != nullptr && ky == taps.begin) {
        lead->lead = true;
        lead->first = here;
      } else if (!(last == here)) {
        ++slots;
      }
      ++row;
    }
    slots += rows;
    last = {fragment.bank, std::min(row + rows - 1, last_row)};
  }
  return slots;
}

SlotSchedule::ColumnSlots SlotSchedule::unaligned_column(std::int64_t x,
                                                         std::vector<std::int64_t>* windows) const {
  ColumnSlots result;
  const TapRange taps = taps_x(x);
  if (taps.begin == taps.end) return result;
  for (const std::int64_t y : lines_) {
    std::int64_t slots = 0;
    for (std::int64_t kx = taps.begin; kx < taps.end; ++kx) {
      const bool first = y == lines_.front() && kx == taps.begin;
      slots += unaligned_tap_column(x, y, kx, result.last, first ? &result : nullptr);
    }
    if (y == lines_.front()) result.first_window = slots;
    if (windows != nullptr) windows->push_back(slots);
    result.slots += slots;
  }
  return result;
}

/// Columns repeat: if all taps are in one fragment, only the offset within a row matters.
SlotSchedule::ColumnSlots SlotSchedule::cached_unaligned_column(std::int64_t x) {
  const TapRange taps = taps_x(x);
  if (taps.begin == taps.end || lines_.empty()) return {};
  const MidapFragment& first = fragment_at(x + taps.begin * layer_.dilation);
  if (x + (taps.end - 1) * layer_.dilation >= first.tail) return unaligned_column(x, nullptr);

  const std::int64_t plane = layer_.in_height * layer_.in_channels;
  const std::int64_t base = (x + taps.begin * layer_.dilation - first.head) * plane;
  const auto key = std::tuple(base % row_, taps.begin, taps.end);
  const auto cached = cache_.find(key);
  if (cached == cache_.end())
    return cache_.emplace(key, unaligned_column(x, nullptr)).first->second;
  ColumnSlots result = cached->second;
  // Same slots, other rows: the first and the last tap column determine what is read.
  RowRead last;
  ColumnSlots at_first;
  unaligned_tap_column(x, lines_.front(), taps.begin, last, &at_first);
  result.first = at_first.first;
  unaligned_tap_column(x, lines_.back(), taps.end - 1, last, nullptr);
  result.last = last;
  return result;
}

void SlotSchedule::build_unaligned() {
  find_lines();
  RowRead last;
  for (std::int64_t x = x_begin_; x <= x_last_; x += layer_.stride) {
    const ColumnSlots column = cached_unaligned_column(x);
    std::int64_t slots = column.slots;
    if (slots == 0) {  // padding only
      add_column((x + layer_.pad_left) / layer_.stride, 0);
      continue;
    }
    if (pass_slots_ == 0) {
      lead_possible_ = column.lead;
      lead_read_ = column.first;
      first_window_slots_ = column.first_window;
    } else if (column.lead && !(last == column.first)) {
      ++slots;
    }
    add_column((x + layer_.pad_left) / layer_.stride, slots);
    last = column.last;
  }
  last_read_ = last;
}

std::vector<FirstRead> SlotSchedule::first_reads(std::int64_t pass, std::int64_t from) const {
  if (pass_per_column()) return {{bank_at(columns_[static_cast<std::size_t>(pass)].out_x), from}};
  std::vector<FirstRead> reads;
  if (layer_.kind == MidapKind::kGemm) {
    find_matrix_reads(from, reads);
  } else {
    find_window_reads(from, reads);
  }
  return reads;
}

void SlotSchedule::find_matrix_reads(std::int64_t from, std::vector<FirstRead>& reads) const {
  const std::int64_t slots = layer_.in_channels / row_;
  for (std::int64_t x = x_begin_ + from / slots; x <= x_last_;) {
    const MidapFragment& fragment = fragment_at(x);
    if (!is_listed(reads, fragment.bank))
      reads.push_back({fragment.bank, std::max((x - x_begin_) * slots, from)});
    x = fragment.tail;
  }
}

void SlotSchedule::find_window_reads(std::int64_t from, std::vector<FirstRead>& reads) const {
  const bool straddling = layer_.kind == MidapKind::kConv && !layer_.row_aligned;
  std::optional<std::int64_t> before;  // corner x of the previous column, if it has slots
  std::int64_t x = x_begin_ - layer_.stride;
  for (const SlotColumn& column : columns_) {
    x += layer_.stride;
    if (column.begin == column.end) continue;
    const std::optional<std::int64_t> previous = std::exchange(before, x);
    const TapRange taps = taps_x(x);
    bool news = false;
    for (std::int64_t kx = taps.begin; kx < taps.end; ++kx)
      news = news || !is_listed(reads, bank_at(x + kx * layer_.dilation));
    if (column.end <= from || !news) continue;

    RowRead last;
    if (straddling && previous) last = unaligned_column(*previous, nullptr).last;
    std::int64_t slot = column.begin;
    for (const std::int64_t y : lines_) {
      const TapRange rows = taps_y(y);
      for (std::int64_t kx = taps.begin; kx < taps.end; ++kx) {
        ColumnSlots lead;
        const bool first_of_pass = slot == 0;
        const std::int64_t begin = slot;
        slot += straddling ? unaligned_tap_column(x, y, kx, last, first_of_pass ? &lead : nullptr)
                           : (rows.end - rows.begin) * layer_.rows_per_tap;
        const int bank = bank_at(x + kx * layer_.dilation);
        if (slot > from && !is_listed(reads, bank)) reads.push_back({bank, std::max(begin, from)});
      }
    }
  }
}

std::vector<std::int64_t> SlotSchedule::window_slots() const {
  std::vector<std::int64_t> windows;
  if (pass_per_column()) {
    windows.assign(static_cast<std::size_t>(pass_slots_), 1);
    return windows;
  }
  if (layer_.kind == MidapKind::kGemm) {
    windows.assign(columns_.size(), layer_.in_channels / row_);
    return windows;
  }
  RowRead last;
  for (std::int64_t x = x_begin_; x <= x_last_; x += layer_.stride) {
    const TapRange taps = taps_x(x);
    if (taps.begin == taps.end) continue;
    if (layer_.kind == MidapKind::kConv && !layer_.row_aligned) {
      const std::size_t first = windows.size();
      const ColumnSlots column = unaligned_column(x, &windows);
      if (first > 0 && column.lead && !(last == column.first)) ++windows[first];
      last = column.last;
      continue;
    }
    for (const std::int64_t y : lines_) {
      const TapRange rows = taps_y(y);
      windows.push_back((taps.end - taps.begin) * (rows.end - rows.begin) * layer_.rows_per_tap);
    }
  }
  return windows;
}

}  // namespace tilewake::midap
