// SPDX-License-Identifier: Apache-2.0
#include "nas/training/checkpoint.hpp"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/common/version.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/random.hpp"
#include "tests/support/temp_dir.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;

void spit(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

torch::nn::Sequential small_module(std::uint64_t seed) {
  torch::manual_seed(seed);
  return torch::nn::Sequential(torch::nn::Conv2d(3, 8, 3), torch::nn::BatchNorm2d(8),
                               torch::nn::Linear(8, 4));
}

void save(const std::string& path, const torch::nn::Sequential& module) {
  write_checkpoint(path, [&](StateArchive& archive) { save_module(archive, *module); });
}

void load(const std::string& path, torch::nn::Sequential& module) {
  read_checkpoint(path, [&](const StateArchive& archive) { load_module(archive, *module); });
}

TEST(Checkpoint, ModuleComesBackBitForBitWithItsCounters) {
  const TempDir directory;
  torch::nn::Sequential written = small_module(1);
  written->ptr(1)->as<torch::nn::BatchNorm2d>()->forward(torch::randn({2, 8, 3, 3}));
  {
    const torch::NoGradGuard no_grad;  // what decimal text would not carry
    written->parameters()[0].view(-1)[0] = std::numeric_limits<float>::denorm_min();
    written->parameters()[0].view(-1)[1] = -0.0F;
    written->parameters()[0].view(-1)[2] = std::nanf("");
  }
  save(directory.file("a"), written);
  torch::nn::Sequential read = small_module(2);
  load(directory.file("a"), read);
  const auto bits_equal = [](const torch::Tensor& a, const torch::Tensor& b) {
    return a.nbytes() == b.nbytes() && std::memcmp(a.data_ptr(), b.data_ptr(), a.nbytes()) == 0;
  };
  for (std::size_t i = 0; i < written->parameters().size(); ++i) {
    EXPECT_TRUE(bits_equal(written->parameters()[i], read->parameters()[i]));
  }
  for (std::size_t i = 0; i < written->buffers().size(); ++i) {
    EXPECT_TRUE(bits_equal(written->buffers()[i], read->buffers()[i]));
  }
}

TEST(Checkpoint, EqualStatesGiveEqualFiles) {
  const TempDir directory;
  save(directory.file("a"), small_module(1));
  save(directory.file("b"), small_module(1));
  EXPECT_EQ(slurp(directory.file("a")), slurp(directory.file("b")));
}

TEST(Checkpoint, ValuesOfEverySortComeBack) {
  const TempDir directory;
  const std::string path = directory.file("a");
  write_checkpoint(path, [](StateArchive& archive) {
    archive.write("int", std::int64_t{-7} << 50);
    archive.write("double", 0.1);
    archive.write("infinity", std::numeric_limits<double>::infinity());
    archive.write("nan", std::nan(""));
    archive.write("string", std::string("a\n\"b\" \xc3\xa4"));
    archive.write("strings", std::vector<std::string>{"x.y", ""});
    archive.write("no_strings", std::vector<std::string>{});
    archive.write("tensors", std::vector<torch::Tensor>{torch::ones({2}), torch::zeros({})});
    archive.write("no_tensors", std::vector<torch::Tensor>{});
  });
  read_checkpoint(path, [](const StateArchive& archive) {
    EXPECT_EQ(archive.read_int("int"), std::int64_t{-7} << 50);
    EXPECT_EQ(archive.read_double("double"), 0.1);
    EXPECT_EQ(archive.read_double("infinity"), std::numeric_limits<double>::infinity());
    EXPECT_TRUE(std::isnan(archive.read_double("nan")));
    EXPECT_EQ(archive.read_string("string"), "a\n\"b\" \xc3\xa4");
    EXPECT_EQ(archive.read_strings("strings"), (std::vector<std::string>{"x.y", ""}));
    EXPECT_TRUE(archive.read_strings("no_strings").empty());
    EXPECT_TRUE(torch::equal(archive.read_tensors("tensors")[0], torch::ones({2})));
    EXPECT_TRUE(archive.read_tensors("no_tensors").empty());
  });
  const auto error_of = [&path](auto read) {
    return input_error_of([&] { read_checkpoint(path, read); });
  };
  EXPECT_EQ(error_of([](const StateArchive& archive) { archive.read_int("other"); }),
            path + ": 'other' is missing");
  EXPECT_EQ(error_of([](const StateArchive& archive) { archive.read_int("double"); }),
            path + ": 'double' is of another type than this version writes");
  EXPECT_EQ(error_of([](const StateArchive& archive) { archive.read_tensors("strings"); }),
            path + ": 'strings' is of another type than this version writes");
  EXPECT_EQ(error_of([](const StateArchive& archive) { archive.read_archive("nested"); }),
            path + ": 'nested' is missing");
}

TEST(Checkpoint, NestedArchivesComeBack) {
  const TempDir directory;
  const std::string path = directory.file("a");
  write_checkpoint(path, [](StateArchive& archive) {
    StateArchive inner;
    inner.write("x", StateArchive::Tensors{torch::arange(3)});
    archive.write("b", inner);
    archive.write("a", StateArchive::Tensors{torch::ones({2, 0}), torch::full({1}, 2.0)});
  });
  read_checkpoint(path, [](const StateArchive& archive) {
    EXPECT_TRUE(torch::equal(archive.read_archive("b").read_tensors("x")[0], torch::arange(3)));
    EXPECT_EQ(archive.read_tensors("a")[0].sizes(), (std::vector<std::int64_t>{2, 0}));
    EXPECT_TRUE(torch::equal(archive.read_tensors("a")[1], torch::full({1}, 2.0)));
  });
}

bool is_refused(const std::string& path) {
  const std::string error =
      input_error_of([&] { read_checkpoint(path, [](const StateArchive&) { FAIL(); }); });
  return error.rfind(path + ": ", 0) == 0 && error.find('\n') == std::string::npos;
}

TEST(Checkpoint, DamagedAtAnyBytePositionIsRefused) {
  const TempDir directory;
  const std::string path = directory.file("a");
  save(path, small_module(1));
  const std::string good = slurp(path);
  Random random(5);
  std::vector<std::size_t> positions;
  for (std::size_t i = 0; i < 200; ++i) positions.push_back(i);                  // magic, header
  for (std::size_t i = 1; i <= 17; ++i) positions.push_back(good.size() - i);    // hash
  for (int i = 0; i < 200; ++i) positions.push_back(random.below(good.size()));  // anything
  for (const std::size_t position : positions) {
    std::string bad = good;
    bad[position] = static_cast<char>(bad[position] ^ (1 << random.below(8)));
    spit(path, bad);
    EXPECT_TRUE(is_refused(path)) << "position " << position;
  }
}

/// A file with this header, `num_bytes` bytes of tensors and the right hash.
std::string with_header(const std::string& header, std::size_t num_bytes) {
  const auto number = [](std::uint64_t value) {
    return std::string(reinterpret_cast<const char*>(&value), sizeof value);
  };
  std::string text = "tilewake checkpoint 2\n" + number(header.size()) + header;
  text += std::string(num_bytes, 'x');
  return text + number(fnv1a64(text));
}

TEST(Checkpoint, AForgedHeaderIsRefusedBeforeMemoryIsTaken) {
  const TempDir directory;
  const std::string path = directory.file("a");
  const auto tensor = [](const std::string& type, const std::string& shape) {
    return R"({"a":{"tensors":[{"type":")" + type + R"(","shape":)" + shape + "}]}}";
  };
  spit(path, with_header(tensor("float32", "[2]"), 8));
  read_checkpoint(path, [](const StateArchive&) {});  // the form below is right but for one thing
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += R"({"a":{"archive":)";
  for (const std::string& header : {tensor("float32", "[3]"),
                                    tensor("float32", "[1]"),
                                    tensor("float32", "[1000000000000]"),
                                    tensor("float32", "[4294967296,4294967296]"),
                                    tensor("float32", "[0,9223372036854775807]"),
                                    tensor("float32", "[-2]"),
                                    tensor("float32", "[2.0]"),
                                    tensor("float32", "2"),
                                    tensor("float32", "[1,1,1,1,1,1,1,1,2]"),
                                    tensor("code", "[2]"),
                                    std::string("[]"),
                                    std::string(R"({"a":{"tensors":{}}})"),
                                    std::string(R"({"a":{"module":"x"}})"),
                                    std::string(R"({"a":{"int":0.5}})"),
                                    std::string(R"({"a":{"double":"x"}})"),
                                    std::string(R"({"a":{"strings":[1]}})"),
                                    std::string(R"({"a":1})"),
                                    deep,
                                    std::string("{"),
                                    std::string()}) {
    spit(path, with_header(header, 8));
    EXPECT_TRUE(is_refused(path)) << header.substr(0, 80);
  }
}

TEST(Checkpoint, ALargeSparseFileIsRefusedBySize) {
  const TempDir directory;
  const std::string path = directory.file("a");
  save(path, small_module(1));
  std::filesystem::resize_file(path, std::uintmax_t{1} << 40);
  EXPECT_TRUE(is_refused(path));
  spit(path, "");
  std::filesystem::resize_file(path, kMaxCheckpointBytes);  // no magic
  EXPECT_TRUE(is_refused(path));
}

TEST(Checkpoint, ArchivesOfLibTorchAreRefusedWithTheirCode) {
  const TempDir directory;
  const std::string path = directory.file("a");
  torch::serialize::OutputArchive archive;
  archive.write("a", torch::ones({2}));
  archive.save_to(path);
  EXPECT_TRUE(is_refused(path));
  const std::string bare = slurp(path);
  // As the version before wrote them: magic, archive, length, hash.
  std::string old = "tilewake checkpoint 1\n" + bare;
  const auto append = [&old](std::uint64_t value) {
    old += std::string(reinterpret_cast<const char*>(&value), sizeof value);
  };
  append(bare.size());
  append(fnv1a64(old));
  spit(path, old);
  EXPECT_TRUE(is_refused(path));
}

TEST(Checkpoint, TruncationAndTrailingBytesAreRefused) {
  const TempDir directory;
  const std::string path = directory.file("a");
  save(path, small_module(1));
  const std::string good = slurp(path);
  Random random(6);
  std::vector<std::size_t> lengths = {0, 1, 21, 22, 23, 29, 30, 31, good.size() - 1};
  for (int i = 0; i < 100; ++i) lengths.push_back(random.below(good.size()));
  for (const std::size_t length : lengths) {
    spit(path, good.substr(0, length));
    EXPECT_TRUE(is_refused(path)) << "length " << length;
  }
  spit(path, good + "x");
  EXPECT_TRUE(is_refused(path));
  spit(path, good + good);
  EXPECT_TRUE(is_refused(path));
}

TEST(Checkpoint, OtherFilesThanCheckpointsAreRefused) {
  const TempDir directory;
  const auto error_of = [](const std::string& path) {
    return input_error_of([&] { read_checkpoint(path, [](const StateArchive&) {}); });
  };
  EXPECT_EQ(error_of(directory.file("none")),
            directory.file("none") + ": cannot open file: No such file or directory");
  EXPECT_EQ(error_of(directory.path().string()),
            directory.path().string() + ": is a directory, expected a file");
  const std::string foreign = directory.file("foreign");
  torch::save(torch::ones({3}), foreign);
  EXPECT_EQ(error_of(foreign), foreign + ": is no checkpoint of this program version");
}

TEST(Checkpoint, WhatCannotBeSavedLeavesTheOldFile) {
  const TempDir directory;
  const std::string path = directory.file("a");
  save(path, small_module(1));
  const std::string good = slurp(path);
  EXPECT_THROW(write_checkpoint(path, [](StateArchive&) { throw InputError("no"); }), InputError);
  EXPECT_EQ(slurp(path), good);
}

TEST(LoadModule, OfAnotherNetworkNamesTheFirstDifferenceAndChangesNothing) {
  const TempDir directory;
  const std::string path = directory.file("a");
  save(path, small_module(1));
  const auto error_of = [&path](torch::nn::Sequential module) {
    const torch::Tensor before = module->parameters()[0].detach().clone();
    std::string error = input_error_of([&] { load(path, module); });
    EXPECT_TRUE(torch::equal(module->parameters()[0], before));
    return error;
  };
  EXPECT_EQ(error_of(torch::nn::Sequential(torch::nn::Conv2d(3, 8, 3), torch::nn::BatchNorm2d(8),
                                           torch::nn::Linear(8, 5))),
            path + ": weight '2.weight' is [4, 8] Float, the network has [5, 8] Float");
  EXPECT_EQ(error_of(torch::nn::Sequential(
                torch::nn::Conv2d(torch::nn::Conv2dOptions(3, 8, 3).bias(false)),
                torch::nn::BatchNorm2d(8), torch::nn::Linear(8, 4))),
            path + ": weight '0.bias' where the network has '1.weight'");
  EXPECT_THAT(error_of(torch::nn::Sequential(torch::nn::Conv2d(3, 8, 3))),
              HasSubstr("is none of the network"));
  torch::nn::Sequential longer = small_module(2);
  longer->push_back(torch::nn::Linear(4, 4));
  EXPECT_THAT(error_of(longer), HasSubstr("where the network has '3.weight'"));
}

}  // namespace
}  // namespace tilewake
