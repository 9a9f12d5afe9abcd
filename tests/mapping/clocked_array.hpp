// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

namespace tilewake {

template <typename T>
struct Matrix {
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::vector<T> values;

  Matrix() = default;
  Matrix(std::size_t num_rows, std::size_t num_cols)
      : rows(num_rows), cols(num_cols), values(num_rows * num_cols) {}
  T& at(std::size_t row, std::size_t col) { return values[row * cols + col]; }
  const T& at(std::size_t row, std::size_t col) const { return values[row * cols + col]; }
};

/// The computation of an array with one set of stationary operands.
struct ClockedFold {
  Matrix<std::int8_t> stays;  // rows x cols: the operand that stays; empty where sums stay
  Matrix<std::int8_t> left;   // waves x rows
  Matrix<std::int8_t> top;    // waves x cols, where sums stay
  int wave_cycles = 1;        // that the ports of the streams take for a wave
  int row_cycles = 1;         // that a port takes for a row of what stays: operands in, or sums out
};

struct ClockedRun {
  std::int64_t cycles = 0;
  std::vector<Matrix<std::int32_t>> sums;  // by fold; waves x cols, or rows x cols where sums stay
};

/// An operand passed from one processing element to the next.
struct ClockedWave {
  std::int8_t value = 0;
  bool valid = false;
  bool begins = false;  // a fold: what stays is exchanged now
  bool ends = false;    // a fold: its sum is complete
};

/// Registers in a row: what goes in comes out `length` clock edges later.
template <typename T>
class DelayLine {
 public:
  explicit DelayLine(std::size_t length) : registers_(length) {}
  T shift(T in) {
    registers_.push_back(std::move(in));
    T out = std::move(registers_.front());
    registers_.pop_front();
    return out;
  }

 private:
  std::deque<T> registers_;
};

/// Line i of `count` delays by i: the skew in which an edge of the array is fed.
template <typename T>
std::vector<DelayLine<T>> skewed_lines(std::size_t count) {
  std::vector<DelayLine<T>> lines;
  for (std::size_t i = 0; i < count; ++i) lines.emplace_back(i);
  return lines;
}

/// An array in which one operand stays (weight or input stationary), register by register.
///
/// The operand that stays comes from the top, one row a cycle, last row first, in a chain of
/// registers beside those in use: a value moves down while the register below is empty or is being
/// emptied. The other operand enters on the left and moves right, sums move down and leave at the
/// bottom. A fold's first wave carries a mark at which each element takes over what waits in its
/// chain. With `overlap` the chain fills up again behind that mark; else the next fold's operand
/// comes when all sums have left. Cycles count until the last sum leaves the last column: every
/// fold passes the whole array, even if little of it is used.
class StationaryOperandArray {
 public:
  StationaryOperandArray(std::size_t rows, std::size_t cols, bool overlap)
      : rows_(rows), cols_(cols), overlap_(overlap) {}

  ClockedRun run(const std::vector<ClockedFold>& folds) {
    folds_ = &folds;
    run_ = {};
    for (const ClockedFold& fold : folds) run_.sums.emplace_back(fold.left.rows, cols_);
    pes_.assign(rows_ * cols_, {});
    left_lines_ = skewed_lines<ClockedWave>(rows_);
    chain_lines_ = skewed_lines<std::optional<std::int8_t>>(cols_);
    loading_ = streaming_ = num_begun_ = 0;
    row_ = wave_ = 0;
    row_progress_ = wave_progress_ = 0;
    leaving_.assign(cols_, {});
    for (edge_ = 0; leaving_.back().fold < folds.size(); ++edge_) clock_edge();
    return std::move(run_);
  }

 private:
  struct Pe {
    ClockedWave operand;
    std::int8_t stays = 0;
    std::optional<std::int8_t> next;  // its register of the chain
    std::int32_t sum = 0;
  };
  struct Leaving {
    std::size_t fold = 0;
    std::size_t wave = 0;
  };

  const Pe& pe(std::size_t row, std::size_t col) const { return pes_[row * cols_ + col]; }

