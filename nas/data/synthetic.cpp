// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <fmt/format.h>

#include "nas/common/random.hpp"
#include "nas/data/formats.hpp"
#include "nas/data/memory_images.hpp"

namespace tilewake {
namespace {

constexpr std::uint64_t kSyntheticSeed = 0x7469'6c65'7761'6b65ULL;
constexpr double kPi = 3.14159265358979323846;
constexpr int kSyntheticSide = 16;
constexpr int kNumOrientations = 5;
constexpr int kNumSyntheticClasses = 2 * kNumOrientations;  // coarse and fine gratings
constexpr double kCoarsePeriod = 8.0;                       // pixels
constexpr double kFinePeriod = 4.0;
constexpr double kNoise = 70.0;  // standard deviation, of pixels in 0..255

double between(RandomStream& random, double low, double high) {
  return low + (high - low) * random.unit();
}

// Mean 0 and variance 1: the sum of 12 uniform numbers with variance 1/12. Independent of library
// functions such as logarithm and cosine.
double noise(RandomStream& random) {
  double sum = -6.0;
  for (int i = 0; i < 12; ++i) sum += random.unit();
  return sum;
}

// The class is the orientation and the period of a grating. Its phase is random, so the mean image
// of every class is grey and no linear classifier of pixels can separate classes. Place, contrast,
// angle and period vary, and noise is added.
void draw_grating(int label, RandomStream& random, std::vector<std::uint8_t>& pixels) {
  const int orientation = label % kNumOrientations;
  const double angle = (orientation + between(random, -0.2, 0.2)) * kPi / kNumOrientations;
  const double period =
      (label < kNumOrientations ? kCoarsePeriod : kFinePeriod) * between(random, 0.9, 1.1);
  const double phase = between(random, 0.0, 2 * kPi);
  const double contrast = between(random, 50.0, 110.0);
  const double centre_x = between(random, 5.0, kSyntheticSide - 5.0);
  const double centre_y = between(random, 5.0, kSyntheticSide - 5.0);
  const double radius = between(random, 4.0, 6.0);
  for (int y = 0; y < kSyntheticSide; ++y) {
    for (int x = 0; x < kSyntheticSide; ++x) {
      const double dx = x + 0.5 - centre_x;
      const double dy = y + 0.5 - centre_y;
      const double window = std::exp(-(dx * dx + dy * dy) / (2 * radius * radius));
      const double along = dx * std::cos(angle) + dy * std::sin(angle);
      const double wave = std::sin(2 * kPi * along / period + phase);
      const double value = 128.0 + contrast * window * wave + kNoise * noise(random);
      pixels.push_back(static_cast<std::uint8_t>(std::clamp(value + 0.5, 0.0, 255.0)));
    }
  }
}

std::shared_ptr<const ImageSource> draw_images(std::uint64_t part, int count) {
  std::vector<std::uint8_t> pixels;
  std::vector<std::uint8_t> labels;
  pixels.reserve(static_cast<std::size_t>(count) * kSyntheticSide * kSyntheticSide);
  for (int i = 0; i < count; ++i) {
    RandomStream random(random_bits(kSyntheticSeed, part, static_cast<std::uint64_t>(i)));
    labels.push_back(static_cast<std::uint8_t>(i % kNumSyntheticClasses));
    draw_grating(i % kNumSyntheticClasses, random, pixels);
  }
  return std::make_shared<MemoryImages>(1, kSyntheticSide, kSyntheticSide, std::move(pixels),
                                        std::move(labels));
}

}  // namespace

ImageData make_synthetic() {
  ImageData data;
  data.channels = 1;
  for (const char* scale : {"coarse", "fine"})
    for (int i = 0; i < kNumOrientations; ++i)
      data.classes.push_back(fmt::format("{} {} deg", scale, i * 180 / kNumOrientations));
  data.train = draw_images(0, 2000);
  data.test = draw_images(1, 500);
  return data;
}

}  // namespace tilewake
