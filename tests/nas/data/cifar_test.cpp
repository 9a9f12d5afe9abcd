// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/data/image_source.hpp"
#include "tests/nas/data/data_files.hpp"
#include "tests/nas/data/pickle_files.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/temp_dir.hpp"

namespace tilewake {
namespace {

using ::testing::StartsWith;

constexpr std::size_t kRecord = 3073;

Bytes text(const std::string& letters) { return {letters.begin(), letters.end()}; }

// Four images: of the classes `first`, first + 1, .. modulo 10.
Bytes batch(int first) {
  Bytes bytes = random_bytes(4 * kRecord, static_cast<std::uint64_t>(first));
  for (int i = 0; i < 4; ++i)
    bytes[static_cast<std::size_t>(i) * kRecord] = static_cast<std::uint8_t>((first + i) % 10);
  return bytes;
}

class Cifar10 : public ::testing::Test {
 protected:
  void write(const std::filesystem::path& directory) {
    for (int i = 1; i <= 5; ++i)
      write_bytes(directory / ("data_batch_" + std::to_string(i) + ".bin"), batch(2 * i));
    write_bytes(directory / "test_batch.bin", batch(7));
  }
  ImageData open() { return open_image_data(dir_.path().string()); }
  std::string error() {
    return input_error_of([&] { open(); });
  }

