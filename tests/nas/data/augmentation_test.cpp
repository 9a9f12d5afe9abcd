// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "nas/common/random.hpp"
#include "nas/data/image_loader.hpp"
#include "nas/data/image_preparer.hpp"
#include "tests/nas/data/memory_data.hpp"

namespace tilewake {
namespace {

constexpr int kPatternSide = 8;

/// The first channel of every image of some epochs of one and the same image, rounded to 8 bits.
class Augmented {
 public:
  Augmented(const Augmentation& augmentation, int channels, int num_images, std::uint64_t seed) {
    const ImageData data = made_data(
        50, channels, [&](std::int64_t) { return numbered_image(channels, kPatternSide); });
    LoaderOptions options;
    options.batch_size = 50;
    options.resolution = kPatternSide;
    options.is_training = true;
    options.augmentation = augmentation;
    options.seed = seed;
    ImageLoader loader(data, data.train, all_indices(*data.train), options);
    for (int epoch = 0; epoch < num_images / 50; ++epoch)
      for (const Batch& batch : epoch_of(loader, epoch)) add(batch, channels);
  }

  std::size_t size() const { return images_.size(); }
  int at(std::size_t image, int y, int x) const {
    return images_[image][static_cast<std::size_t>(y * kPatternSide + x)];
  }

 private:
  void add(const Batch& batch, int channels) {
    const auto step = static_cast<std::size_t>(channels);
    for (std::size_t i = 0; i < batch.images.size(); i += step) {
      if (i % (kPatternSide * kPatternSide * step) == 0) images_.emplace_back();
      images_.back().push_back(static_cast<int>(std::lround(batch.images[i])));
    }
  }