  /// What row 0 of the left edge is given; the rows below get theirs of the same wave later.
  std::vector<ClockedWave> issue() {
    std::vector<ClockedWave> waves(rows_);
    const bool idle = streaming_ == num_begun_;
    if (idle && num_begun_ < folds_->size() && loading_ > num_begun_ && pe(0, 0).next) {
      ++num_begun_;
      for (ClockedWave& wave : waves) wave.begins = true;
    }
    if (streaming_ == num_begun_) return waves;
    const ClockedFold& fold = (*folds_)[streaming_];
    if (++wave_progress_ < fold.wave_cycles) return waves;
    wave_progress_ = 0;
    for (std::size_t r = 0; r < rows_; ++r) {
      waves[r].value = fold.left.at(wave_, r);
      waves[r].valid = true;
    }
    if (++wave_ == fold.left.rows) {
      wave_ = 0;
      ++streaming_;
    }
    return waves;
  }

  /// The row for the top of the chain, if one is ready and there is room for it.
  std::vector<std::optional<std::int8_t>> load(bool room) {
    std::vector<std::optional<std::int8_t>> values(cols_);
    if (loading_ == folds_->size() || !room) return values;
    if (!overlap_ && leaving_.back().fold < loading_) return values;
    const ClockedFold& fold = (*folds_)[loading_];
    if (++row_progress_ < fold.row_cycles) return values;
    row_progress_ = 0;
    for (std::size_t c = 0; c < cols_; ++c) values[c] = fold.stays.at(rows_ - 1 - row_, c);
    if (++row_ == rows_) {
      row_ = 0;
      ++loading_;
    }
    return values;
  }

  void clock_edge() {
    const std::vector<ClockedWave> issued = issue();
    std::vector<ClockedWave> arriving(rows_ * cols_);
    for (std::size_t r = 0; r < rows_; ++r) {
      arriving[r * cols_] = left_lines_[r].shift(issued[r]);
      for (std::size_t c = 1; c < cols_; ++c) arriving[r * cols_ + c] = pe(r, c - 1).operand;
    }
    std::vector<bool> moves_down(rows_ * cols_);
    std::vector<bool> has_room(rows_ * cols_);
    for (std::size_t i = rows_ * cols_; i-- > 0;) {
      const bool above_another = i + cols_ < rows_ * cols_;
      moves_down[i] = pes_[i].next && !arriving[i].begins && above_another && has_room[i + cols_];
      has_room[i] = !pes_[i].next || arriving[i].begins || moves_down[i];
    }
    const auto loaded = load(has_room[0]);
    std::vector<Pe> after(rows_ * cols_);
    for (std::size_t c = 0; c < cols_; ++c) {
      std::optional<std::int8_t> from_above = chain_lines_[c].shift(loaded[c]);
      std::int32_t sum_from_above = 0;
      for (std::size_t r = 0; r < rows_; ++r) {
        const std::size_t i = r * cols_ + c;
        const Pe& before = pes_[i];
        if (arriving[i].begins && !before.next) throw std::logic_error("nothing to take over");
        if (from_above && !has_room[i]) throw std::logic_error("an operand is overwritten");
        Pe& pe = after[i];
        pe.operand = arriving[i];
        pe.stays = arriving[i].begins ? *before.next : before.stays;
        pe.sum = sum_from_above + pe.operand.value * pe.stays;
        pe.next = from_above || has_room[i] ? from_above : before.next;
        from_above = moves_down[i] ? before.next : std::nullopt;
        sum_from_above = before.sum;
      }
      const Pe& bottom = after[(rows_ - 1) * cols_ + c];
      if (bottom.operand.valid) leave(c, bottom.sum);
    }
    pes_ = std::move(after);
  }

  void leave(std::size_t col, std::int32_t sum) {
    Leaving& next = leaving_[col];
    Matrix<std::int32_t>& sums = run_.sums[next.fold];
    sums.at(next.wave, col) = sum;
    run_.cycles = edge_ + 1;
    if (++next.wave == sums.rows) next = {next.fold + 1, 0};
  }

