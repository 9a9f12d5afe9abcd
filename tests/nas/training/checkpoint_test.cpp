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

#include "nas/training/archive_value.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/random.hpp"
#include "tests/support/temp_dir.hpp"

namespace tilewake {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using torch::serialize::InputArchive;
using torch::serialize::OutputArchive;

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
  write_checkpoint(path, [&](OutputArchive& archive) { save_module(archive, *module); });
}

void load(const std::string& path, torch::nn::Sequential& module) {
  read_checkpoint(path, [&](InputArchive& archive) { load_module(archive, *module); });
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
  write_checkpoint(path, [](OutputArchive& archive) {
    write_value(archive, "int", std::int64_t{-7} << 50);
    write_value(archive, "double", 0.1);
    write_value(archive, "string", std::string("a\n\"b\" \xc3\xa4"));
    write_value(archive, "strings", std::vector<std::string>{"x.y", ""});
    write_value(archive, "no_strings", std::vector<std::string>{});
    write_value(archive, "tensors", std::vector<torch::Tensor>{torch::ones({2}), torch::zeros({})});
    write_value(archive, "no_tensors", std::vector<torch::Tensor>{});
  });
  read_checkpoint(path, [](InputArchive& archive) {
    EXPECT_EQ(read_int(archive, "int"), std::int64_t{-7} << 50);
    EXPECT_EQ(read_double(archive, "double"), 0.1);
    EXPECT_EQ(read_string(archive, "string"), "a\n\"b\" \xc3\xa4");
    EXPECT_EQ(read_strings(archive, "strings"), (std::vector<std::string>{"x.y", ""}));
    EXPECT_TRUE(read_strings(archive, "no_strings").empty());
    EXPECT_TRUE(torch::equal(read_tensors(archive, "tensors")[0], torch::ones({2})));
    EXPECT_TRUE(read_tensors(archive, "no_tensors").empty());
  });
  const auto error_of = [&path](auto read) {
    return input_error_of([&] { read_checkpoint(path, read); });
  };
  EXPECT_EQ(error_of([](InputArchive& archive) { read_int(archive, "other"); }),
            path + ": 'other' is missing");
  EXPECT_EQ(error_of([](InputArchive& archive) { read_int(archive, "double"); }),
            path + ": 'double' is of another type than this version writes");
  EXPECT_EQ(error_of([](InputArchive& archive) { read_tensors(archive, "strings"); }),
            path + ": 'strings' is of another type than this version writes");
  EXPECT_EQ(error_of([](InputArchive& archive) { read_archive(archive, "nested"); }),
            path + ": 'nested' is missing");
}

TEST(Checkpoint, WhatLibTorchComplainsAboutIsTheFilesFault) {
  const TempDir directory;
  const std::string path = directory.file("a");
  write_checkpoint(path, [](OutputArchive& archive) { archive.write("a", torch::ones({2})); });
  EXPECT_THAT(input_error_of([&] {
                read_checkpoint(path, [](InputArchive& archive) {
                  torch::Tensor tensor;
                  archive.read("b", tensor);
                });
              }),
              HasSubstr(path + ": cannot read checkpoint: "));
}

TEST(Checkpoint, DamagedAtAnyBytePositionIsRefusedBeforeItIsParsed) {
  const TempDir directory;
  const std::string path = directory.file("a");
  save(path, small_module(1));
  const std::string good = slurp(path);
  Random random(5);
  std::vector<std::size_t> positions;
  for (std::size_t i = 0; i < 24; ++i) positions.push_back(i);                   // magic
  for (std::size_t i = 1; i <= 17; ++i) positions.push_back(good.size() - i);    // trailer
  for (int i = 0; i < 200; ++i) positions.push_back(random.below(good.size()));  // archive
  for (const std::size_t position : positions) {
    std::string bad = good;
    bad[position] = static_cast<char>(bad[position] ^ (1 << random.below(8)));
    spit(path, bad);
    const std::string error =
        input_error_of([&] { read_checkpoint(path, [](InputArchive&) { FAIL(); }); });
    EXPECT_THAT(error, AnyOf(path + ": is no checkpoint of this program version",
                             path + ": is cut off or damaged: its length is not the one it was "
                                    "written with",
                             path + ": is damaged: its hash is not the one it was written with"))
        << "position " << position;
  }
}

TEST(Checkpoint, CutOffAnywhereOrWithMoreBehindIsRefused) {
  const TempDir directory;
  const std::string path = directory.file("a");
  save(path, small_module(1));
  const std::string good = slurp(path);
  Random random(6);
  std::vector<std::size_t> lengths = {0, 1, 21, 22, 23, 37, 38, 39, good.size() - 1};
  for (int i = 0; i < 100; ++i) lengths.push_back(random.below(good.size()));
  const auto is_refused = [&path] {
    return input_error_of([&] {
             read_checkpoint(path, [](InputArchive&) {});
           }).rfind(path + ": is ", 0) == 0;
  };
  for (const std::size_t length : lengths) {
    spit(path, good.substr(0, length));
    EXPECT_TRUE(is_refused()) << "length " << length;
  }
  spit(path, good + "x");
  EXPECT_TRUE(is_refused());
  spit(path, good + good);
  EXPECT_TRUE(is_refused());
}

TEST(Checkpoint, WhatIsNoCheckpointIsRefused) {
  const TempDir directory;
  const auto error_of = [](const std::string& path) {
    return input_error_of([&] { read_checkpoint(path, [](InputArchive&) {}); });
  };
  EXPECT_EQ(error_of(directory.file("none")),
            directory.file("none") + ": no such file, or no regular file");
  EXPECT_EQ(error_of(directory.path().string()),
            directory.path().string() + ": no such file, or no regular file");
  const std::string foreign = directory.file("foreign");
  torch::save(torch::ones({3}), foreign);
  EXPECT_EQ(error_of(foreign), foreign + ": is no checkpoint of this program version");
}

TEST(Checkpoint, WhatCannotBeSavedLeavesTheOldFile) {
  const TempDir directory;
  const std::string path = directory.file("a");
  save(path, small_module(1));
  const std::string good = slurp(path);
  EXPECT_THROW(write_checkpoint(path, [](OutputArchive&) { throw InputError("no"); }), InputError);
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
