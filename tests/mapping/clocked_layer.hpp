// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "simulator/common/math.hpp"
#include "simulator/hardware/systolic_config.hpp"
#include "simulator/mapping/tiled/tile_problem.hpp"
#include "tests/mapping/clocked_array.hpp"
#include "tests/mapping/int8_layer.hpp"

namespace tilewake {

/// Runs blocks of a layer on a clocked array, one after another, and adds up what comes out in an
/// output buffer. Folds follow each other as SystolicCost says: group by group, rows outside of
/// columns; blocks that go on with the only fold of the block before stream on through it.
class ClockedLayer {
 public:
  ClockedLayer(const SystolicConfig& config, const Int8Layer& data)
      : config_(config), data_(data), problem_(data.layer, 0), whole_(problem_.extent()) {}

  void add(const TileBlock& block) {
    const TileExtent extent = block.extent();
    const Roles<TileRange> ranges = roles(block.pixels, block.outputs, block.depth);
    const int wave_cycles = wave_cycles_of(extent);
    order_ = block.order;
    for (std::int64_t g = block.groups.begin; g < block.groups.end; ++g)
      for (const TileRange& rows : cut(ranges.rows, config_.rows))
        for (const TileRange& cols : cut(ranges.cols, config_.cols)) {
          Fold fold{g, rows, cols, ranges.stream, wave_cycles};
          if (!folds_.empty() && folds_.back().goes_on_with(fold))
            folds_.back().stream.end = fold.stream.end;
          else
            folds_.push_back(fold);
        }
  }

  /// Whether rows of complete sums and rows of partial ones, which a port takes longer for, leave
  /// the array in turns.
  bool mixes_row_cycles() const {
    return std::any_of(folds_.begin(), folds_.end(), [this](const Fold& fold) {
      return row_cycles(fold) != row_cycles(folds_.front());
    });
  }

  /// Clock cycles of everything added.
  std::int64_t run() {
    std::vector<ClockedFold> clocked;
    for (const Fold& fold : folds_) clocked.push_back(operands_of(fold));
    const auto rows = static_cast<std::size_t>(config_.rows);
    const auto cols = static_cast<std::size_t>(config_.cols);
    const ClockedRun run =
        sums_stay() ? StationarySumArray(rows, cols, config_.overlap_folds).run(clocked)
                    : StationaryOperandArray(rows, cols, config_.overlap_folds).run(clocked);
    buffer_.assign(static_cast<std::size_t>(whole_.num_outputs()), 0);
    for (std::size_t i = 0; i < folds_.size(); ++i) accumulate(folds_[i], run.sums[i]);
    return run.cycles;
  }

  /// Sums of [oc][oh][ow] of the last run.
  const std::vector<std::int32_t>& sums() const { return buffer_; }

 private:
  /// The loops by their role in the dataflow.
  template <typename T>
  struct Roles {
    T rows;
    T cols;
    T stream;
  };

  struct Fold {
    std::int64_t group = 0;
    TileRange rows;
    TileRange cols;
    TileRange stream;
    int wave_cycles = 1;

    bool goes_on_with(const Fold& next) const {
      return group == next.group && rows == next.rows && cols == next.cols &&
             stream.end == next.stream.begin;
    }
  };

  bool sums_stay() const { return config_.dataflow == Dataflow::kOutputStationary; }

  template <typename T>
  Roles<T> roles(T pixels, T outputs, T depth) const {
    if (sums_stay()) return {pixels, outputs, depth};
    if (config_.dataflow == Dataflow::kWeightStationary) return {depth, outputs, pixels};
    return {depth, pixels, outputs};
  }

  static std::vector<TileRange> cut(const TileRange& range, std::int64_t size) {
    std::vector<TileRange> parts;
    for (std::int64_t begin = range.begin; begin < range.end; begin += size)
      parts.push_back({begin, std::min(begin + size, range.end)});
    return parts;
  }

  int element_cycles(std::int64_t elements, const SystolicBuffer& buffer) const {
    return port_cycles(elements * element_bytes(config_.element), buffer);
  }
  static int port_cycles(std::int64_t bytes, const SystolicBuffer& buffer) {
    return static_cast<int>(ceil_div(bytes, buffer.bytes_per_cycle()));
  }

  /// A wave feeds the rows and columns of the block's widest fold.
  int wave_cycles_of(const TileExtent& extent) const {
    const Roles<std::int64_t> sizes = roles(extent.pixels, extent.outputs, extent.depth);
    const std::int64_t rows = std::min(sizes.rows, config_.rows);
    const std::int64_t cols = std::min(sizes.cols, config_.cols);
    if (sums_stay())
      return std::max(element_cycles(rows, config_.input), element_cycles(cols, config_.weight));
    const bool is_ws = config_.dataflow == Dataflow::kWeightStationary;
    return std::max(element_cycles(rows, is_ws ? config_.input : config_.weight),
                    port_cycles(cols * config_.accumulator_bytes, config_.output));
  }