  std::size_t rows_;
  std::size_t cols_;
  bool overlap_;
  const std::vector<ClockedFold>* folds_ = nullptr;
  ClockedRun run_;
  std::int64_t edge_ = 0;
  std::vector<Pe> pes_;
  std::vector<DelayLine<ClockedWave>> left_lines_;
  std::vector<DelayLine<std::optional<std::int8_t>>> chain_lines_;
  // The control: folds whose operand is loaded, of which waves are issued, and which were begun.
  std::size_t loading_ = 0;
  std::size_t streaming_ = 0;
  std::size_t num_begun_ = 0;
  std::size_t row_ = 0;   // of the fold that is loaded
  std::size_t wave_ = 0;  // of the fold that streams
  int row_progress_ = 0;
  int wave_progress_ = 0;
  std::vector<Leaving> leaving_;  // by column: which sum comes next
};

/// Complete sums of one column on their way down and out, one register a row.
class DrainColumn {
 public:
  using Sums = std::vector<std::optional<std::int32_t>>;  // by row

  DrainColumn(std::size_t rows, int row_cycles) : registers_(rows), row_cycles_(row_cycles) {}

  /// A clock edge at which the sums of some rows are complete. Sums that move on make space for new
  /// ones; a sum without space is lost, and `collides` is true from then on.
  std::optional<std::int32_t> clock_edge(const Sums& complete) {
    std::optional<std::int32_t> out;
    Sums after(registers_.size());
    for (std::size_t r = registers_.size(); r-- > 0;) {
      const bool is_bottom = r + 1 == registers_.size();
      if (is_bottom && registers_[r]) ++progress_;
      if (progress_ == row_cycles_) {
        progress_ = 0;
        out = registers_[r];
      } else if (registers_[r] && !is_bottom && !after[r + 1]) {
        after[r + 1] = registers_[r];
      } else {
        after[r] = registers_[r];
      }
      if (complete[r] && after[r]) collides_ = true;
      if (complete[r]) after[r] = complete[r];
    }
    registers_ = std::move(after);
    return out;
  }

  bool collides() const { return collides_; }

 private:
  Sums registers_;
  int row_cycles_;
  int progress_ = 0;  // of the bottom row through the port
  bool collides_ = false;
};

/// An array in which the sums stay (output stationary), register by register.
///
/// One operand enters on the left and moves right, the other at the top and moves down. With
/// `overlap` complete sums move into a second register and down from row to row while the next fold
/// streams, whose last wave waits until the sums that it completes find room; else they are read
/// where they are. Cycles count until the last sum is complete, as SCALE-Sim counts.
class StationarySumArray {
 public:
  StationarySumArray(std::size_t rows, std::size_t cols, bool overlap)
      : rows_(rows), cols_(cols), overlap_(overlap) {}

  ClockedRun run(const std::vector<ClockedFold>& folds) {
    folds_ = &folds;
    run_ = {};
    run_.sums.assign(folds.size(), Matrix<std::int32_t>(rows_, cols_));
    pes_.assign(rows_ * cols_, {});
    left_lines_ = skewed_lines<ClockedWave>(rows_);
    top_lines_ = skewed_lines<ClockedWave>(cols_);
    drains_.assign(cols_, DrainColumn(rows_, folds.front().row_cycles));
    num_drained_.assign(cols_, 0);
    ends_.clear();
    streaming_ = num_complete_ = wave_ = 0;
    wave_progress_ = 0;
    const std::size_t num_sums = folds.size() * rows_;
    for (edge_ = 0; num_drained_.back() < num_sums; ++edge_) clock_edge();
    return std::move(run_);
  }

 private:
  struct Pe {
    ClockedWave left;
    ClockedWave top;
    std::int32_t sum = 0;
  };

  /// Whether sums would run into earlier ones if the last wave of a fold entered now. All columns
  /// do what the first one does, later.
  bool would_collide() const {
    DrainColumn column = drains_.front();
    for (std::int64_t ahead = 0; ahead < static_cast<std::int64_t>(rows_); ++ahead) {
      DrainColumn::Sums complete(rows_);
      complete[static_cast<std::size_t>(ahead)] = 0;
      for (const std::int64_t end : ends_) {
        const std::int64_t row = edge_ + ahead - end;
        if (row < static_cast<std::int64_t>(rows_)) complete[static_cast<std::size_t>(row)] = 0;
      }
      column.clock_edge(complete);
    }
    return column.collides();
  }

