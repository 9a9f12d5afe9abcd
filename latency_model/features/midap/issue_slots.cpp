// SPDX-License-Identifier: Apache-2.0
#include "latency_model/features/midap/issue_slots.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include "simulator/common/math.hpp"
#include "simulator/network/layer.hpp"

namespace tilewake::midap {
namespace {

/// Channel addresses repeat after row / gcd(channels, row) pixels. Machines with more residues than
/// this are treated as if there were none (the alignment slots of a row are omitted).
constexpr std::int64_t kMaxResidues = 32;

std::int64_t modulo(std::int64_t a, std::int64_t b) { return a - floor_div(a, b) * b; }

std::int64_t taps_x(const Node& node, const Node& in) {
  if (node.width == 1 && node.padding.left == 0) return std::min(node.kernel_width, in.width);
  return taps_on_input(node.width, in.width, node.kernel_width, node.stride, node.dilation,
                       node.padding.left);
}

std::int64_t taps_y(const Node& node, const Node& in) {
  if (node.height == 1 && node.padding.top == 0) return std::min(node.kernel_height, in.height);
  return taps_on_input(node.height, in.height, node.kernel_height, node.stride, node.dilation,
                       node.padding.top);
}

/// Valid taps of the window at the corner, along one dimension.
std::int64_t first_taps(std::int64_t input, std::int64_t kernel, std::int64_t dilation,
                        std::int64_t pad) {
  const std::int64_t begin = ceil_div(std::max<std::int64_t>(pad, 0), dilation);
  return std::clamp<std::int64_t>(std::min(ceil_div(input + pad, dilation), kernel) - begin, 0,
                                  kernel);
}

/// Rows and alignment slots of a convolution whose channels straddle rows. For each tap column, a
/// window issues the rows that its weights touch, plus one slot if the features begin later in
/// their row than the weights, unless that row was just read.
class StraddlingWindows {
 public:
  StraddlingWindows(const Node& node, const Node& in, std::int64_t row)
      : node_(node), in_(in), row_(row), channels_(in.channels) {
    num_residues_ = row_ / std::gcd(channels_, row_);
  }

  std::int64_t pass_slots() {
    count_tap_columns();
    if (node_.dilation > 1) return dilated_slots();
    std::int64_t slots = 0;
    std::int64_t y = 0;
    const auto corner = [this](std::int64_t out) { return out * node_.stride - node_.padding.top; };
    const auto is_border = [&](std::int64_t out) {
      return corner(out) < 0 || corner(out) + node_.kernel_height > in_.height;
    };
    for (; y < node_.height && is_border(y); ++y) slots += line(corner(y), 1);
    std::int64_t end = node_.height;
    for (; end > y && is_border(end - 1); --end) slots += line(corner(end - 1), 1);
    for (std::int64_t i = 0; i < std::min(num_residues_, end - y); ++i)
      slots += line(corner(y + i), ceil_div(end - y - i, num_residues_));
    return slots;
  }

 private:
  using Counts = std::array<std::int64_t, kMaxResidues>;

  /// Counts tap columns by the residue of the column they read: the first one of a window inside
  /// the input, and the later ones.
  void count_tap_columns() {
    for (std::int64_t kx = 0; kx < node_.kernel_width; ++kx) {
      const std::int64_t offset = kx * node_.dilation - node_.padding.left;
      std::int64_t out = std::max<std::int64_t>(ceil_div(-offset, node_.stride), 0);
      const std::int64_t end = std::min(ceil_div(in_.width - offset, node_.stride), node_.width);
      if (end <= out) continue;
      num_columns_ += end - out;
      const auto is_first = [&] {
        return out < end && (kx == 0 || out * node_.stride + offset < node_.dilation);
      };
      for (; kx > 0 && is_first(); ++out) ++count(first_, out * node_.stride + offset);
      Counts& counts = kx == 0 ? first_ : later_;
      for (std::int64_t i = 0; i < std::min(num_residues_, end - out); ++i)
        count(counts, (out + i) * node_.stride + offset) += ceil_div(end - out - i, num_residues_);
    }
  }

  /// Slots of `count` rows of windows with their corner at y, or at another y of the same residue.
  std::int64_t line(std::int64_t y, std::int64_t count) const {
    const std::int64_t begin = std::max<std::int64_t>(-y, 0);
    const std::int64_t end = std::min(in_.height - y, node_.kernel_height);
    if (end <= begin) return 0;
    const std::int64_t rows = ceil_div(end * channels_, row_) - begin * channels_ / row_;
    return count * (rows * num_columns_ + alignment_slots(y + begin, begin * channels_ % row_,
                                                          gap_to_first(end - begin),
                                                          gap_to_later(end - begin)));
  }

