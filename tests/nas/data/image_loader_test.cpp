// SPDX-License-Identifier: Apache-2.0
#include "nas/data/image_loader.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/common/error.hpp"
#include "tests/nas/data/data_files.hpp"
#include "tests/nas/data/memory_data.hpp"
#include "tests/support/input_error.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr int kSide = 8;

ImageData random_data(std::int64_t size, int channels = 1) {
  return made_data(size, channels, [channels](std::int64_t index) {
    return random_image(channels, kSide, kSide, static_cast<std::uint64_t>(index));
  });
}

LoaderOptions training_options(int batch_size) {
  LoaderOptions options;
  options.batch_size = batch_size;
  options.resolution = kSide;
  options.is_training = true;
  options.augmentation.pad_crop = 2;
  options.augmentation.flip = true;
  options.augmentation.cutout = 3;
  options.seed = 11;
  return options;
}

std::vector<std::int64_t> labels_of(const std::vector<Batch>& batches) {
  std::vector<std::int64_t> labels;
  for (const Batch& batch : batches)
    labels.insert(labels.end(), batch.labels.begin(), batch.labels.end());
  return labels;
}

void expect_equal(const std::vector<Batch>& a, const std::vector<Batch>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].num_images, b[i].num_images);
    EXPECT_EQ(a[i].labels, b[i].labels);
    EXPECT_EQ(a[i].images, b[i].images);
  }
}

TEST(ImageLoader, EpochHasEveryImageOnceButTheLastIncompleteBatch) {
  const ImageData data = random_data(103);
  std::vector<std::int64_t> indices = all_indices(*data.train);
  indices.erase(indices.begin() + 5);
  ImageLoader loader(data, data.train, indices, training_options(10));
  EXPECT_EQ(loader.batches_per_epoch(), 10);
  EXPECT_EQ(loader.num_images(), 100);
  for (int epoch = 0; epoch < 3; ++epoch) {
    const std::vector<Batch> batches = epoch_of(loader, epoch);
    ASSERT_EQ(batches.size(), 10U);
    std::vector<std::int64_t> labels = labels_of(batches);
    std::sort(labels.begin(), labels.end());
    EXPECT_EQ(std::unique(labels.begin(), labels.end()), labels.end());
    EXPECT_EQ(labels.size(), 100U);
    EXPECT_TRUE(std::includes(indices.begin(), indices.end(), labels.begin(), labels.end()));
  }
}

// Each of 12 images is in each of 12 places 100 times in 1,200 epochs.
TEST(ImageLoader, EveryOrderIsEquallyLikely) {
  const ImageData data = random_data(12);
  ImageLoader loader(data, data.train, all_indices(*data.train), training_options(12));
  std::vector<int> counts(144);
  for (int epoch = 0; epoch < 1200; ++epoch) {
    const std::vector<std::int64_t> labels = labels_of(epoch_of(loader, epoch));
    for (std::size_t place = 0; place < 12; ++place)
      ++counts[place * 12 + static_cast<std::size_t>(labels[place])];
  }
  double chi_square = 0.0;
  for (const int count : counts) chi_square += (count - 100.0) * (count - 100.0) / 100.0;
  EXPECT_LT(chi_square, 187.0);  // 121 degrees of freedom: 99.99 % are below 187
}

TEST(ImageLoader, BatchesDoNotDependOnTheNumberOfThreads) {
  const ImageData data = random_data(300, 3);
  LoaderOptions options = training_options(37);
  options.augmentation.random_resized_crop = true;
  std::vector<Batch> expected;
  for (const int num_threads : {1, 2, 4, 7}) {
    options.num_threads = num_threads;
    ImageLoader loader(data, data.train, all_indices(*data.train), options);
    const std::vector<Batch> batches = epoch_of(loader, 3);
    if (expected.empty()) expected = batches;
    expect_equal(batches, expected);
  }
}

TEST(ImageLoader, SharesOfABatchTogetherAreTheBatch) {
  const ImageData data = random_data(103);
  for (const bool is_training : {true, false}) {
    LoaderOptions options = training_options(10);
    options.is_training = is_training;
    ImageLoader loader(data, data.train, all_indices(*data.train), options);
    for (const int count : {1, 2, 3, 7, 10}) {  // 7: the last batch, of 3 images, has empty shares
      std::vector<Batch> joined;
      for (int index = 0; index < count; ++index) {
        loader.start(2, 1, {index, count});
        Batch batch;
        for (std::size_t b = 0; loader.next(batch); ++b) {
          if (index == 0) joined.emplace_back();
          Batch& whole = joined.at(b);
          whole.num_images += batch.num_images;
          whole.labels.insert(whole.labels.end(), batch.labels.begin(), batch.labels.end());
          whole.images.insert(whole.images.end(), batch.images.begin(), batch.images.end());
          EXPECT_EQ(batch.labels.size(), static_cast<std::size_t>(batch.num_images));
        }
      }
      std::vector<Batch> expected;
      loader.start(2, 1);
      for (Batch batch; loader.next(batch);) expected.push_back(batch);
      expect_equal(joined, expected);
    }
  }
}

