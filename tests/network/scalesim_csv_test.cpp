// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/scalesim_csv.hpp"

#include <array>
#include <cstdint>
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
  return read_scalesim_topology(text, "dir/alex net.csv").networks;
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

TEST(ScalesimCsv, AColumnCanBeTheBatch) {
  const std::string header = "Layer, M, N, K, Batch Size,\n";
  const auto products = read_csv(header + "a, 5, 6, 7, 4,\nb, 8, 9, 1, 4\n");
  EXPECT_EQ(products[0].batch, 4);
  EXPECT_EQ(products[0].num_macs(), 4 * 5 * 6 * 7);
  std::string with_batch = kHeader;
  with_batch.insert(with_batch.size() - 1, " batch size");
  EXPECT_EQ(read_csv(with_batch + "a,9,9,3,3,3,8,1,16\n")[0].batch, 16);
  EXPECT_EQ(read_csv(kHeader + "a,9,9,3,3,3,8,1\n")[0].batch, 1);
  EXPECT_THAT(csv_error(header + "a,5,6,7,4\nb,5,6,7,5\n"),
              StartsWith("dir/alex net.csv:3: batch: "));
  EXPECT_THAT(csv_error(header + "a,5,6,7,4\nb,5,6,7\n"),
              StartsWith("dir/alex net.csv:3: batch: "));
  EXPECT_THAT(csv_error(header + "a,5,6,7,0\n"), StartsWith("dir/alex net.csv:2: batch: "));
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

TEST(ScalesimCsv, TheStrideOfColumnsIsThatOfRowsUnlessItIsGiven) {
  const std::string header = "Layer, a, b, c, d, e, f, Stride height, Stride width,\n";
  EXPECT_EQ(read_csv(header + "a,8,8,3,3,3,8,2,,\n")[0].layers[0].stride, Steps(2));
  const Layer layer = read_csv(header + "a,9,9,3,3,3,8,2,1,\n")[0].layers[0];
  EXPECT_EQ(layer.stride, Steps(2, 1));
  EXPECT_EQ(layer.ofm, (Shape{8, 4, 7}));
}

TEST(ScalesimCsv, MatrixProductsArePointwiseConvolutions) {
  const auto networks = read_csv("Layer, M, N, K,\nqkv, 197, 2304, 768,\n");
  ASSERT_EQ(networks.size(), 1U);
  const Layer& layer = networks[0].layers[0];
  EXPECT_EQ(layer.ifm, (Shape{768, 197, 1}));
  EXPECT_EQ(layer.ofm, (Shape{2304, 197, 1}));
  EXPECT_EQ(layer.num_macs(), std::int64_t{197} * 2304 * 768);
}

TEST(ScalesimCsv, TheHeaderSaysTheOrderOfTheColumns) {
  const std::string usual = text_of(read_csv("Layer, M, N, K,\ng, 64, 16, 1024,\n")[0]);
  for (const char* other :
       {"Layer, M, K, N,\ng, 64, 1024, 16,\n", "layer,n,k,m\ng,16,1024,64\n",
        "Layer\tM\tN\tK\ng\t64\t16\t1024\n", "Layer, M, N, K,\ng, 64 16, 1024\n",
        "Layer, M, N, K, Sparsity,\ng, 64, 16, 1024, 1:1,\n"})
    EXPECT_EQ(text_of(read_csv(other)[0]), usual) << other;
  EXPECT_EQ(text_of(read_csv("Num Filter,IFMAP Height,IFMAP Width,Channels,Filter Height,Filter "
                             "Width,Strides,Layer name\n8,9,10,3,5,4,1,a\n")[0]),
            text_of(read_csv(kHeader + "a,9,10,5,4,3,8,1,\n")[0]));
}

TEST(ScalesimCsv, BlankLinesCommentsAndSectionsArePassedOver) {
  const std::string first = "a, 8,8,3,3,3,8,1,";
  const std::string second = "b, 9,9,3,3,3,8,1,\n";
  const auto plain = read_csv(kHeader + first + "\n" + second);
  for (const std::string between : {"\n,,,,,,,,\n", " #dw\n", " # a, 1\n# comment\n",
                                    "\nConv layers\n", "\nConv layers,,,,\n", "\n , \t ,\n"}) {
    const auto networks = read_csv("# my net\n" + kHeader + first + between + second);
    ASSERT_EQ(networks.size(), 2U) << between;
    for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(text_of(networks[i]), text_of(plain[i]));
  }
  EXPECT_EQ(read_csv(kHeader + "conv1 3x3, relu, 8,8,3,3,3,8,1,\n")[0].layers[0].name,
            "conv1 3x3_ relu");
  const ScalesimTopology topology =
      read_scalesim_topology(kHeader + first + "\nConv layers\n", "t.csv");
  ASSERT_EQ(topology.warnings.size(), 1U);
  EXPECT_THAT(topology.warnings[0], StartsWith("line 3 "));
}

TEST(ScalesimCsv, AProductWrittenAsAConvolutionIsTheProduct) {
  const Layer product = read_csv("Layer,M,N,K,\nfc,128,1024,2560,\n")[0].layers[0];
  for (const char* line :
       {"fc, 128, 2560, 1, 2560, 1, 1024, 1,\n", "fc, 128, 1280, 1, 1280, 2, 1024, 1,\n"}) {
    const Layer layer = read_csv(kHeader + line)[0].layers[0];
    EXPECT_EQ(layer.ifm, product.ifm);
    EXPECT_EQ(layer.ofm, product.ofm);
    EXPECT_EQ(layer.num_macs(), product.num_macs());
  }
  EXPECT_THAT(csv_error(kHeader + "a,4,4096,1,2000,1,8,1,\n"),
              StartsWith("dir/alex net.csv:2: filter width: "));
}

TEST(ScalesimCsv, ASectionMayHaveAHeaderOfItsOwn) {
  const auto networks = read_csv(kHeader + "a,8,9,3,3,3,8,1,\nLayer,M,N,K,\ng,64,16,1024,\n");
  ASSERT_EQ(networks.size(), 2U);
  EXPECT_EQ(networks[1].layers[0].ifm, (Shape{1024, 64, 1}));
  EXPECT_THAT(csv_error("Layer,M,N,K,M,\ng,64,16,1024,64,\n"),
              StartsWith("dir/alex net.csv:1: M: "));
}

TEST(ScalesimCsv, DepthwiseLayersAreNamedSo) {
  const Layer layer = read_csv(kHeader + "Conv2_DP,8,8,3,3,32,1,1,\n")[0].layers[0];
  EXPECT_EQ(layer.op, Op::kDepthwiseConv2d);
  EXPECT_EQ(layer.ofm, (Shape{32, 6, 6}));
  const Layer several = read_csv(kHeader + "Conv2_DP,8,8,3,3,32,2,1,\n")[0].layers[0];
  EXPECT_EQ(several.groups, 32);
  EXPECT_EQ(several.num_macs(), 2 * layer.num_macs());
}

TEST(ScalesimCsv, WhatAColumnMeansIsToldWhereItIsNotModelled) {
  const std::string header = kHeader.substr(0, kHeader.size() - 1);
  const std::string at = "dir/alex net.csv:2: ";
  EXPECT_THAT(csv_error(header + " Sparsity,\na,8,8,3,3,3,8,1,2:4,\n"),
              StartsWith(at + "sparsity: "));
  EXPECT_EQ(text_of(read_csv(header + " Batch Size, Note,\na,8,8,3,3,3,8,1,1,x,\n")[0]),
            text_of(read_csv(kHeader + "a,8,8,3,3,3,8,1,\n")[0]));
}

std::vector<std::string> csv_warnings(const std::string& text) {
  return read_scalesim_topology(text, "t.csv").warnings;
}

TEST(ScalesimCsv, ColumnsAreFoundByTheirNamesAndUnknownOnesAreNamed) {
  const std::string usual = text_of(read_csv(kHeader + "a,9,10,5,4,3,8,1,\n")[0]);
  const std::string other =
      "Layer name, Note, Strides, Num Filter, Channels, Filter Width, Filter Height, IFMAP Width, "
      "IFMAP Height\na, 77, 1, 8, 3, 4, 5, 10, 9\n";
  EXPECT_EQ(text_of(read_csv(other)[0]), usual);
  ASSERT_EQ(csv_warnings(other).size(), 1U);
  EXPECT_THAT(csv_warnings(other)[0], ::testing::HasSubstr("'Note'"));
  EXPECT_TRUE(csv_warnings(kHeader + "a,9,10,5,4,3,8,1,\n").empty());
  // Another order than SCALE-Sim's, and a column is missing: no guess.
  EXPECT_THAT(csv_error("Layer, IFMAP Width, IFMAP Height, Filter Height, Filter Width, Channels, "
                        "Num Filter, Note\na,9,10,5,4,3,8,1\n"),
              StartsWith("dir/alex net.csv:1: stride: "));
}

TEST(ScalesimCsv, AHeaderThatNamesAColumnTwiceIsReadInTheUsualOrderWithAWarning) {
  const std::string twice =
      "Layer name, IFMAP Width, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, "
      "Strides,\na,9,10,5,4,3,8,1,\n";
  EXPECT_EQ(text_of(read_csv(twice)[0]), text_of(read_csv(kHeader + "a,9,10,5,4,3,8,1,\n")[0]));
  ASSERT_EQ(csv_warnings(twice).size(), 1U);
  EXPECT_THAT(csv_warnings(twice)[0], StartsWith("line 1: "));
}

TEST(ScalesimCsv, RowsAndDepthsOfProductsMayExceedADimension) {
  for (const auto& [m, n, k] :
       {std::array<std::int64_t, 3>{3 << 20, 16, 32}, std::array<std::int64_t, 3>{32, 16, 5 << 20},
        std::array<std::int64_t, 3>{1 << 20, 1, 1}}) {
    const auto networks = read_csv(fmt::format("Layer,M,N,K\na,{},{},{}\n", m, n, k));
    ASSERT_EQ(networks.size(), 1U);
    const Layer& layer = networks[0].layers[0];
    EXPECT_EQ(layer.num_macs(), m * n * k);
    EXPECT_EQ(layer.num_weights(), n * k);
    EXPECT_EQ(layer.ofm.num_elements(), m * n);
    EXPECT_EQ(layer.ifm.num_elements(), m * k);
  }
  const std::string at = "dir/alex net.csv:2: ";
  EXPECT_THAT(csv_error("Layer,M,N,K\na,1048583,2,2\n"), StartsWith(at + "M: "));  // a prime
  EXPECT_THAT(csv_error("Layer,M,N,K\na,2,2097152,2\n"), StartsWith(at + "N: "));
  EXPECT_NE(csv_error("Layer,M,N,K\na,4294967296,2,4294967296\n"), "no error");
  EXPECT_NE(csv_error("Layer,M,N,K\na,1048576,2,1048576\n"), "no error");
}

TEST(ScalesimCsv, DenseWeightsMayBeNamedSo) {
  const std::string header = "Layer, M, N, K, Sparsity,\n";
  const std::string dense = text_of(read_csv("Layer,M,N,K\na,4,5,6\n")[0]);
  for (const char* ratio : {"1:1", "1", "4:4", "1 : 1", ""})
    EXPECT_EQ(text_of(read_csv(header + "a,4,5,6," + ratio + "\n")[0]), dense) << ratio;
  for (const char* ratio : {"2:4", "0", "2", "1:"})
    EXPECT_THAT(csv_error(header + "a,4,5,6," + ratio + "\n"),
                StartsWith("dir/alex net.csv:2: sparsity: "));
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
  EXPECT_THAT(csv_error(kHeader + "a,8,8,3,3,3,8,\n"), StartsWith(at + "2: stride: missing"));
  EXPECT_EQ(csv_error(kHeader + "a,8,8,3,3,3,8,x,\n"),
            at + "2: stride: must be an integer from 1 to 1024, not 'x'");
  EXPECT_EQ(csv_error(kHeader + "a,8,8,3,3,0,8,1,\n"),
            at + "2: channels: must be an integer from 1 to 1048576, not '0'");
  EXPECT_THAT(csv_error(kHeader + "a,8,8,3,9,3,8,1,\n"), StartsWith(at + "2: filter width: "));
  EXPECT_EQ(csv_error(kHeader + "a,8,8,3,3,3,8,1,2:4,\n"),
            at + "2: stride of columns: must be an integer from 1 to 1024, not '2:4'");
  EXPECT_THAT(csv_error(kHeader + "a,1048576,1048576,1,1,1048576,8,1,\n"),
              StartsWith(at + "2: input: "));
  EXPECT_THAT(csv_error("Layer, M, N, K,\na,1,2\n"), StartsWith(at + "2: K: missing"));
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

TEST(ScalesimCsv, ALineWithoutSizesIsNamedWhereThereIsNoOther) {
  EXPECT_THAT(csv_error("Layer,M,N,K\ng1 64 16 1024\n"), ::testing::HasSubstr("line 2 "));
}

}  // namespace
}  // namespace tilewake