  /// A row of what stays is as wide as the widest fold of the layer.
  int row_cycles(const Fold& fold) const {
    const std::int64_t cols =
        std::min(roles(whole_.pixels, whole_.outputs, whole_.depth).cols, config_.cols);
    if (config_.dataflow == Dataflow::kWeightStationary)
      return element_cycles(cols, config_.weight);
    if (config_.dataflow == Dataflow::kInputStationary) return element_cycles(cols, config_.input);
    const bool is_complete = fold.stream.size() == whole_.depth;
    return is_complete ? element_cycles(cols, config_.output)
                       : port_cycles(cols * config_.accumulator_bytes, config_.output);
  }

  struct Cell {
    std::int64_t pixel = 0;
    std::int64_t output = 0;
    std::int64_t depth = 0;
  };
  Cell cell(std::int64_t row, std::int64_t col, std::int64_t wave) const {
    if (sums_stay()) return {row, col, wave};
    if (config_.dataflow == Dataflow::kWeightStationary) return {wave, col, row};
    return {col, wave, row};
  }

  std::int8_t feature(const Fold& fold, const Cell& at) const {
    return im2col_feature(data_, fold.group, row_major(at.pixel), at.depth);
  }
  std::int8_t weight(const Fold& fold, const Cell& at) const {
    return im2col_weight(data_, fold.group, at.output, at.depth);
  }

  ClockedFold operands_of(const Fold& fold) const {
    const auto waves = static_cast<std::size_t>(fold.stream.size());
    const auto num_rows = static_cast<std::size_t>(config_.rows);
    const auto num_cols = static_cast<std::size_t>(config_.cols);
    const bool is_input_stationary = config_.dataflow == Dataflow::kInputStationary;
    ClockedFold clocked;
    clocked.wave_cycles = fold.wave_cycles;
    clocked.row_cycles = row_cycles(fold);
    clocked.left = Matrix<std::int8_t>(waves, num_rows);
    clocked.top = Matrix<std::int8_t>(sums_stay() ? waves : 0, num_cols);
    clocked.stays = Matrix<std::int8_t>(sums_stay() ? 0 : num_rows, num_cols);
    // Elements outside of the fold stay zero.
    for (std::size_t t = 0; t < waves; ++t) {
      const std::int64_t wave = fold.stream.begin + static_cast<std::int64_t>(t);
      for (std::int64_t r = fold.rows.begin; r < fold.rows.end; ++r) {
        const Cell at = cell(r, fold.cols.begin, wave);
        clocked.left.at(t, static_cast<std::size_t>(r - fold.rows.begin)) =
            is_input_stationary ? weight(fold, at) : feature(fold, at);
      }
      for (std::int64_t c = fold.cols.begin; sums_stay() && c < fold.cols.end; ++c)
        clocked.top.at(t, static_cast<std::size_t>(c - fold.cols.begin)) =
            weight(fold, cell(fold.rows.begin, c, wave));
    }
    for (std::int64_t r = fold.rows.begin; !sums_stay() && r < fold.rows.end; ++r)
      for (std::int64_t c = fold.cols.begin; c < fold.cols.end; ++c) {
        const Cell at = cell(r, c, fold.stream.begin);
        clocked.stays.at(static_cast<std::size_t>(r - fold.rows.begin),
                         static_cast<std::size_t>(c - fold.cols.begin)) =
            is_input_stationary ? feature(fold, at) : weight(fold, at);
      }
    return clocked;
  }

  void accumulate(const Fold& fold, const Matrix<std::int32_t>& sums) {
    const TileRange& lines = sums_stay() ? fold.rows : fold.stream;
    for (std::int64_t line = lines.begin; line < lines.end; ++line)
      for (std::int64_t c = fold.cols.begin; c < fold.cols.end; ++c) {
        const Cell at = cell(line, c, line);
        const std::int64_t channel = fold.group * whole_.outputs + at.output;
        buffer_[static_cast<std::size_t>(channel * whole_.pixels + row_major(at.pixel))] +=
            sums.at(static_cast<std::size_t>(line - lines.begin),
                    static_cast<std::size_t>(c - fold.cols.begin));
      }
  }

  /// The number of a pixel in row-major order.
  std::int64_t row_major(std::int64_t pixel) const {
    const MapBox box = problem_.pixel_box(order_, {pixel, pixel + 1});
    return box.rows.begin * problem_.ofm().width + box.columns.begin;
  }

  SystolicConfig config_;
  const Int8Layer& data_;
  TileProblem problem_;
  TileExtent whole_;
  PixelOrder order_;
  std::vector<Fold> folds_;
  std::vector<std::int32_t> buffer_;
};

}  // namespace tilewake