TEST(ImageLoader, ResumedEpochEqualsAnUninterruptedOne) {
  const ImageData data = random_data(90);
  LoaderOptions options = training_options(10);
  options.num_threads = 2;
  ImageLoader loader(data, data.train, all_indices(*data.train), options);
  for (int epoch = 0; epoch < 3; ++epoch) {
    const std::vector<Batch> whole = epoch_of(loader, epoch);
    for (int first = 0; first <= 9; ++first) {
      ImageLoader other(data, data.train, all_indices(*data.train), options);
      expect_equal(epoch_of(other, epoch, first), {whole.begin() + first, whole.end()});
    }
  }
}

TEST(ImageLoader, StartMayInterruptAnEpochAnywhere) {
  const ImageData data = random_data(90);
  LoaderOptions options = training_options(10);
  options.num_threads = 3;
  ImageLoader loader(data, data.train, all_indices(*data.train), options);
  const std::vector<Batch> expected = epoch_of(loader, 5);
  Batch batch;
  for (int num_taken = 0; num_taken < 9; ++num_taken) {
    loader.start(7);
    for (int i = 0; i < num_taken; ++i) ASSERT_TRUE(loader.next(batch));
    expect_equal(epoch_of(loader, 5), expected);
  }
}

TEST(ImageLoader, EpochsAndSeedsDiffer) {
  const ImageData data = random_data(64);
  LoaderOptions options = training_options(64);
  ImageLoader loader(data, data.train, all_indices(*data.train), options);
  const std::vector<Batch> first = epoch_of(loader, 0);
  EXPECT_NE(first[0].labels, epoch_of(loader, 1)[0].labels);
  options.seed = 12;
  ImageLoader other(data, data.train, all_indices(*data.train), options);
  EXPECT_NE(first[0].labels, epoch_of(other, 0)[0].labels);
}

TEST(ImageLoader, OneImageIsAugmentedAnewInEveryEpochAndPlace) {
  const ImageData data = made_data(64, 1, [](std::int64_t) { return numbered_image(1, kSide); });
  ImageLoader loader(data, data.train, all_indices(*data.train), training_options(1));
  std::vector<std::vector<float>> seen;
  for (int epoch = 0; epoch < 2; ++epoch)
    for (const Batch& batch : epoch_of(loader, epoch)) seen.push_back(batch.images);
  std::sort(seen.begin(), seen.end());
  const auto num_different = std::unique(seen.begin(), seen.end()) - seen.begin();
  // 25 offsets x 2 x 64 places of the square: a repetition is rare.
  EXPECT_GT(num_different, 110);
}

TEST(ImageLoader, EvaluationIsInOrderWholeAndNotAugmented) {
  const ImageData data = random_data(25, 3);
  LoaderOptions options = training_options(10);
  options.is_training = false;
  options.num_threads = 3;
  const std::vector<std::int64_t> indices = {7, 3, 3, 24, 0, 1, 2, 9, 8, 11, 12, 13};
  ImageLoader loader(data, data.train, indices, options);
  EXPECT_EQ(loader.batches_per_epoch(), 2);
  EXPECT_EQ(loader.num_images(), 12);
  for (int epoch = 0; epoch < 2; ++epoch) {
    const std::vector<Batch> batches = epoch_of(loader, epoch);
    ASSERT_EQ(batches.size(), 2U);
    EXPECT_EQ(batches[0].num_images, 10);
    EXPECT_EQ(batches[1].num_images, 2);
    EXPECT_EQ(labels_of(batches), indices);
    for (const Batch& batch : batches) {
      EXPECT_EQ(batch.height, kSide);
      EXPECT_EQ(batch.width, kSide);
      EXPECT_EQ(batch.channels, 3);
      const std::size_t values = kSide * kSide * 3;
      ASSERT_EQ(batch.images.size(), batch.labels.size() * values);
      for (std::size_t i = 0; i < batch.labels.size(); ++i) {
        const Image image =
            random_image(3, kSide, kSide, static_cast<std::uint64_t>(batch.labels[i]));
        for (std::size_t k = 0; k < values; ++k)
          ASSERT_NEAR(batch.images[i * values + k], image.pixels[k], 1e-4F);
      }
    }
  }
}

TEST(ImageLoader, StartsAtEpochZeroByDefault) {
  const ImageData data = random_data(20);
  ImageLoader loader(data, data.train, all_indices(*data.train), training_options(5));
  const std::vector<Batch> untold = remaining(loader);
  expect_equal(untold, epoch_of(loader, 0));
  Batch batch;
  EXPECT_FALSE(loader.next(batch));
  EXPECT_FALSE(loader.next(batch));
}

