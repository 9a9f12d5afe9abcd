// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <functional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/data/image_source.hpp"
#include "tests/nas/data/data_files.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/temp_dir.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr int kHeight = 3;
constexpr int kWidth = 4;
const Bytes kTrainLabels = {0, 1, 2, 1, 0, 2, 2};
const Bytes kTestLabels = {2, 0};

class Idx : public ::testing::Test {
 protected:
  Idx() { write(false); }

  void write(bool is_gzip) {
    put("train-labels-idx1-ubyte", idx_labels(kTrainLabels), is_gzip);
    put("t10k-labels-idx1-ubyte", idx_labels(kTestLabels), is_gzip);
    put("train-images-idx3-ubyte", idx_images(7, kHeight, kWidth, train_), is_gzip);
    put("t10k-images-idx3-ubyte", idx_images(2, kHeight, kWidth, test_), is_gzip);
  }
  void put(const std::string& name, const Bytes& bytes, bool is_gzip = false) {
    write_bytes(dir_.file(is_gzip ? name + ".gz" : name), is_gzip ? gzip(bytes) : bytes);
  }
  void remove(const std::string& name) { std::filesystem::remove(dir_.file(name)); }
  ImageData open() { return open_image_data(dir_.path().string()); }
  std::string error() {
    return input_error_of([&] { open(); });
  }
  void expect_error(const std::string& file, const std::string& what) {
    EXPECT_THAT(error(), StartsWith(dir_.file(file) + ": " + what));
  }
  void expect_what_was_written() {
    const ImageData data = open();
    EXPECT_EQ(data.name, dir_.path().filename().string());
    EXPECT_EQ(data.channels, 1);
    EXPECT_EQ(data.classes, (std::vector<std::string>{"0", "1", "2"}));
    expect_images(*data.train, kTrainLabels, train_);
    expect_images(*data.test, kTestLabels, test_);
  }

  TempDir dir_;
  Bytes train_ = random_bytes(7 * kHeight * kWidth, 1);
  Bytes test_ = random_bytes(2 * kHeight * kWidth, 2);

 private:
  static void expect_images(const ImageSource& source, const Bytes& labels, const Bytes& pixels) {
    ASSERT_EQ(source.size(), static_cast<std::int64_t>(labels.size()));
    EXPECT_FALSE(source.varies_in_size());
    Bytes read;
    Image image;
    for (std::int64_t i = 0; i < source.size(); ++i) {
      EXPECT_EQ(source.label(i), labels[static_cast<std::size_t>(i)]);
      source.read(i, image);
      EXPECT_EQ(image.channels, 1);
      EXPECT_EQ(image.height, kHeight);
      EXPECT_EQ(image.width, kWidth);
      read.insert(read.end(), image.pixels.begin(), image.pixels.end());
    }
    EXPECT_EQ(read, pixels);
  }
};

TEST_F(Idx, ReturnsWhatWasWritten) { expect_what_was_written(); }

TEST_F(Idx, GzipMakesNoDifference) {
  for (const auto& entry : std::filesystem::directory_iterator(dir_.path()))
    std::filesystem::remove(entry);
  write(true);
  expect_what_was_written();
}

TEST_F(Idx, GzipIsDetectedByContentNotByName) {
  put("train-images-idx3-ubyte", gzip(idx_images(7, kHeight, kWidth, train_)));
  expect_what_was_written();
}

TEST_F(Idx, EachFileIsNeeded) {
  for (const std::string name : {"train-labels-idx1-ubyte", "train-images-idx3-ubyte",
                                 "t10k-labels-idx1-ubyte", "t10k-images-idx3-ubyte"}) {
    write(false);
    remove(name);
    expect_error(name, "missing");
  }
}

TEST_F(Idx, WrongMagicIsRefused) {
  put("train-labels-idx1-ubyte", idx_images(7, kHeight, kWidth, train_));
  expect_error("train-labels-idx1-ubyte", "is not an idx file of labels: starts with 0x00000803");
  write(false);
  put("t10k-images-idx3-ubyte", idx_labels(kTestLabels));
  expect_error("t10k-images-idx3-ubyte", "is not an idx file of images: starts with 0x00000801");
}

