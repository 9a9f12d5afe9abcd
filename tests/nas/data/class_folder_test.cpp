// SPDX-License-Identifier: Apache-2.0
// Folders without a test part: CLASS/file, or train/CLASS/file alone.
#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/data/image_source.hpp"
#include "tests/nas/data/data_files.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/temp_dir.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

namespace fs = std::filesystem;

/// The one pixel of every image, as identity of the image.
std::vector<int> pixels_of(const ImageSource& images) {
  std::vector<int> pixels;
  Image image;
  for (std::int64_t i = 0; i < images.size(); ++i) {
    images.read(i, image);
    pixels.push_back(image.pixels[0]);
  }
  return pixels;
}

class ClassFolder : public ::testing::Test {
 protected:
  /// `count` grey images of one pixel, of the values `first`, first + 1, ...
  void write(const std::string& class_directory, int count, int first) {
    for (int i = 0; i < count; ++i)
      write_png(dir_.path() / class_directory / (std::to_string(i) + ".png"),
                Image{1, 1, 1, {static_cast<std::uint8_t>(first + i)}});
  }
  ImageData open() { return open_image_data(dir_.path().string()); }
  std::string error() {
    return input_error_of([&] { open(); });
  }

  TempDir dir_;
};

TEST_F(ClassFolder, IsSplitSoThatEveryImageIsInOnePartAndClassesKeepTheirShares) {
  const std::vector<int> counts = {2, 5, 10, 33};
  int first = 0;
  for (const int count : counts) {
    write("of_" + std::to_string(100 + count), count, first);
    first += count;
  }
  const ImageData data = open();
  EXPECT_EQ(data.num_classes(), 4);
  std::vector<int> all = pixels_of(*data.train);
  const std::vector<int> test = pixels_of(*data.test);
  all.insert(all.end(), test.begin(), test.end());
  EXPECT_THAT(all, SizeIs(50));
  EXPECT_THAT((std::set<int>(all.begin(), all.end())), SizeIs(50));
  std::vector<int> test_counts(4);
  for (std::int64_t i = 0; i < data.test->size(); ++i)
    ++test_counts[static_cast<std::size_t>(data.test->label(i))];
  EXPECT_EQ(test_counts, (std::vector<int>{1, 1, 2, 7}));  // a fifth, at least one
  EXPECT_THAT(data.notes, SizeIs(1));
}

// Not on the place of the folder, the order of writing, or other classes.
TEST_F(ClassFolder, SplitDependsOnTheNamesOfClassAndFileAlone) {
  write("pets/a", 20, 0);
  write("pets/b", 20, 100);
  const std::vector<int> before = pixels_of(*open_image_data(dir_.file("pets")).test);
  fs::rename(dir_.path() / "pets", dir_.path() / "others");
  write("others/0", 9, 200);
  const ImageData after = open_image_data(dir_.file("others"));
  std::vector<int> test = pixels_of(*after.test);
  EXPECT_GT(test[0], 199);
  test.erase(test.begin(), test.begin() + 2);
  EXPECT_EQ(test, before);
  EXPECT_EQ(pixels_of(*open_image_data(dir_.file("others")).test), pixels_of(*after.test));
}

TEST_F(ClassFolder, TrainAloneIsSplitAsWell) {
  write("train/a", 10, 0);
  write("train/b", 10, 100);
  const ImageData data = open();
  EXPECT_EQ(data.train->size(), 16);
  EXPECT_EQ(data.test->size(), 4);
  const std::vector<int> test = pixels_of(*data.test);
  fs::rename(dir_.path() / "train", dir_.path() / "other");
  EXPECT_EQ(pixels_of(*open_image_data(dir_.file("other")).test), test);
}

TEST_F(ClassFolder, TrainMayBeAClass) {
  write("train", 5, 0);
  write("bus", 5, 100);
  EXPECT_EQ(open().classes, (std::vector<std::string>{"bus", "train"}));
}

TEST_F(ClassFolder, ClassThatCannotBeSplitIsRefusedByName) {
  write("a", 5, 0);
  write("b", 1, 100);
  EXPECT_THAT(error(), StartsWith(dir_.file("b/0.png") + ": "));
  fs::remove(dir_.file("b/0.png"));
  EXPECT_EQ(error(), dir_.file("b") + ": has no images");
  fs::remove(dir_.file("b"));
  EXPECT_THAT(error(), StartsWith(dir_.path().string() + ": all training images are of one class"));
}

TEST_F(ClassFolder, OtherEntriesAreRefusedByName) {
  write("a", 5, 0);
  write("b", 5, 100);
  write_bytes(dir_.file("labels.csv"), {1});
  EXPECT_THAT(error(), StartsWith(dir_.file("labels.csv") + ": "));
  fs::remove(dir_.file("labels.csv"));
  write("b/c", 2, 0);
  EXPECT_THAT(error(), StartsWith(dir_.file("b/c") + ": "));
  fs::remove_all(dir_.file("b/c"));
  fs::create_directory(dir_.path() / ".cache");
  EXPECT_EQ(open().num_classes(), 2);
}

TEST_F(ClassFolder, ImbalanceIsWarnedOfWithBothCounts) {
  write("few", 10, 0);
  write("many", 19, 100);
  EXPECT_TRUE(open().warnings.empty());
  write("many", 30, 100);
  const std::vector<std::string> warnings = open().warnings;
  ASSERT_THAT(warnings, SizeIs(1));
  for (const std::string word : {"8 ", "'few'", "24 ", "'many'", "75.0 %"})
    EXPECT_THAT(warnings[0], HasSubstr(word));
}

}  // namespace
}  // namespace tilewake