TEST(ImageLoader, NormalisedImagesHaveMeanZeroAndVarianceOne) {
  const ImageData data = open_image_data("synthetic");
  LoaderOptions options;
  options.resolution = 16;
  ImageLoader loader(data, data.train, all_indices(*data.train), options);
  double sum = 0.0;
  double sum_of_squares = 0.0;
  double count = 0.0;
  for (const Batch& batch : remaining(loader)) {
    for (const float value : batch.images) {
      sum += value;
      sum_of_squares += value * value;
    }
    count += static_cast<double>(batch.images.size());
  }
  EXPECT_NEAR(sum / count, 0.0, 1e-5);
  EXPECT_NEAR(sum_of_squares / count, 1.0, 1e-5);
}

TEST(ImageLoader, OtherSizesAreResizedToTheResolution) {
  const ImageData data = made_data(2, 1, [](std::int64_t index) {
    return Image{1, 4 + static_cast<int>(index), 9,
                 Bytes(static_cast<std::size_t>(36 + 9 * index), 77)};
  });
  for (const int resolution : {1, 6, 32}) {
    LoaderOptions options;
    options.resolution = resolution;
    ImageLoader loader(data, data.train, {0, 1}, options);
    const std::vector<Batch> batches = remaining(loader);
    ASSERT_EQ(batches.size(), 1U);
    EXPECT_EQ(batches[0].images.size(), static_cast<std::size_t>(2 * resolution * resolution));
    for (const float value : batches[0].images) EXPECT_NEAR(value, 77, 1e-4);
  }
}

TEST(ImageLoader, ReadsAtMostThreeBatchesAhead) {
  std::atomic<std::int64_t> num_read = 0;
  const ImageData data = made_data(200, 1, [&](std::int64_t) {
    ++num_read;
    return numbered_image(1, kSide);
  });
  LoaderOptions options = training_options(10);
  options.num_threads = 4;
  ImageLoader loader(data, data.train, all_indices(*data.train), options);
  Batch batch;
  for (std::int64_t i = 1; i <= 20; ++i) {
    ASSERT_TRUE(loader.next(batch));
    EXPECT_GE(num_read, 10 * i);
    EXPECT_LE(num_read, 10 * (i + 3));
  }
}

TEST(ImageLoader, ErrorIsThrownWhereTheBadImageIsDue) {
  const ImageData data = made_data(100, 1, [](std::int64_t index) {
    if (index == 57 || index == 63) throw InputError("image " + std::to_string(index));
    return numbered_image(1, kSide);
  });
  LoaderOptions options;
  options.batch_size = 20;
  options.resolution = kSide;
  for (const int num_threads : {1, 4}) {
    options.num_threads = num_threads;
    ImageLoader loader(data, data.train, all_indices(*data.train), options);
    Batch batch;
    const auto next = [&] { loader.next(batch); };
    EXPECT_EQ(input_error_of(next), "no error");
    EXPECT_EQ(input_error_of(next), "no error");
    EXPECT_EQ(input_error_of(next), "image 57");
    EXPECT_EQ(input_error_of(next), "image 57");
    EXPECT_EQ(batch.labels.front(), 20);
    loader.start(0, 3);
    EXPECT_EQ(input_error_of(next), "image 63");
    loader.start(0, 4);
    EXPECT_TRUE(loader.next(batch));
    EXPECT_EQ(batch.labels.front(), 80);
    EXPECT_FALSE(loader.next(batch));
  }
}

TEST(ImageLoader, FirstOfSeveralErrorsOfABatchIsThrown) {
  const ImageData data = made_data(128, 1, [](std::int64_t index) -> Image {
    throw InputError("image " + std::to_string(index));
  });
  LoaderOptions options;
  options.resolution = kSide;
  options.num_threads = 8;
  ImageLoader loader(data, data.train, all_indices(*data.train), options);
  Batch batch;
  for (int i = 0; i < 20; ++i) {
    loader.start(0);
    EXPECT_EQ(input_error_of([&] { loader.next(batch); }), "image 0");
  }
}

TEST(ImageLoader, OtherExceptionsPassThrough) {
  const ImageData data =
      made_data(4, 1, [](std::int64_t) -> Image { throw std::length_error("no memory"); });
  ImageLoader loader(data, data.train, all_indices(*data.train), training_options(2));
  Batch batch;
  EXPECT_THROW(loader.next(batch), std::length_error);
}

