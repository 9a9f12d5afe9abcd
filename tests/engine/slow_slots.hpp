// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "simulator/mapping/midap/midap_program.hpp"

namespace tilewake::slow {

/// The issue of one cycle.
struct Slot {
  enum class Kind { kBubble, kWindow, kReduction, kEnd };
  Kind kind = Kind::kBubble;
  int bank = 0;
  std::int64_t row = -1;         // of the bank
  std::int64_t group = 0;        // of output channels
  std::int64_t weight_row = -1;  // of the filter
  std::int64_t out_x = 0;
  bool finishes_output = false;
};

inline std::int64_t div_down(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }
inline std::int64_t div_up(std::int64_t a, std::int64_t b) { return -div_down(-a, b); }

/// Lists the slots of one pass of a PROCESS, one after the other: window by window, tap by tap.
class SlotLister {
 public:
  SlotLister(const MidapLayer& layer, std::int64_t row, int first_fragment)
      : layer_(layer), row_(row), first_fragment_(first_fragment) {}

  /// `pass` counts groups of output channels; columns for add and mul. `before` was issued last.
  std::vector<Slot> list(const MidapBehaviour& process, std::int64_t pass, const Slot& before) {
    slots_.clear();
    pass_ = pass;
    before_ = before;
    switch (layer_.kind) {
      case MidapKind::kGemm:
        for (std::int64_t x = process.x_begin; x <= process.x_last; ++x) add_matrix_row(x);
        break;
      case MidapKind::kElementwise:
        add_elementwise_column(process.x_begin + pass);
        break;
      default:
        for (std::int64_t x = process.x_begin; x <= process.x_last; x += layer_.stride)
          for (std::int64_t y = -layer_.pad_top; y <= last_y(); y += layer_.stride)
            add_window(x, y);
    }
    return slots_;
  }

 private:
  std::int64_t last_y() const {
    return layer_.in_height + layer_.pad_bottom - 1 - (layer_.kernel_height - 1) * layer_.dilation;
  }

  /// The first fragment with column `x`, from those that no earlier PROCESS consumed.
  const MidapFragment& fragment_with(std::int64_t x) const {
    for (std::size_t i = static_cast<std::size_t>(first_fragment_);
         i < layer_.input_fragments.size(); ++i) {
      const MidapFragment& fragment = layer_.input_fragments[i];
      if (fragment.head <= x && x < fragment.tail) return fragment;
    }
    throw std::logic_error("column " + std::to_string(x) + " is in no fragment");
  }

  void add(int bank, std::int64_t row, std::int64_t group, std::int64_t weight_row,
           std::int64_t out_x) {
    slots_.push_back({Slot::Kind::kWindow, bank, row, group, weight_row, out_x, false});
  }

  void add_matrix_row(std::int64_t x) {
    const MidapFragment& fragment = fragment_with(x);
    const std::int64_t rows = layer_.in_channels / row_;
    for (std::int64_t r = 0; r < rows; ++r)
      add(fragment.bank, (x - fragment.head) * rows + r, pass_, r, x / layer_.out_height);
    slots_.back().finishes_output = true;
  }

  void add_elementwise_column(std::int64_t x) {
    const MidapFragment& fragment = fragment_with(x);
    std::int64_t row = (x - fragment.head) * layer_.in_height * div_up(layer_.in_channels, row_);
    for (std::int64_t y = 0; y < layer_.in_height; ++y) {
      for (std::int64_t c = 0; c < layer_.out_channels; c += row_) {
        add(fragment.bank, row++, c / row_, c / row_, x);
        slots_.back().finishes_output = true;
      }
    }
  }

  void add_window(std::int64_t x, std::int64_t y) {
    const std::size_t begin = slots_.size();
    for (std::int64_t kx = 0; kx < layer_.kernel_width; ++kx) {
      const std::int64_t column = x + kx * layer_.dilation;
      if (column < 0 || column >= layer_.in_width) continue;
      const std::int64_t out_x = (x + layer_.pad_left) / layer_.stride;
      if (layer_.kind == MidapKind::kExtended || layer_.row_aligned) {
        add_aligned_taps(column, y, kx, out_x);
      } else if (layer_.dilation == 1) {
        const std::int64_t ky_begin = std::max<std::int64_t>(0, -y);
        const std::int64_t ky_end = std::min(layer_.kernel_height, layer_.in_height - y);
        if (ky_begin < ky_end) add_straddling_taps(column, y, kx, ky_begin, ky_end, out_x);
      } else {
        for (std::int64_t ky = 0; ky < layer_.kernel_height; ++ky) {
          const std::int64_t line = y + ky * layer_.dilation;
          if (line < 0 || line >= layer_.in_height) continue;
          add_straddling_taps(column, line - ky, kx, ky, ky + 1, out_x);
        }
      }
    }
    if (slots_.size() > begin) slots_.back().finishes_output = true;
  }

  void add_aligned_taps(std::int64_t column, std::int64_t y, std::int64_t kx, std::int64_t out_x) {
    const MidapFragment& fragment = fragment_with(column);
    for (std::int64_t ky = 0; ky < layer_.kernel_height; ++ky) {
      const std::int64_t line = y + ky * layer_.dilation;
      if (line < 0 || line >= layer_.in_height) continue;
      const std::int64_t rows = layer_.kind == MidapKind::kExtended ? 1 : layer_.rows_per_tap;
      for (std::int64_t r = 0; r < rows; ++r) {
        const std::int64_t place = (column - fragment.head) * layer_.in_height + line;
        add(fragment.bank, place * rows + r, pass_, (kx * layer_.kernel_height + ky) * rows + r,
            out_x);
      }
    }
  }

  /// Taps [ky_begin, ky_end) of a tap column, at lines y + ky. Their channels lie behind each other
  /// and do not begin at a row.
  void add_straddling_taps(std::int64_t column, std::int64_t y, std::int64_t kx,
                           std::int64_t ky_begin, std::int64_t ky_end, std::int64_t out_x) {
    const MidapFragment& fragment = fragment_with(column);
    const std::int64_t c = layer_.in_channels;
    const std::int64_t base = (column - fragment.head) * layer_.in_height * c;
    const std::int64_t address = base + (y + ky_begin) * c;
    const std::int64_t last_row = div_up(base + (y + ky_end) * c, row_) - 1;
    const std::int64_t weight_offset = ky_begin * c % row_;
    const std::int64_t rows = div_up(ky_end * c, row_) - ky_begin * c / row_;
    std::int64_t row = address / row_;
    std::int64_t weight_row = kx * div_up(c * layer_.kernel_height, row_) + ky_begin * c / row_;
    if (address % row_ > weight_offset) {
      const Slot& last = slots_.empty() ? before_ : slots_.back();
      if (last.bank != fragment.bank || last.row != row)
        add(fragment.bank, row, pass_, weight_row, out_x);
      ++row;
    }
    for (std::int64_t r = 0; r < rows; ++r)
      add(fragment.bank, std::min(row + r, last_row), pass_, weight_row++, out_x);
  }

  const MidapLayer& layer_;
  const std::int64_t row_;
  const int first_fragment_;
  std::int64_t pass_ = 0;
  Slot before_;
  std::vector<Slot> slots_;
};

}  // namespace tilewake::slow