  TempDir dir_;
};

TEST_F(Cifar10, GivesRecordsInOrderWithColoursInterleaved) {
  write(dir_.path());
  const ImageData data = open();
  EXPECT_EQ(data.channels, 3);
  EXPECT_EQ(data.num_classes(), 10);
  ASSERT_EQ(data.train->size(), 20);
  ASSERT_EQ(data.test->size(), 4);
  Image image;
  for (std::int64_t i = 0; i < 20; ++i) {
    const auto record = static_cast<std::size_t>(i % 4) * kRecord;
    const Bytes file = batch(2 + 2 * static_cast<int>(i / 4));
    EXPECT_EQ(data.train->label(i), file[record]);
    data.train->read(i, image);
    ASSERT_EQ(image.pixels.size(), kRecord - 1);
    for (std::size_t c = 0; c < 3; ++c)
      for (std::size_t p = 0; p < 1024; ++p)
        ASSERT_EQ(image.pixels[3 * p + c], file[record + 1 + 1024 * c + p]);
  }
  EXPECT_EQ(data.test->label(3), 0);
}

TEST_F(Cifar10, IsFoundInTheDirectoryOfItsArchive) {
  write(dir_.path() / "cifar-10-batches-bin");
  EXPECT_EQ(open().train->size(), 20);
  EXPECT_EQ(open().name, dir_.path().filename().string());
}

TEST_F(Cifar10, ClassNamesAreThoseOfTheFileOrThePublishedOnes) {
  write(dir_.path());
  EXPECT_EQ(open().classes.front(), "airplane");
  EXPECT_EQ(open().classes.back(), "truck");
  const std::string path = dir_.file("batches.meta.txt");
  write_bytes(path, text("a\nb\r\nc\nd\ne\nf\ng\nh\ni\nj\n\n"));
  EXPECT_EQ(open().classes,
            (std::vector<std::string>{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}));
  write_bytes(path, text("a\nb\n"));
  EXPECT_THAT(error(), StartsWith(path + ": has 2 classes"));
  write_bytes(path, text("a\n\nc\nd\ne\nf\ng\nh\ni\nj\n"));
  EXPECT_EQ(error(), path + ":2: the name of a class is empty");
}

TEST_F(Cifar10, EachFileIsNeeded) {
  for (const std::string name : {"data_batch_1.bin", "data_batch_4.bin", "test_batch.bin"}) {
    write(dir_.path());
    std::filesystem::remove(dir_.file(name));
    EXPECT_THAT(error(), StartsWith(dir_.file(name) + ": "));
  }
}

TEST_F(Cifar10, PartOfARecordIsRefused) {
  write(dir_.path());
  const std::string path = dir_.file("data_batch_3.bin");
  for (const std::size_t size : {std::size_t{1}, kRecord - 1, kRecord + 1, 4 * kRecord - 1}) {
    Bytes bytes = batch(6);
    bytes.resize(size);
    write_bytes(path, bytes);
    EXPECT_EQ(error(), path + ": " + std::to_string(size) +
                           " bytes are not a multiple of the 3073 bytes of a record");
  }
  write_bytes(path, {});
  EXPECT_THAT(error(), StartsWith(path + ": "));
}

TEST_F(Cifar10, UnknownLabelIsRefused) {
  write(dir_.path());
  Bytes bytes = batch(7);
  bytes[2 * kRecord] = 10;
  write_bytes(dir_.file("test_batch.bin"), bytes);
  EXPECT_THAT(error(), StartsWith(dir_.file("test_batch.bin") + ": label 10 of image 2"));
}

TEST_F(Cifar10, FileBeyondTheLimitIsNotRead) {
  write(dir_.path());
  const std::string path = dir_.file("test_batch.bin");
  std::filesystem::resize_file(path, 100'001 * kRecord);  // a hole: takes no disk
  EXPECT_THAT(error(), StartsWith(path + ": has 307303073"));
}

/// The records of a batch as the Python version has them.
Bytes pickled(const Bytes& records) {
  std::vector<int> labels;
  Bytes pixels;
  for (std::size_t begin = 0; begin < records.size(); begin += kRecord) {
    labels.push_back(records[begin]);
    const auto first = records.begin() + static_cast<std::ptrdiff_t>(begin);
    pixels.insert(pixels.end(), first + 1, first + kRecord);
  }
  return pickled_batch("labels", labels, pixels);
}

TEST_F(Cifar10, PythonVersionGivesTheSameImages) {
  write(dir_.path() / "binary");
  const std::filesystem::path python = dir_.path() / "python/cifar-10-batches-py";
  for (const std::string name : {"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4",
                                 "data_batch_5", "test_batch"})
    write_bytes(python / name, pickled(read_bytes(dir_.path() / "binary" / (name + ".bin"))));
  const ImageData binary = open_image_data(dir_.file("binary"));
  const ImageData pickles = open_image_data(python.string());
  EXPECT_EQ(pickles.classes, binary.classes);
  EXPECT_EQ(pickles.mean, binary.mean);
  EXPECT_EQ(open_image_data(dir_.file("python")).mean, binary.mean);
  Image image;
  Image expected;
  for (std::int64_t i = 0; i < 20; ++i) {
    EXPECT_EQ(pickles.train->label(i), binary.train->label(i));
    pickles.train->read(i, image);
    binary.train->read(i, expected);
    EXPECT_EQ(image.pixels, expected.pixels);
  }
  const std::vector<std::string> names = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
  PickleWriter meta;
  meta.op("}(").text("label_names").texts(names).op("u.");
  write_bytes(python / "batches.meta", meta.bytes());
  EXPECT_EQ(open_image_data(python.string()).classes, names);
}

TEST_F(Cifar10, PythonFilesWithoutTheirKeysAreRefusedByName) {
  write(dir_.path() / "binary");
  for (const std::string name : {"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4",
                                 "data_batch_5", "test_batch"})
    write_bytes(dir_.path() / name, pickled(read_bytes(dir_.path() / "binary" / (name + ".bin"))));
  const std::string path = dir_.file("data_batch_3");
  const Bytes pixels = random_bytes(2 * (kRecord - 1), 1);
  for (const Bytes& bytes :
       {pickled_batch("label", {1, 2}, pixels), pickled_batch("labels", {1, 10}, pixels),
        pickled_batch("labels", {1, -1}, pixels), pickled_batch("labels", {}, {}),
        PickleWriter().op("].").bytes(), PickleWriter().op("}.").bytes(), text("no pickle")}) {
    write_bytes(path, bytes);
    EXPECT_THAT(error(), StartsWith(path + ": "));
  }
  std::filesystem::remove(path);
  EXPECT_THAT(error(), StartsWith(path + ": "));
}

/// The names of the 100 classes: "n0", "n1", ...
std::vector<std::string> hundred_names() {
  std::vector<std::string> names;
  for (int i = 0; i < 100; ++i) names.push_back("n" + std::to_string(i));
  return names;
}

// An image of every class, last first; coarse labels are not those that are used.
TEST(Cifar100, GivesFineLabelsAndNamesOfBothVersions) {
  const TempDir dir;
  Bytes records;
  std::vector<int> labels;
  Bytes pixels;
  std::string names;
  for (int i = 99; i >= 0; --i) {
    const Bytes image = random_bytes(kRecord - 1, static_cast<std::uint64_t>(i));
    records.push_back(static_cast<std::uint8_t>(i % 20));
    records.push_back(static_cast<std::uint8_t>(i));
    labels.push_back(i);
    records.insert(records.end(), image.begin(), image.end());
    pixels.insert(pixels.end(), image.begin(), image.end());
  }
  for (const std::string& name : hundred_names()) names += name + "\n";
  const std::filesystem::path binary = dir.path() / "cifar-100-binary";
  for (const std::string part : {"train", "test"}) {
    write_bytes(binary / (part + ".bin"), records);
    write_bytes(dir.path() / "python" / part, pickled_batch("fine_labels", labels, pixels));
  }
  write_bytes(binary / "fine_label_names.txt", text(names));
  write_bytes(binary / "coarse_label_names.txt", text("x\n"));
  PickleWriter meta;
  meta.op("}(").text("fine_label_names").texts(hundred_names());
  meta.text("coarse_label_names").texts({"x"}).op("u.");
  write_bytes(dir.path() / "python/meta", meta.bytes());
  for (const std::string& path : {dir.path().string(), binary.string(), dir.file("python")}) {
    const ImageData data = open_image_data(path);
    EXPECT_EQ(data.classes, hundred_names());
    ASSERT_EQ(data.train->size(), 100);
    EXPECT_EQ(data.test->size(), 100);
    EXPECT_EQ(data.side, 32);
    Image image;
    for (std::int64_t i = 0; i < 100; ++i) {
      EXPECT_EQ(data.train->label(i), 99 - i);
      data.train->read(i, image);
      EXPECT_EQ(image.pixels[5], pixels[static_cast<std::size_t>(i) * (kRecord - 1) + 2049]);
    }
  }
  std::filesystem::remove(binary / "fine_label_names.txt");
  EXPECT_THAT(input_error_of([&] { open_image_data(binary.string()); }),
              StartsWith((binary / "fine_label_names.txt").string() + ": "));
}

TEST_F(Cifar10, ClassWithoutImagesIsRefused) {
  write(dir_.path());
  for (int i = 1; i <= 5; ++i)
    write_bytes(dir_.file("data_batch_" + std::to_string(i) + ".bin"), batch(i));
  EXPECT_THAT(error(), StartsWith(dir_.path().string() + ": class 0 (airplane)"));
}

}  // namespace
}  // namespace tilewake