  /// Alignment slots of all tap columns that begin on line y. `gap_first` and `gap_later` are the
  /// bytes between the previous and the current read. No slot is needed if the first byte is in the
  /// row read last, which is still in the shift register.
  std::int64_t alignment_slots(std::int64_t y, std::int64_t weight_offset, std::int64_t gap_first,
                               std::int64_t gap_later) const {
    if (num_residues_ > kMaxResidues) return 0;
    std::int64_t slots = 0;
    for (std::int64_t x = 0; x < num_residues_; ++x) {
      const std::int64_t offset = modulo((x * in_.height + y) * channels_, row_);
      if (offset <= weight_offset) continue;
      const auto is_there = [&](std::int64_t gap) {
        return offset - gap >= 1 && offset - gap <= row_;
      };
      if (!is_there(gap_first)) slots += first_[static_cast<std::size_t>(x)];
      if (!is_there(gap_later)) slots += later_[static_cast<std::size_t>(x)];
    }
    return slots;
  }

  /// From the last of `pixels` pixels in one tap column to the first pixel of the next tap column,
  /// or of the next window if there is only one tap column.
  std::int64_t gap_to_later(std::int64_t pixels) const {
    return (node_.dilation * in_.height - pixels) * channels_;
  }
  std::int64_t gap_to_first(std::int64_t pixels) const {
    if (node_.kernel_width > 1) return row_;  // back to another column: never the same row
    const std::int64_t down = node_.height > 1 ? node_.stride : node_.stride * in_.height;
    return (down - pixels) * channels_;
  }

  /// With dilation, every tap is read separately.
  std::int64_t dilated_slots() const {
    std::int64_t slots = 0;
    for (std::int64_t ky = 0; ky < node_.kernel_height; ++ky) {
      const std::int64_t lines = taps_on_input(node_.height, in_.height, 1, node_.stride, 1,
                                               node_.padding.top - ky * node_.dilation);
      const std::int64_t rows = ceil_div((ky + 1) * channels_, row_) - ky * channels_ / row_;
      slots += lines * rows * num_columns_;
      const std::int64_t pixels = (node_.kernel_height - 1) * node_.dilation + 1;
      const std::int64_t down = (node_.dilation - 1) * channels_;
      const std::int64_t gap_first = ky == 0 ? gap_to_first(pixels) : down;
      const std::int64_t gap_later = ky == 0 ? gap_to_later(pixels) : down;
      // Approximation: lines are spread evenly over the residues.
      std::int64_t aligned = 0;
      for (std::int64_t y = 0; y < num_residues_; ++y)
        aligned += alignment_slots(y, ky * channels_ % row_, gap_first, gap_later);
      slots += lines * aligned / num_residues_;
    }
    return slots;
  }

  std::int64_t& count(Counts& counts, std::int64_t column) const {
    return counts[static_cast<std::size_t>(column % num_residues_ % kMaxResidues)];
  }

  const Node& node_;
  const Node& in_;
  std::int64_t row_;
  std::int64_t channels_;
  std::int64_t num_residues_ = 1;
  std::int64_t num_columns_ = 0;
  Counts first_{};
  Counts later_{};
};

}  // namespace

IssueSlots count_issue_slots(const Graph& graph, const Node& node) {
  const MidapConfig& c = *graph.config;
  const Node& in = graph.tensor_of(node.inputs[0]);
  const std::int64_t row = c.system_width;
  IssueSlots slots;
  if (node.type == NodeType::kElementwise) {
    slots.passes = static_cast<double>(in.width);
    slots.pass_slots = static_cast<double>(in.height * ceil_div(node.op_channels, row));
    slots.first_window_slots = 1.0;
    return slots;
  }
  const std::int64_t lanes = node.type == NodeType::kConv ? c.num_cims : row;
  const std::int64_t parts =
      node.columns_per_part > 0 ? ceil_div(node.kernel_width, node.columns_per_part) : 1;
  slots.passes =
      static_cast<double>(node.type == NodeType::kConv ? ceil_div(node.op_channels, lanes) * parts
                                                       : rows_per_pixel(node, c));
  if (node.gemm) {
    const std::int64_t rows = in.channels / row;
    slots.first_window_slots = static_cast<double>(rows);
    slots.pass_slots = static_cast<double>(in.width) * slots.first_window_slots;
    return slots;
  }
  if (node.streamed_pool) {  // one slot per pixel, only reduced
    slots.pass_slots = static_cast<double>(in.width * in.height);
    slots.first_window_slots = 1.0;
    return slots;
  }
  std::int64_t rows_per_tap = 1;
  bool straddles = false;
  if (node.type == NodeType::kConv) {
    const Layer& layer = graph.network->layers[static_cast<std::size_t>(node.layer)];
    rows_per_tap = layer.groups > 1 ? grouped_rows_per_tap(layer, c) : ceil_div(in.channels, row);
    straddles = layer.groups == 1 && in.channels % row != 0;
  }
  slots.pass_slots =
      static_cast<double>(straddles ? StraddlingWindows(node, in, row).pass_slots()
                                    : taps_x(node, in) * taps_y(node, in) * rows_per_tap);
  slots.pass_slots /= static_cast<double>(parts);
  slots.first_window_slots = static_cast<double>(
      first_taps(in.width, node.kernel_width, node.dilation, node.padding.left) *
      first_taps(in.height, node.kernel_height, node.dilation, node.padding.top) * rows_per_tap);
  return slots;
}

}  // namespace tilewake::midap
