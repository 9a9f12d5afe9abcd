// SPDX-License-Identifier: Apache-2.0
#include "latency_model/calibration_set.hpp"

#include <algorithm>
#include <cassert>
#include <iterator>

#include "latency_model/layer_designer.hpp"
#include "simulator/common/math.hpp"

namespace tilewake {
namespace {
/// Designs one network: a chain with forks that join again, one input, one output.
class Designer : public LayerDesigner {
 public:
  using LayerDesigner::LayerDesigner;

  // Families. Each begins with `start_*` and appends layers.

  /// Any ops in any order.
  void operators() {
    start(4, 512, 20);
    for (std::int64_t i = dice_.between(4, 12); i > 0; --i) any_step();
    random_end(20);
  }

  /// A stem that produces the input, then one block: the setup used to measure block latencies.
  void single_block() {
    start(8, 512, 0);
    if (dice_.chance(25)) {
      convblock();
    } else {
      mbconv(dice_.chance(15));
    }
    if (dice_.chance(20)) mbconv(false);
  }

  /// MobileNet, EfficientNet and S3NAS stages.
  void mbconv_stages() {
    start(8, 192, 40);
    const bool se = dice_.chance(40);
    for (std::int64_t i = dice_.between(2, 7); i > 0; --i) mbconv(se);
    random_end(30);
  }

  void convblock_stages() {
    start(8, 192, 40);
    for (std::int64_t i = dice_.between(2, 5); i > 0; --i) convblock();
    random_end(20);
  }

  /// ResNet: basic or bottleneck blocks.
  void residuals() {
    start(16, 512, 30);
    if (dice_.chance(30)) pool(Op::kMaxPool, 3, 2);
    const bool bottleneck = dice_.chance(60);
    for (std::int64_t i = dice_.between(2, 5); i > 0; --i) residual(bottleneck);
    random_end(30);
  }

  /// Inception and Fire modules.
  void forks() {
    start(16, 512, 30);
    for (std::int64_t i = dice_.between(1, 4); i > 0; --i) {
      if (dice_.chance(35)) {
        fire();
      } else {
        inception();
      }
      if (dice_.chance(25)) pool(Op::kMaxPool, 3, 2);
    }
    random_end(30);
  }

  /// VGG: convolutions and pools only.
  void plain() {
    start(8, 256, 20);
    const std::int64_t kernel = dice_.pick({3, 3, 3, 5, 1});
    for (std::int64_t i = dice_.between(3, 9); i > 0; --i) {
      if (dice_.chance(25) && side() > 3) {
        pool(dice_.chance(70) ? Op::kMaxPool : Op::kAvgPool, dice_.pick({2, 3}), 2);
        conv(grown_channels(), kernel, 1);
      } else {
        conv(dice_.chance(60) ? current().channels : log_channels(8, 768), kernel, 1);
      }
    }
    if (dice_.chance(40)) fully_connected(log_channels(10, 1024));
    if (dice_.chance(20)) fully_connected(log_channels(10, 1024));
  }

  /// The end of a classifier: a small map with many channels, then the head.
  void classifier() {
    start_map(dice_.between(1, 14), log_channels(64, 640), 0);
    if (dice_.chance(50)) depthwise(dice_.pick({3, 5}), 1);
    conv(log_channels(128, kMaxChannels), 1, 1);
    head();
  }

  /// First layers of images: one to four channels, every kernel and stride.
  void stems() {
    const std::int64_t height = dice_.chance(30) ? dice_.between(8, 64) : dice_.between(64, 352);
    const std::int64_t width = dice_.chance(80) ? height : dice_.between(8, 320);
    input({dice_.pick({1, 2, 3, 3, 3, 3, 3, 4}), height, width});
    const std::int64_t kernel = dice_.pick({1, 2, 3, 3, 3, 4, 5, 5, 7, 7, 9, 11});
    conv(log_channels(4, 160), kernel, dice_.pick({1, 2, 2, 2, 3, 4}));
    const std::int64_t next = dice_.between(0, 3);
    if (next == 0) pool(Op::kMaxPool, dice_.pick({2, 3}), 2);
    if (next == 1) depthwise(dice_.pick({3, 5}), dice_.pick({1, 2}));
    if (next == 2) conv(log_channels(8, 128), dice_.pick({1, 3}), dice_.pick({1, 2}));
    if (next != 3 && dice_.chance(50)) conv(log_channels(8, 128), 1, 1);
  }

  /// ResNeXt and atrous chains.
  void grouped_and_dilated() {
    start_map(map_size(), 8 * dice_.spread(2, 24), 20);
    for (std::int64_t i = dice_.between(2, 7); i > 0; --i) {
      const std::int64_t step = dice_.between(0, 3);
      if (step <= 1) grouped();
      if (step == 2) dilated();
      if (step == 3) conv(dice_.spread(2, 48) * 8, 1, 1);
    }
    random_end(20);
  }

