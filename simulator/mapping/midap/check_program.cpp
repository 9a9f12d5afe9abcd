// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/midap/check_program.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

namespace tilewake::midap {
namespace {

class LayerCheck {
 public:
  LayerCheck(const MidapLayer& layer, EarlyReads early_reads)
      : layer_(layer), early_reads_(early_reads), on_chip_(layer.input_fragments.size(), true) {
    const bool window = layer.kind == MidapKind::kConv || layer.kind == MidapKind::kExtended;
    reach_ = window ? (layer.kernel_width - 1) * layer.dilation : 0;
    stride_ = window ? layer.stride : 1;
    next_corner_ = window ? -layer.pad_left : 0;
    end_corner_ = layer.in_width - 1 - reach_ + (window ? layer.pad_right : 0);
    for (const MidapBehaviour& b : layer.behaviours)
      if (b.kind == MidapBehaviour::Kind::kLoad && known(b.fragment)) on_chip_[index(b)] = false;
  }

  std::string run() {
    for (const MidapBehaviour& b : layer_.behaviours) {
      std::string defect = b.kind == MidapBehaviour::Kind::kLoad ? load(b) : process(b);
      if (!defect.empty()) return defect;
    }
    if (next_corner_ <= end_corner_)
      return fmt::format("windows from column {} onwards are never computed", next_corner_);
    return {};
  }

 private:
  static std::size_t index(const MidapBehaviour& b) { return static_cast<std::size_t>(b.fragment); }
  bool known(int fragment) const {
    return fragment >= 0 && fragment < static_cast<int>(layer_.input_fragments.size());
  }

  std::string load(const MidapBehaviour& b) {
    if (!known(b.fragment)) return "a load has no fragment";
    if (on_chip_[index(b)]) return fmt::format("fragment {} is loaded twice", b.fragment);
    const int bank = layer_.input_fragments[index(b)].bank;
    for (std::size_t i = static_cast<std::size_t>(consumed_); i < index(b); ++i)
      if (on_chip_[i] && layer_.input_fragments[i].bank == bank)
        return fmt::format("fragment {} overwrites fragment {}", b.fragment, i);
    on_chip_[index(b)] = true;
    return {};
  }

  std::string process(const MidapBehaviour& b) {
    if (b.x_last >= b.x_begin) {  // a last fragment may have no window
      if (b.x_begin != next_corner_)
        return fmt::format("windows start at column {} instead of {}", b.x_begin, next_corner_);
      if (b.x_last > end_corner_) return fmt::format("a window at {} exceeds the input", b.x_last);
      const std::int64_t first = std::max<std::int64_t>(b.x_begin, 0);
      const std::int64_t last_corner = b.x_begin + (b.x_last - b.x_begin) / stride_ * stride_;
      const std::int64_t last = std::min(last_corner + reach_, layer_.in_width - 1);
      for (std::int64_t x = first; x <= last;) {
        const std::int64_t covered = covered_until(x);
        if (covered <= x) return fmt::format("column {} is read but is not on chip", x);
        x = covered;
      }
      next_corner_ = last_corner + stride_;
    }
    if (b.fragment < consumed_) return "fragments are consumed backwards";
    consumed_ = b.fragment;
    return {};
  }

  /// End of the on-chip fragment that holds column `x`; `x` if there is none. The engine uses the
  /// first fragment with the column, so later ones do not count.
  std::int64_t covered_until(std::int64_t x) const {
    for (std::size_t i = static_cast<std::size_t>(consumed_); i < on_chip_.size(); ++i) {
      const MidapFragment& f = layer_.input_fragments[i];
      if (f.head > x || x >= f.tail) continue;
      return on_chip_[i] || early_reads_ == EarlyReads::kAllowed ? f.tail : x;
    }
    return x;
  }

  const MidapLayer& layer_;
  const EarlyReads early_reads_;
  std::vector<bool> on_chip_;
  std::int64_t reach_ = 0;
  std::int64_t stride_ = 1;
  std::int64_t next_corner_ = 0;
  std::int64_t end_corner_ = 0;
  int consumed_ = 0;
};

}  // namespace

std::string find_defect(const MidapLayer& layer, EarlyReads early_reads) {
  return LayerCheck(layer, early_reads).run();
}

}  // namespace tilewake::midap
