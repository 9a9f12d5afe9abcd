// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/scalesim_csv.hpp"

#include <cstdlib>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/input_error.hpp"
#include "tests/support/network_text.hpp"
#include "tests/support/yaml_mutator.hpp"

namespace tilewake {
namespace {

using ::testing::StartsWith;

const std::string kHeader =
    "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, "
    "Strides,\n";

std::vector<Network> read_csv(const std::string& text) {
  return read_scalesim_topology(text, "dir/alex net.csv");
}

std::string csv_error(const std::string& text) {
  return input_error_of([&] { read_csv(text); });
}

TEST(ScalesimCsv, EveryLayerIsANetworkThatReadsItsOwnMap) {
  const auto networks = read_csv(kHeader +
                                 "Conv1, 227, 227, 11, 11, 3, 96, 4,\r\n"
                                 "\n"
                                 "FC 8,1,1,1,1,4096,1000,1\n");
  ASSERT_EQ(networks.size(), 2U);
  EXPECT_EQ(text_of(networks[0]),
            "alex net/Conv1 3x227x227\n"
            "Conv1 [] conv2d none inputs [-1] ifm 3x227x227 ofm 96x55x55 kernel 11x11 stride 4 "
            "dilation 1 groups 1 padding 0 0 0 0 bias false\n");
  EXPECT_EQ(text_of(networks[1]),
            "alex net/FC 8 4096x1x1\n"
            "FC 8 [] conv2d none inputs [-1] ifm 4096x1x1 ofm 1000x1x1 kernel 1x1 stride 1 "
            "dilation 1 groups 1 padding 0 0 0 0 bias false\n");
}

TEST(ScalesimCsv, TheNumberOfWindowsIsRoundedUp) {
  // M of the layer as SCALE-Sim v2 counts it: ceil((map - window + stride) / stride) a side.
  const auto side_of = [](int map, int window, int stride) {
    const auto n =
        read_csv(kHeader + fmt::format("a,{0},{0},{1},{1},3,8,{2},\n", map, window, stride));
    return n[0].layers[0].ofm.height;
  };
  EXPECT_EQ(side_of(224, 11, 4), 55);
  EXPECT_EQ(side_of(56, 1, 2), 29);
  EXPECT_EQ(side_of(224, 3, 2), 112);
  EXPECT_EQ(side_of(27, 5, 1), 23);
  for (int map = 1; map <= 20; ++map) {
    for (int window = 1; window <= map; ++window) {
      for (int stride = 1; stride <= 5; ++stride) {
        EXPECT_EQ(side_of(map, window, stride), (map - window + 2 * stride - 1) / stride);
      }
    }
  }
}

TEST(ScalesimCsv, TheStrideOfColumnsIsOptionalAndEqualsThatOfRows) {
  const std::string header = "Layer, a, b, c, d, e, f, Stride height, Stride width,\n";
  EXPECT_EQ(read_csv(header + "a,8,8,3,3,3,8,2,2,\n")[0].layers[0].stride, 2);
  EXPECT_THAT(csv_error(header + "a,8,8,3,3,3,8,2,1,\n"),
              StartsWith("dir/alex net.csv:2: stride of columns: "));
}

TEST(ScalesimCsv, MatrixProductsArePointwiseConvolutions) {
  const auto networks = read_csv("Layer, M, N, K,\nqkv, 197, 2304, 768,\n");
  ASSERT_EQ(networks.size(), 1U);
  const Layer& layer = networks[0].layers[0];
  EXPECT_EQ(layer.ifm, (Shape{768, 197, 1}));
  EXPECT_EQ(layer.ofm, (Shape{2304, 197, 1}));
  EXPECT_EQ(layer.num_macs(), std::int64_t{197} * 2304 * 768);
}

TEST(ScalesimCsv, RepeatedAndInvalidNamesBecomeValidAndUnique) {
  const auto networks =
      read_csv(kHeader + "a;b,8,8,3,3,3,8,1,\na;b,8,8,3,3,3,8,1,\ninput,8,8,3,3,3,8,1,\n");
  EXPECT_EQ(networks[0].name, "alex net/a_b");
  EXPECT_EQ(networks[1].name, "alex net/a_b_2");
  EXPECT_EQ(networks[2].layers[0].name, "input_1");
}

TEST(ScalesimCsv, ErrorsNameLineAndColumn) {
  const std::string at = "dir/alex net.csv:";
  EXPECT_THAT(csv_error(""), StartsWith("dir/alex net.csv: "));
  EXPECT_THAT(csv_error(kHeader), StartsWith("dir/alex net.csv: "));
  EXPECT_THAT(csv_error("Conv1,227,227,11,11,3,96,4,\n"), StartsWith(at + "1: "));
  EXPECT_THAT(csv_error("name: net\n"), StartsWith(at + "1: "));
  EXPECT_THAT(csv_error(kHeader + "a,8,8,3,3,3,8,\n"), StartsWith(at + "2: has 7 fields"));
  EXPECT_EQ(csv_error(kHeader + "a,8,8,3,3,3,8,x,\n"),
            at + "2: stride: must be an integer from 1 to 1024, not 'x'");
  EXPECT_EQ(csv_error(kHeader + "a,8,8,3,3,0,8,1,\n"),
            at + "2: channels: must be an integer from 1 to 1048576, not '0'");
  EXPECT_THAT(csv_error(kHeader + "a,8,8,3,9,3,8,1,\n"), StartsWith(at + "2: filter width: "));
  EXPECT_EQ(csv_error(kHeader + "a,8,8,3,3,3,8,1,2:4,\n"),
            at + "2: stride of columns: must be an integer from 1 to 1024, not '2:4'");
  EXPECT_THAT(csv_error(kHeader + "a,1048576,1048576,1,1,1048576,8,1,\n"),
              StartsWith(at + "2: input: "));
  EXPECT_THAT(csv_error("Layer, M, N, K,\na,1,2\n"), StartsWith(at + "2: has 3 fields"));
}

TEST(ScalesimCsv, DamagedTopologiesAreReadOrExplained) {
  const char* runs = std::getenv("TILEWAKE_FUZZ_RUNS");
  const std::string text = kHeader +
                           "Conv1, 227, 227, 11, 11, 3, 96, 4,\nConv2,27,27,5,5,96,256,1,\n"
                           "DW,56,56,3,3,1,1,2,2,\nFC,1,1,1,1,4096,1000,1,\n";
  YamlMutator mutator(text, /*seed=*/11);
  for (int i = 0; i < (runs != nullptr ? std::atoi(runs) : 3000) && !HasFailure(); ++i) {
    const std::string mutant = mutator.next();
    const std::string error = input_error_of([&] { read_scalesim_topology(mutant, "m.csv"); });
    EXPECT_TRUE(error == "no error" || error.starts_with("m.csv:")) << error << "\n" << mutant;
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  }
}

}  // namespace
}  // namespace tilewake
