// SPDX-License-Identifier: Apache-2.0
#include "nas/data/image_source.hpp"

#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/nas/data/data_files.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/temp_dir.hpp"

namespace tilewake {
namespace {

using ::testing::StartsWith;

TEST(OpenImageData, UnknownNameIsRefused) {
  EXPECT_THAT(input_error_of([] { open_image_data("fashion"); }), StartsWith("fashion: "));
  EXPECT_THAT(input_error_of([] { open_image_data(""); }), StartsWith(": "));
}

TEST(OpenImageData, DirectoryWithoutDataIsRefused) {
  const TempDir dir;
  write_bytes(dir.file("README"), {1});
  EXPECT_THAT(input_error_of([&] { open_image_data(dir.path().string()); }),
              StartsWith(dir.path().string() + ": no data set found: "));
}

TEST(OpenImageData, NameTooLongForTheSystemIsRefused) {
  const std::string name(5000, 'x');
  EXPECT_EQ(input_error_of([&] { open_image_data(name); }), name + ": File name too long");
}

TEST(OpenImageData, NameIsTheLastPartOfThePath) {
  const TempDir dir;
  for (const std::string part : {"train", "test"})
    for (const std::string label : {"a", "b"})
      write_png(dir.path() / "pets" / part / label / "1.png", random_image(3, 4, 4, 1));
  for (const std::string path : {"pets", "pets/", "pets/.", "pets/train/.."})
    EXPECT_EQ(open_image_data((dir.path() / path).string()).name, "pets");
}

TEST(OpenImageData, ControlCharactersAreNoPartOfTheName) {
  const TempDir dir;
  const std::string directory = "a\n\x1b\rb: \x7f";
  for (const std::string part : {"train", "test"})
    for (const std::string label : {"a", "b"})
      write_png(dir.path() / directory / part / label / "1.png", random_image(3, 4, 4, 1));
  EXPECT_EQ(open_image_data((dir.path() / directory).string()).name, "a???b: ?");
}

// Figures that everybody normalises Fashion-MNIST with: 0.2860 and 0.3530.
TEST(FashionMnist, HasTheKnownFigures) {
  if (!std::filesystem::exists("/usr/share/datasets/fashion-mnist"))
    GTEST_SKIP() << "needs Debian's package dataset-fashion-mnist";
  const ImageData data = open_image_data("fashion-mnist");
  EXPECT_EQ(data.name, "fashion-mnist");
  ASSERT_EQ(data.train->size(), 60000);
  ASSERT_EQ(data.test->size(), 10000);
  EXPECT_EQ(data.num_classes(), 10);
  EXPECT_EQ(data.classes[9], "Ankle boot");
  std::vector<int> counts(20);
  for (std::int64_t i = 0; i < 60000; ++i) ++counts[static_cast<std::size_t>(data.train->label(i))];
  for (std::int64_t i = 0; i < 10000; ++i)
    ++counts[static_cast<std::size_t>(10 + data.test->label(i))];
  for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ(counts[i], i < 10 ? 6000 : 1000);
  EXPECT_NEAR(data.mean[0], 0.2860, 5e-5);
  EXPECT_NEAR(data.stddev[0], 0.3530, 5e-5);
  Image image;
  data.train->read(59999, image);
  EXPECT_EQ(image.height, 28);
  EXPECT_EQ(image.width, 28);
}

}  // namespace
}  // namespace tilewake