  /// U-Nets and other networks whose outputs are maps.
  void segmentation() {
    start(8, 96, 30);
    u_net(dice_.between(1, 4));
    if (dice_.chance(30)) norm();
  }

  /// Encoders of transformers.
  void transformers() {
    tokens(8 * dice_.spread(2, 96), dice_.spread(4, 320));
    if (dice_.chance(50)) conv(8 * dice_.spread(2, 96), 1, 1);
    for (std::int64_t i = dice_.between(1, 3); i > 0; --i) attention();
  }

  /// Convolutions with norms that are not folded into them.
  void normed() {
    start(8, 384, 20);
    for (std::int64_t i = dice_.between(2, 5); i > 0; --i) {
      conv(log_channels(8, 384), dice_.pick({1, 3, 3}), dice_.pick({1, 1, 2}));
      norm();
    }
    random_end(20);
  }

  /// Unequal strides, and data that move.
  void text_and_audio() {
    start(8, 256, 20);
    for (std::int64_t i = dice_.between(3, 7); i > 0; --i) {
      if (dice_.chance(25)) {
        unequal_strides();
      } else if (dice_.chance(85)) {
        move_or_reduce();
      } else {
        any_step();
      }
    }
    random_end(20);
  }

  /// A complete classification network.
  void whole() {
    const std::int64_t side = dice_.between(12, 40) * 8;
    input({3, side, side});
    conv(8 * dice_.between(1, 6), dice_.pick({3, 3, 5, 7}), 2);
    const bool se = dice_.chance(30);
    const bool convolutional = dice_.chance(25);
    std::int64_t channels = current().channels;
    for (std::int64_t stage = dice_.between(3, 5); stage > 0; --stage) {
      channels = 8 * ceil_div(dice_.spread(9 * channels, 20 * channels), std::int64_t{80});
      const std::int64_t stride = dice_.chance(75) ? 2 : 1;
      for (std::int64_t i = dice_.between(1, 3), first = i; i > 0; --i) {
        const bool is_convblock = convolutional && dice_.chance(50);
        block(is_convblock, se && !is_convblock, channels, i == first ? stride : 1);
      }
    }
    conv(dice_.spread(256, kMaxChannels), 1, 1);
    head();
  }
};

using Family = void (Designer::*)();

// To add a family: add its function above and its entries here. The families are interleaved, so
// that the beginning of a set is representative of the whole.
constexpr Family kClassification[] = {
    &Designer::operators,     &Designer::single_block, &Designer::mbconv_stages,
    &Designer::residuals,     &Designer::forks,        &Designer::plain,
    &Designer::operators,     &Designer::single_block, &Designer::stems,
    &Designer::mbconv_stages, &Designer::classifier,   &Designer::convblock_stages,
    &Designer::operators,     &Designer::single_block, &Designer::grouped_and_dilated,
    &Designer::mbconv_stages, &Designer::residuals,    &Designer::whole,
    &Designer::operators,     &Designer::single_block, &Designer::forks,
    &Designer::mbconv_stages, &Designer::plain,        &Designer::whole,
};

// Of a machine that runs all ops: some classification networks are replaced.
constexpr Family kAllOps[] = {
    &Designer::operators,      &Designer::single_block, &Designer::mbconv_stages,
    &Designer::residuals,      &Designer::forks,        &Designer::segmentation,
    &Designer::operators,      &Designer::transformers, &Designer::stems,
    &Designer::mbconv_stages,  &Designer::classifier,   &Designer::convblock_stages,
    &Designer::plain,          &Designer::single_block, &Designer::grouped_and_dilated,
    &Designer::normed,         &Designer::residuals,    &Designer::whole,
    &Designer::operators,      &Designer::single_block, &Designer::text_and_audio,
    &Designer::mbconv_stages,  &Designer::plain,        &Designer::whole,
    &Designer::segmentation,   &Designer::forks,        &Designer::transformers,
    &Designer::text_and_audio,
};

}  // namespace

CalibrationSet::CalibrationSet(const HardwareConfig& hardware, std::uint64_t seed, int size)
    : scale_(hardware.scale()), seed_(seed), size_(size) {
  assert(size >= 0);
}

Network CalibrationSet::network(int index) const {
  assert(index >= 0 && index < size_);
  Designer designer(scale_, seed_, index);
  const auto i = static_cast<std::size_t>(index);
  const Family family = scale_.runs_all_ops ? kAllOps[i % std::size(kAllOps)]
                                            : kClassification[i % std::size(kClassification)];
  (designer.*family)();
  return designer.build();
}

}  // namespace tilewake
