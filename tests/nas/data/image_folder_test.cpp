// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <numeric>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/data/image_loader.hpp"
#include "nas/data/image_source.hpp"
#include "tests/nas/data/data_files.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/temp_dir.hpp"

namespace tilewake {
namespace {

using ::testing::StartsWith;

namespace fs = std::filesystem;

const std::string kMustBeImage = ": must be an image: .jpg, .jpeg, .png, .webp or .bmp";

class ImageFolder : public ::testing::Test {
 protected:
  void write_small(const std::string& test = "test") {
    write_png(dir_.path() / "train/cat/2.png", random_image(3, 5, 4, 1));
    write_png(dir_.path() / "train/cat/1.PNG", random_image(1, 3, 6, 2));
    write_jpeg(dir_.path() / "train/dog/a.jpeg", smooth_image(20, 30));
    write_jpeg(dir_.path() / test / "cat/x.JPG", smooth_image(10, 10));
    write_png(dir_.path() / test / "dog/y.png", random_image(3, 2, 2, 3));
  }
  ImageData open() { return open_image_data(dir_.path().string()); }
  std::string error() {
    return input_error_of([&] { open(); });
  }

  TempDir dir_;
};

TEST_F(ImageFolder, ClassesAndFilesAreSortedByName) {
  write_small();
  const ImageData data = open();
  EXPECT_EQ(data.channels, 3);
  EXPECT_EQ(data.classes, (std::vector<std::string>{"cat", "dog"}));
  ASSERT_EQ(data.train->size(), 3);
  EXPECT_EQ(data.test->size(), 2);
  EXPECT_TRUE(data.train->varies_in_size());
  Image image;
  data.train->read(0, image);
  EXPECT_EQ(image.width, 6);  // 1.PNG
  EXPECT_EQ(image.channels, 3);
  data.train->read(1, image);
  EXPECT_EQ(image.pixels, random_image(3, 5, 4, 1).pixels);
  EXPECT_EQ(data.train->label(0), 0);
  EXPECT_EQ(data.train->label(2), 1);
}

TEST_F(ImageFolder, TestImagesAreInTestOrElseInVal) {
  write_small("val");
  EXPECT_EQ(open().test->size(), 2);
  write_png(dir_.path() / "test/cat/1.png", random_image(3, 5, 4, 1));
  write_png(dir_.path() / "test/cat/2.png", random_image(3, 5, 4, 1));
  write_png(dir_.path() / "test/dog/2.png", random_image(3, 5, 4, 1));
  EXPECT_EQ(open().test->size(), 3);
}

TEST_F(ImageFolder, BothPartsMustHaveTheSameClasses) {
  write_small();
  write_png(dir_.path() / "test/bird/1.png", random_image(3, 5, 4, 1));
  EXPECT_THAT(error(), StartsWith(dir_.file("test") + ": class 'bird' "));
  fs::remove_all(dir_.path() / "test/bird");
  fs::remove_all(dir_.path() / "test/dog");
  EXPECT_THAT(error(), StartsWith(dir_.file("test") + ": class 'dog' "));
}

TEST_F(ImageFolder, EmptyPartsAreRefused) {
  fs::create_directories(dir_.path() / "train");
  fs::create_directories(dir_.path() / "test");
  EXPECT_EQ(error(), dir_.file("train") + ": has no classes");
  write_small();
  fs::remove(dir_.path() / "test/dog/y.png");
  EXPECT_EQ(error(), dir_.file("test/dog") + ": has no images");
  fs::remove(dir_.path() / "train/dog/a.jpeg");
  EXPECT_EQ(error(), dir_.file("train/dog") + ": has no images");
  fs::remove_all(dir_.path() / "train/dog");
  fs::remove_all(dir_.path() / "test/dog");
  EXPECT_THAT(error(), StartsWith(dir_.path().string() + ": "));
}

TEST_F(ImageFolder, OtherFilesThanImagesAreRefusedUnlessHidden) {
  write_small();
  write_bytes(dir_.file("train/.DS_Store"), {1});
  write_bytes(dir_.file("train/cat/.hidden"), {1});
  EXPECT_EQ(open().train->size(), 3);
  write_bytes(dir_.file("train/cat/notes.txt"), {1});
  EXPECT_EQ(error(), dir_.file("train/cat/notes.txt") + kMustBeImage);
  fs::remove(dir_.file("train/cat/notes.txt"));
  fs::create_directory(dir_.file("train/cat/more.png"));
  EXPECT_EQ(error(), dir_.file("train/cat/more.png") + kMustBeImage);
  fs::remove(dir_.file("train/cat/more.png"));
  write_bytes(dir_.file("train/labels.csv"), {1});
  EXPECT_EQ(error(),
            dir_.file("train/labels.csv") + ": must be a directory with the images of one class");
}

// At 224 pixels a photo's shorter side becomes 256, of which the centre is seen: here nothing is
// resized, so it is seen exactly.
TEST_F(ImageFolder, PhotosAreEvaluatedOnTheirCentre) {
  write_small();
  const Image photo = random_image(3, 256, 320, 4);
  write_png(dir_.path() / "test/cat/0.png", photo);
  ImageData data = open();
  data.mean = {0, 0, 0};
  data.stddev = {1.0F / 255, 1.0F / 255, 1.0F / 255};
  LoaderOptions options;
  options.resolution = 224;
  ImageLoader loader(data, data.test, {0}, options);
  Batch batch;
  ASSERT_TRUE(loader.next(batch));
  for (std::size_t y = 0; y < 224; ++y)
    for (std::size_t i = 0; i < 224 * 3; ++i)
      ASSERT_NEAR(batch.images[y * 224 * 3 + i],
                  static_cast<float>(photo.pixels[(y + 16) * 320 * 3 + 48 * 3 + i]), 1e-3F);
}

// Before anything is trained; for a test image, too.
TEST_F(ImageFolder, DamagedImageIsRefusedByName) {
  write_small();
  for (const std::string part : {"train", "test"}) {
    const std::string path = dir_.file(part + "/cat/3.jpg");
    write_bytes(path, {0xff, 0xd8, 0xff, 0xd9});
    EXPECT_THAT(error(), StartsWith(path + ": damaged JPEG image"));
    fs::remove(path);
  }
  write_bytes(dir_.file("test/cat/3.webp"), animated_webp_of(random_image(3, 8, 8, 1)));
  EXPECT_THAT(error(), StartsWith(dir_.file("test/cat/3.webp") + ": "));
}

TEST_F(ImageFolder, ImageDamagedLaterIsReportedByTheLoaderInItsBatch) {
  write_small();
  write_png(dir_.path() / "test/cat/3.jpg", random_image(3, 5, 4, 1));
  const ImageData data = open();
  write_bytes(dir_.file("test/cat/3.jpg"), {0xff, 0xd8, 0xff, 0xd9});
  LoaderOptions options;
  options.resolution = 8;
  options.batch_size = 1;
  options.num_threads = 3;
  ImageLoader loader(data, data.test, {2, 0, 1}, options);  // dog/y, cat/3, cat/x
  Batch batch;
  EXPECT_TRUE(loader.next(batch));
  EXPECT_EQ(batch.labels, (std::vector<std::int64_t>{1}));
  EXPECT_THAT(input_error_of([&] { loader.next(batch); }),
              StartsWith(dir_.file("test/cat/3.jpg") + ": damaged JPEG image"));
}

TEST_F(ImageFolder, FormatsOfImagesCanBeMixed) {
  write_small();
  const Image image = random_image(3, 9, 7, 5);
  write_bytes(dir_.file("train/cat/3.webp"), webp_of(image));
  write_bytes(dir_.file("train/cat/4.BMP"), bmp_of(image));
  const ImageData data = open();
  Image read;
  for (const std::int64_t index : {2, 3}) {
    data.train->read(index, read);
    EXPECT_EQ(read.pixels, image.pixels);
  }
}

Image repeated_grey(int height, int width, std::uint64_t seed) {
  const Image grey = random_image(1, height, width, seed);
  Image rgb{3, height, width, {}};
  for (const std::uint8_t value : grey.pixels) rgb.pixels.insert(rgb.pixels.end(), 3, value);
  return rgb;
}

// Stored as grey or in colours that are all grey; a single pixel of colour in either part decides.
TEST_F(ImageFolder, FolderOfGreyImagesHasOneChannel) {
  const Image grey = random_image(1, 6, 5, 2);
  for (const std::string part : {"train", "test"}) {
    write_png(dir_.path() / part / "a/1.png", grey);
    write_png(dir_.path() / part / "b/1.png", repeated_grey(6, 5, 2));
    write_bytes(dir_.path() / part / "b/2.bmp", bmp_of(repeated_grey(6, 5, 3)));
    write_jpeg(dir_.path() / part / "b/3.jpg", random_image(1, 40, 30, 4));
  }
  const ImageData data = open();
  EXPECT_EQ(data.channels, 1);
  EXPECT_EQ(data.mean.size(), 1U);
  Image read;
  for (const std::int64_t index : {0, 1}) {
    data.test->read(index, read);
    EXPECT_EQ(read.channels, 1);
    EXPECT_EQ(read.pixels, grey.pixels);
  }
  for (const std::string part : {"train", "test"}) {
    Image coloured = repeated_grey(6, 5, 2);
    ++coloured.pixels[31];
    write_png(dir_.path() / part / "a/2.png", coloured);
    const ImageData colours = open();
    EXPECT_EQ(colours.channels, 3);
    EXPECT_EQ(colours.mean.size(), 3U);
    colours.train->read(0, read);
    EXPECT_EQ(read.channels, 3);
    fs::remove(dir_.path() / part / "a/2.png");
  }
}

// As sets in memory are: resized as a whole. Others are photos, of which the centre is seen.
TEST_F(ImageFolder, SquaresOfOneSizeDoNotVary) {
  for (const std::string part : {"train", "test"})
    for (const std::string name : {"a", "b"})
      write_png(dir_.path() / part / name / "1.png", random_image(3, 12, 12, 1));
  EXPECT_FALSE(open().train->varies_in_size());
  EXPECT_FALSE(open().test->varies_in_size());
  EXPECT_EQ(open().side, 12);
  write_png(dir_.path() / "test/a/2.png", random_image(3, 12, 13, 1));
  EXPECT_TRUE(open().train->varies_in_size());
  fs::remove_all(dir_.path());
  for (const std::string part : {"train", "test"})
    for (const std::string name : {"a", "b"})
      write_png(dir_.path() / part / name / "1.png", random_image(3, 12, 16, 1));
  EXPECT_TRUE(open().train->varies_in_size());
}

// Of the shorter sides before libjpeg scales: 7/8 of it.
TEST_F(ImageFolder, SideIsThatOfTheCentreOfTheMedianImage) {
  write_small();
  write_jpeg(dir_.path() / "train/cat/big.jpg", smooth_image(600, 500));
  EXPECT_EQ(open().side, 17);  // of 3, 4, 20, 500
  write_jpeg(dir_.path() / "train/cat/bigger.jpg", smooth_image(400, 700));
  EXPECT_EQ(open().side, 17);
  write_jpeg(dir_.path() / "train/dog/biggest.jpg", smooth_image(800, 700));
  EXPECT_EQ(open().side, 350);
}

TEST_F(ImageFolder, ImagesOfOnePixelAreUsed) {
  for (const std::string part : {"train", "test"}) {
    write_png(dir_.path() / part / "a/1.png", Image{3, 1, 1, {10, 20, 30}});
    write_bytes(dir_.path() / part / "b/1.webp", webp_of({3, 1, 1, {60, 70, 90}}));
  }
  const ImageData data = open();
  EXPECT_EQ(data.side, 1);
  LoaderOptions options;
  options.resolution = 28;
  options.batch_size = 2;
  options.is_training = true;
  options.augmentation.random_resized_crop = true;
  ImageLoader loader(data, data.train, {0, 1}, options);
  Batch batch;
  ASSERT_TRUE(loader.next(batch));
  const std::size_t values = 28 * 28 * 3;
  for (std::size_t i = 3; i < 2 * values; ++i) {
    if (i % values >= 3) {
      ASSERT_NEAR(batch.images[i], batch.images[i - 3], 1e-5F);
    }
  }
}

TEST_F(ImageFolder, NamesMayHaveAnyBytes) {
  const std::string spaces = "two words";
  const std::string lines = "a\nb";
  const std::string bytes = "\xff\x01 \\";
  for (const std::string& name : {spaces, lines, bytes})
    for (const std::string part : {"train", "test"})
      write_png(dir_.path() / part / name / (name + " \n\xfe.png"), random_image(3, 4, 4, 1));
  const ImageData data = open();
  EXPECT_EQ(data.classes, (std::vector<std::string>{"a\\x0ab", "two words", "\\xff\\x01 \\"}));
  Image image;
  for (std::int64_t i = 0; i < 3; ++i) data.test->read(i, image);
}

TEST_F(ImageFolder, ClassesOfOneNameAreRefused) {
  for (const std::string part : {"train", "test"}) {
    write_png(dir_.path() / part / "a\nb" / "1.png", random_image(3, 4, 4, 1));
    write_png(dir_.path() / part / "a\\x0ab" / "1.png", random_image(3, 4, 4, 1));
  }
  EXPECT_THAT(error(), StartsWith(dir_.path().string() + ": two classes "));
}

TEST_F(ImageFolder, FingerprintIsThatOfNamesAndSizes) {
  write_small();
  const std::string before = open().fingerprint;
  EXPECT_EQ(open().fingerprint, before);
  fs::rename(dir_.path() / "train/cat/2.png", dir_.path() / "train/cat/3.png");
  EXPECT_NE(open().fingerprint, before);
  fs::rename(dir_.path() / "train/cat/3.png", dir_.path() / "train/cat/2.png");
  EXPECT_EQ(open().fingerprint, before);
  write_png(dir_.path() / "train/cat/2.png", random_image(3, 9, 9, 1));
  EXPECT_NE(open().fingerprint, before);
}

// Scaled by libjpeg or read whole: about the same crops, from far fewer pixels.
TEST_F(ImageFolder, ScaledDecodingShowsTheSameWindow) {
  write_small();
  write_jpeg(dir_.path() / "train/cat/big.jpg", smooth_image(640, 960), 95);
  ImageData data = open();
  class Whole final : public ImageSource {
   public:
    explicit Whole(const ImageSource& source) : source_(source) {}
    std::int64_t size() const override { return source_.size(); }
    int label(std::int64_t index) const override { return source_.label(index); }
    void read(std::int64_t index, Image& image) const override { source_.read(index, image); }
    bool varies_in_size() const override { return true; }

   private:
    const ImageSource& source_;
  };
  data.mean = {0, 0, 0};
  data.stddev = {1.0F / 255, 1.0F / 255, 1.0F / 255};
  LoaderOptions options;
  options.resolution = 32;
  options.batch_size = 1;
  options.is_training = true;
  options.augmentation.random_resized_crop = true;
  ImageLoader scaled(data, data.train, {2}, options);  // 1.PNG, 2.png, big.jpg
  ImageLoader whole(data, std::make_shared<Whole>(*data.train), {2}, options);
  Batch a;
  Batch b;
  for (int epoch = 0; epoch < 20; ++epoch) {
    scaled.start(epoch);
    whole.start(epoch);
    ASSERT_TRUE(scaled.next(a));
    ASSERT_TRUE(whole.next(b));
    for (std::size_t i = 0; i < a.images.size(); ++i) ASSERT_NEAR(a.images[i], b.images[i], 6.0F);
  }
}

}  // namespace
}  // namespace tilewake