  /// The flags of the wave that enters now, if one does; `wave_` is its number.
  ClockedWave issue() {
    ClockedWave wave;
    if (streaming_ == folds_->size()) return wave;
    if (!overlap_ && num_complete_ < streaming_ * rows_ * cols_) return wave;
    const ClockedFold& fold = (*folds_)[streaming_];
    if (wave_progress_ < fold.wave_cycles) ++wave_progress_;
    if (wave_progress_ < fold.wave_cycles) return wave;
    const bool ends = wave_ + 1 == fold.left.rows;
    if (ends && overlap_ && would_collide()) return wave;
    wave_progress_ = 0;
    if (ends) {
      const auto num_rows = static_cast<std::int64_t>(rows_);
      std::erase_if(ends_, [&](std::int64_t end) { return end + num_rows <= edge_; });
      ends_.push_back(edge_);
    }
    return {0, true, wave_ == 0, ends};
  }

  void clock_edge() {
    const ClockedWave issued = issue();
    const auto with_value = [&](std::int8_t value) {
      ClockedWave wave = issued;
      wave.value = value;
      return wave;
    };
    std::vector<ClockedWave> left(rows_);
    std::vector<ClockedWave> top(cols_);
    for (std::size_t r = 0; r < rows_; ++r)
      left[r] = left_lines_[r].shift(
          issued.valid ? with_value((*folds_)[streaming_].left.at(wave_, r)) : issued);
    for (std::size_t c = 0; c < cols_; ++c)
      top[c] = top_lines_[c].shift(issued.valid ? with_value((*folds_)[streaming_].top.at(wave_, c))
                                                : issued);
    std::vector<Pe> after(rows_ * cols_);
    for (std::size_t c = 0; c < cols_; ++c) {
      DrainColumn::Sums complete(rows_);
      for (std::size_t r = 0; r < rows_; ++r) {
        const std::size_t i = r * cols_ + c;
        Pe& pe = after[i];
        pe.left = c == 0 ? left[r] : pes_[i - 1].left;
        pe.top = r == 0 ? top[c] : pes_[i - cols_].top;
        if (pe.left.valid != pe.top.valid) throw std::logic_error("operands do not meet");
        pe.sum = (pe.left.begins ? 0 : pes_[i].sum) + pe.left.value * pe.top.value;
        if (pe.left.ends) complete[r] = pe.sum;
      }
      keep(c, complete);
    }
    pes_ = std::move(after);
    if (!issued.valid) return;
    ++wave_;
    if (issued.ends) {
      wave_ = 0;
      ++streaming_;
    }
  }

  void keep(std::size_t col, const DrainColumn::Sums& complete) {
    for (std::size_t r = 0; r < rows_; ++r) {
      if (!complete[r]) continue;
      run_.cycles = edge_ + 1;
      if (!overlap_) {
        run_.sums[num_complete_ / (rows_ * cols_)].at(r, col) = *complete[r];
        ++num_drained_[col];
      }
      ++num_complete_;
    }
    if (!overlap_) return;
    const std::optional<std::int32_t> out = drains_[col].clock_edge(complete);
    if (drains_[col].collides()) throw std::logic_error("a sum is overwritten");
    if (!out) return;
    const std::size_t number = num_drained_[col]++;  // the lowest row comes first
    run_.sums[number / rows_].at(rows_ - 1 - number % rows_, col) = *out;
  }

  std::size_t rows_;
  std::size_t cols_;
  bool overlap_;
  const std::vector<ClockedFold>* folds_ = nullptr;
  ClockedRun run_;
  std::int64_t edge_ = 0;
  std::vector<Pe> pes_;
  std::vector<DelayLine<ClockedWave>> left_lines_;
  std::vector<DelayLine<ClockedWave>> top_lines_;
  std::vector<DrainColumn> drains_;       // by column
  std::vector<std::size_t> num_drained_;  // by column
  std::vector<std::int64_t> ends_;        // recent edges at which last waves entered
  std::size_t streaming_ = 0;
  std::size_t num_complete_ = 0;
  std::size_t wave_ = 0;
  int wave_progress_ = 0;
};

}  // namespace tilewake