TEST(ImageLoader, ImageOfOtherChannelsIsRefused) {
  const ImageData data = made_data(4, 3, [](std::int64_t) { return numbered_image(1, kSide); });
  ImageLoader loader(data, data.train, {2, 3}, training_options(2));
  Batch batch;
  EXPECT_THAT(input_error_of([&] { loader.next(batch); }),
              ::testing::MatchesRegex("image [23]: 64 values of 8 x 8 pixels with 1 channels; the "
                                      "data set has 3 channels"));
}

// Threads that wait for a free batch, and those in the middle of one, end with the loader: of the
// 10,000 images only those of the first batches are ever read.
TEST(ImageLoader, MayBeDestroyedAtAnyTime) {
  std::atomic<int> num_read = 0;
  const ImageData data = made_data(10000, 1, [&](std::int64_t) {
    ++num_read;
    return numbered_image(1, kSide);
  });
  LoaderOptions options = training_options(100);
  options.num_threads = 4;
  for (int i = 0; i < 20; ++i) {
    num_read = 0;
    {
      ImageLoader loader(data, data.train, all_indices(*data.train), options);
      Batch batch;
      if (i % 2 == 0) loader.start(i);
      if (i % 4 == 0) {
        ASSERT_TRUE(loader.next(batch));
      }
    }
    EXPECT_LE(num_read, 400);
  }
}

TEST(ImageLoader, BadOptionsAreRefused) {
  const ImageData data = random_data(10);
  const auto error = [&](auto change) {
    LoaderOptions options = training_options(4);
    change(options);
    return input_error_of(
        [&] { ImageLoader(data, data.train, all_indices(*data.train), options); });
  };
  EXPECT_EQ(error([](LoaderOptions&) {}), "no error");
  EXPECT_EQ(error([](LoaderOptions& o) { o.batch_size = 0; }), "batch_size: must be at least 1");
  EXPECT_THAT(error([](LoaderOptions& o) { o.batch_size = 11; }), StartsWith("batch_size: 10 "));
  EXPECT_THAT(error([](LoaderOptions& o) { o.batch_size = 1 << 30; }),
              StartsWith("batch_size: 1073741824 "));
  EXPECT_EQ(error([](LoaderOptions& o) { o.resolution = 0; }),
            "resolution: must be from 1 to 4096, not 0");
  EXPECT_EQ(error([](LoaderOptions& o) { o.resolution = 4097; }),
            "resolution: must be from 1 to 4096, not 4097");
  EXPECT_EQ(error([](LoaderOptions& o) { o.augmentation.pad_crop = 9; }),
            "pad_crop: must be from 0 to the resolution 8, not 9");
  EXPECT_EQ(error([](LoaderOptions& o) { o.augmentation.cutout = -1; }),
            "cutout: must be from 0 to the resolution 8, not -1");
  EXPECT_EQ(error([](LoaderOptions& o) { o.num_threads = 0; }),
            "num_threads: must be from 1 to 256, not 0");
}

TEST(ImageLoader, BadIndicesAreRefused) {
  const ImageData data = random_data(10);
  const auto error = [&](std::vector<std::int64_t> indices, bool is_training) {
    LoaderOptions options = training_options(4);
    options.is_training = is_training;
    return input_error_of([&] { ImageLoader(data, data.train, std::move(indices), options); });
  };
  EXPECT_THAT(error({}, false), StartsWith("made: "));
  EXPECT_THAT(error({}, true), StartsWith("made: "));
  EXPECT_EQ(error({1}, false), "no error");
  EXPECT_THAT(error({1, 2, 3}, true), StartsWith("batch_size: 3"));
  EXPECT_THAT(error({1, 2, 3, 10}, true), StartsWith("made: image 10 "));
  EXPECT_THAT(error({-1}, false), StartsWith("made: image -1 "));
}

TEST(ImageLoader, DataWithoutStatisticsIsRefused) {
  ImageData data = random_data(10);
  const auto error = [&] {
    return input_error_of(
        [&] { ImageLoader(data, data.train, all_indices(*data.train), training_options(4)); });
  };
  data.stddev = {0.0F};
  EXPECT_THAT(error(), StartsWith("made: "));
  data.stddev = {1.0F, 1.0F};
  EXPECT_THAT(error(), StartsWith("made: "));
  data.stddev = {1.0F};
  data.mean.clear();
  EXPECT_THAT(error(), StartsWith("made: "));
}

TEST(ImageLoader, StartBeyondTheEpochIsRefused) {
  const ImageData data = random_data(10);
  ImageLoader loader(data, data.train, all_indices(*data.train), training_options(4));
  EXPECT_TRUE(epoch_of(loader, 0, 2).empty());
  EXPECT_THAT(input_error_of([&] { loader.start(1, 3); }), HasSubstr("batch 3"));
  EXPECT_NE(input_error_of([&] { loader.start(-1); }), "no error");
  EXPECT_NE(input_error_of([&] { loader.start(0, -1); }), "no error");
}

}  // namespace
}  // namespace tilewake