TEST_F(Idx, TruncationIsRefusedAtEveryByte) {
  for (const std::string name : {"train-labels-idx1-ubyte", "t10k-images-idx3-ubyte"}) {
    for (const bool is_gzip : {false, true}) {
      write(false);
      const Bytes whole = is_gzip ? gzip(read_bytes(dir_.file(name))) : read_bytes(dir_.file(name));
      for (std::size_t size = 0; size < whole.size(); ++size) {
        put(name, Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
        EXPECT_THAT(error(), HasSubstr(dir_.file(name) + ": ")) << size;
      }
    }
  }
}

TEST_F(Idx, ErrorOfTruncationSaysHowMuchIsThere) {
  put("train-labels-idx1-ubyte", {0, 0, 8, 1, 0, 0, 0, 9, 1, 1});
  expect_error("train-labels-idx1-ubyte", "has 10 bytes");
  Bytes packed = gzip(idx_labels(kTrainLabels));
  packed.resize(packed.size() - 9);
  put("train-labels-idx1-ubyte", packed);
  expect_error("train-labels-idx1-ubyte", "damaged gzip data");
}

TEST_F(Idx, TrailingBytesAreRefused) {
  Bytes labels = idx_labels(kTrainLabels);
  Bytes packed = gzip(labels);
  labels.push_back(0);
  put("train-labels-idx1-ubyte", labels);
  expect_error("train-labels-idx1-ubyte", "has more than");
  put("train-labels-idx1-ubyte", gzip(labels));
  expect_error("train-labels-idx1-ubyte", "has more than");
  packed.push_back(0);
  put("train-labels-idx1-ubyte", packed);
  expect_error("train-labels-idx1-ubyte", "unexpected bytes after the gzip data");
}

TEST_F(Idx, DamagedGzipChecksumIsRefused) {
  Bytes packed = gzip(idx_labels(kTrainLabels));
  packed[packed.size() - 5] ^= 1;  // of the CRC-32
  put("train-labels-idx1-ubyte", packed);
  expect_error("train-labels-idx1-ubyte", "damaged gzip data: incorrect data check");
}

TEST_F(Idx, CountsMustAgree) {
  put("train-images-idx3-ubyte", idx_images(6, kHeight, kWidth, train_));
  expect_error("train-images-idx3-ubyte", "has 6 images");
}

TEST_F(Idx, HeaderCannotAskForMoreThanTheLimits) {
  put("train-labels-idx1-ubyte", {0, 0, 8, 1, 0xff, 0xff, 0xff, 0xff});
  expect_error("train-labels-idx1-ubyte", "has 4294967295 images");
  write(false);
  put("train-images-idx3-ubyte", idx_images(7, 16385, kWidth, train_));
  expect_error("train-images-idx3-ubyte", "images are 16385 pixels high; ");
  put("train-images-idx3-ubyte", idx_images(7, kHeight, 0, train_));
  expect_error("train-images-idx3-ubyte", "images are 0 pixels wide; ");
  put("train-images-idx3-ubyte", idx_images(7, 16384, 16384, train_));
  expect_error("train-images-idx3-ubyte", "has 1879048192 bytes");
}

// A header within the limits and a stream of 20 MB that packs to 20 kB: it is left after the
// bytes that the header announces.
TEST_F(Idx, GzipBombIsNotDecompressed) {
  Bytes labels = idx_labels(kTrainLabels);
  labels.resize(20'000'000);
  put("train-labels-idx1-ubyte", gzip(labels));
  expect_error("train-labels-idx1-ubyte", "has more than");
}

TEST_F(Idx, EmptySetsAndClassesAreRefused) {
  put("t10k-labels-idx1-ubyte", idx_labels({}));
  expect_error("t10k-labels-idx1-ubyte", "has no images");
  write(false);
  put("train-labels-idx1-ubyte", idx_labels({0, 1, 3, 1, 0, 3, 3}));
  EXPECT_THAT(error(), StartsWith(dir_.path().string() + ": class 2"));
  put("train-labels-idx1-ubyte", idx_labels({0, 0, 0, 0, 0, 0, 0}));
  put("t10k-labels-idx1-ubyte", idx_labels({0, 0}));
  EXPECT_THAT(error(), StartsWith(dir_.path().string() + ": "));
}

TEST_F(Idx, TestLabelMustBeOneOfTraining) {
  put("t10k-labels-idx1-ubyte", idx_labels({2, 3}));
  expect_error("t10k-labels-idx1-ubyte", "label 3 of image 1");
}

TEST_F(Idx, TestImagesMustHaveTheSizeOfTraining) {
  put("t10k-images-idx3-ubyte", idx_images(2, kWidth, kHeight, test_));
  expect_error("t10k-images-idx3-ubyte", "images are 4 x 3 pixels");
}

TEST_F(Idx, ConstantImagesAreRefused) {
  put("train-images-idx3-ubyte", idx_images(7, kHeight, kWidth, Bytes(train_.size(), 9)));
  EXPECT_THAT(error(), StartsWith(dir_.path().string() + ": channel 0"));
}

TEST_F(Idx, DirectoryInPlaceOfAFileIsRefused) {
  remove("train-labels-idx1-ubyte");
  std::filesystem::create_directory(dir_.file("train-labels-idx1-ubyte"));
  expect_error("train-labels-idx1-ubyte", "is a directory, expected a file");
}

TEST_F(Idx, DamagedFilesAreRefusedOrRead) {
  Random random(3);
  for (int i = 0; i < 400; ++i) {
    write(false);
    const std::string name =
        random.pick<std::string>({"train-labels-idx1-ubyte", "train-images-idx3-ubyte",
                                  "t10k-labels-idx1-ubyte", "t10k-images-idx3-ubyte"});
    const Bytes whole = read_bytes(dir_.file(name));
    put(name, damaged(random.one_in(2) ? gzip(whole) : whole, random));
    const std::string message = error();  // any other exception fails the test
    EXPECT_THAT(message, ::testing::AnyOf("no error", HasSubstr(dir_.path().string())));
  }
}

}  // namespace
}  // namespace tilewake