  std::vector<std::vector<int>> images_;
};

// Value of the numbered image; 0 outside.
int numbered(int channels, int y, int x) {
  if (y < 0 || y >= kPatternSide || x < 0 || x >= kPatternSide) return 0;
  return channels * (y * kPatternSide + x) + 1;
}

template <typename Counts>
double chi_square(const Counts& counts, double expected) {
  double sum = 0.0;
  for (const auto& [key, count] : counts) sum += (count - expected) * (count - expected) / expected;
  return sum;
}

TEST(Augmentation, NoneLeavesTheImage) {
  const Augmented images({}, 1, 50, 1);
  for (std::size_t i = 0; i < images.size(); ++i)
    for (int y = 0; y < kPatternSide; ++y)
      for (int x = 0; x < kPatternSide; ++x) ASSERT_EQ(images.at(i, y, x), numbered(1, y, x));
}

TEST(Augmentation, FlipMirrorsOneImageInTwo) {
  Augmentation augmentation;
  augmentation.flip = true;
  for (const int channels : {1, 3}) {
    const Augmented images(augmentation, channels, 2000, 2);
    int num_flipped = 0;
    for (std::size_t i = 0; i < images.size(); ++i) {
      const bool is_flipped = images.at(i, 0, 0) != 1;
      num_flipped += is_flipped ? 1 : 0;
      for (int y = 0; y < kPatternSide; ++y)
        for (int x = 0; x < kPatternSide; ++x)
          ASSERT_EQ(images.at(i, y, x),
                    numbered(channels, y, is_flipped ? kPatternSide - 1 - x : x));
    }
    EXPECT_NEAR(num_flipped, 1000, 4 * 22.4);  // standard deviation of 2,000 fair coins
  }
}

TEST(Augmentation, PadCropShiftsByEveryOffsetEquallyOften) {
  Augmentation augmentation;
  augmentation.pad_crop = 2;
  const Augmented images(augmentation, 1, 5000, 3);
  std::map<std::pair<int, int>, int> counts;
  for (std::size_t i = 0; i < images.size(); ++i) {
    // The middle pixel stays inside for every offset and identifies it.
    const int value = images.at(i, 4, 4) - 1;
    const int dy = value / kPatternSide - 4;
    const int dx = value % kPatternSide - 4;
    ++counts[{dy, dx}];
    for (int y = 0; y < kPatternSide; ++y)
      for (int x = 0; x < kPatternSide; ++x)
        ASSERT_EQ(images.at(i, y, x), numbered(1, y + dy, x + dx));
  }
  EXPECT_EQ(counts.size(), 25U);
  EXPECT_LT(chi_square(counts, 200.0), 60.0);  // 24 degrees of freedom: 99.99 % are below 60
}

TEST(Augmentation, FlipAndOffsetAreIndependent) {
  Augmentation augmentation;
  augmentation.pad_crop = 1;
  augmentation.flip = true;
  const Augmented images(augmentation, 1, 5000, 4);
  std::map<std::array<int, 3>, int> counts;
  for (std::size_t i = 0; i < images.size(); ++i) {
    const bool is_flipped = images.at(i, 4, 4) < images.at(i, 4, 3);
    const int value = images.at(i, 4, is_flipped ? kPatternSide - 1 - 4 : 4) - 1;
    ++counts[{is_flipped ? 1 : 0, value / kPatternSide, value % kPatternSide}];
  }
  EXPECT_EQ(counts.size(), 18U);
  EXPECT_LT(chi_square(counts, 5000.0 / 18), 48.0);  // 17 degrees of freedom, 99.99 %
}

// A black pixel is not the mean: padding is as dark as black pixels.
TEST(Augmentation, PaddingIsBlackAndCutoutIsTheMean) {
  ImageData data = made_data(4, 1, [](std::int64_t) {
    return Image{1, kPatternSide, kPatternSide,
                 std::vector<std::uint8_t>(kPatternSide * kPatternSide, 255)};
  });
  data.mean = {0.5F};
  data.stddev = {0.25F};
  LoaderOptions options;
  options.batch_size = 4;
  options.resolution = kPatternSide;
  options.is_training = true;
  const auto values = [&](int pad_crop, int cutout) {
    options.augmentation.pad_crop = pad_crop;
    options.augmentation.cutout = cutout;
    ImageLoader loader(data, data.train, all_indices(*data.train), options);
    std::set<float> seen;
    for (int epoch = 0; epoch < 5; ++epoch)
      for (const Batch& batch : epoch_of(loader, epoch))
        seen.insert(batch.images.begin(), batch.images.end());
    return seen;
  };
  EXPECT_EQ(values(0, 0), (std::set<float>{2.0F}));
  EXPECT_EQ(values(2, 0), (std::set<float>{-2.0F, 2.0F}));
  EXPECT_EQ(values(0, 3), (std::set<float>{0.0F, 2.0F}));
  EXPECT_EQ(values(2, 3), (std::set<float>{-2.0F, 0.0F, 2.0F}));
}

TEST(Augmentation, CutoutIsASquareAroundAnyPixelClippedAtTheEdge) {
  for (const int side : {3, 4}) {
    Augmentation augmentation;
    augmentation.cutout = side;
    const Augmented images(augmentation, 1, 6400, 5);
    std::map<std::pair<int, int>, int> counts;
    for (std::size_t i = 0; i < images.size(); ++i) {
      int top = kPatternSide;
      int left = kPatternSide;
      int bottom = -1;
      int right = -1;
      int num_cut = 0;
      for (int y = 0; y < kPatternSide; ++y) {
        for (int x = 0; x < kPatternSide; ++x) {
          if (images.at(i, y, x) != 0) {
            ASSERT_EQ(images.at(i, y, x), numbered(1, y, x));
            continue;
          }
          ++num_cut;
          top = std::min(top, y);
          left = std::min(left, x);
          bottom = std::max(bottom, y);
          right = std::max(right, x);
        }
      }
      ASSERT_EQ(num_cut, (bottom - top + 1) * (right - left + 1));
      // Its centre: side / 2 below an upper edge that is seen, else from the lower edge.
      const auto centre = [&](int begin, int last) {
        return begin > 0 ? begin + side / 2 : last - side + 1 + side / 2;
      };
      ++counts[{centre(top, bottom), centre(left, right)}];
    }
    EXPECT_EQ(counts.size(), 64U);
    EXPECT_LT(chi_square(counts, 100.0), 112.0);  // 63 degrees of freedom, 99.99 %
  }
}

TEST(RandomWindow, IsInTheImageWithTheDrawnAreaAndAnAllowedAspect) {
  RandomStream random(6);
  for (int i = 0; i < 20000; ++i) {
    const int height = 1 + static_cast<int>(random.below(600));
    const int width = 1 + static_cast<int>(random.below(600));
    const double share = random_area_share(random);
    ASSERT_GE(share, 0.08);
    ASSERT_LT(share, 1.0);
    const Window window = random_window(height, width, share, random);
    const double slack = 1e-9 * (height + width);
    ASSERT_GE(window.top, 0.0);
    ASSERT_GE(window.left, 0.0);
    ASSERT_LE(window.top + window.height, height + slack);
    ASSERT_LE(window.left + window.width, width + slack);
    const double aspect = window.width / window.height;
    ASSERT_GE(aspect, 0.75 - 1e-9);
    ASSERT_LE(aspect, 4.0 / 3.0 + 1e-9);
    const double area = window.width * window.height / (1.0 * height * width);
    const bool fits =
        std::max(0.75, share * width / height) <= std::min(4.0 / 3.0, width / (share * height));
    if (fits) {
      ASSERT_NEAR(area, share, 1e-9);
    } else {
      ASSERT_LT(area, share);
      const bool touches =
          std::abs(window.width - width) < slack || std::abs(window.height - height) < slack;
      ASSERT_TRUE(touches) << "a larger window would fit";
    }
  }
}

TEST(RandomWindow, AspectIsLogUniformAndPlaceUniform) {
  RandomStream random(7);
  std::map<int, int> aspects;
  std::map<int, int> tops;
  for (int i = 0; i < 20000; ++i) {
    const Window window = random_window(100, 100, 0.25, random);
    const double log_aspect = std::log(window.width / window.height) / std::log(4.0 / 3.0);
    ++aspects[static_cast<int>(std::floor((log_aspect + 1) * 10))];
    ++tops[static_cast<int>(20 * window.top / (100 - window.height))];
  }
  EXPECT_EQ(aspects.size(), 20U);
  EXPECT_EQ(tops.size(), 20U);
  EXPECT_LT(chi_square(aspects, 1000.0), 52.0);  // 19 degrees of freedom, 99.99 %
  EXPECT_LT(chi_square(tops, 1000.0), 52.0);
}

TEST(RandomWindow, AreaIsUniform) {
  RandomStream random(8);
  std::map<int, int> counts;
  for (int i = 0; i < 20000; ++i)
    ++counts[static_cast<int>(20 * (random_area_share(random) - 0.08) / 0.92)];
  EXPECT_EQ(counts.size(), 20U);
  EXPECT_LT(chi_square(counts, 1000.0), 52.0);
}

}  // namespace
}  // namespace tilewake
