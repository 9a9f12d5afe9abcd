// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/network/network_yaml.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/network_text.hpp"

namespace tilewake {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kHead[] = "name: n\ninput: {channels: 8, height: 16, width: 12}\nlayers:\n";

/// A network of the given entries; the first is on line 4.
Network parse(const std::vector<std::string>& entries) {
  std::string text = kHead;
  for (const std::string& entry : entries) text += "  - {" + entry + "}\n";
  return read_network_text(text, "n.yaml");
}

std::string error_of_entries(const std::vector<std::string>& entries) {
  return input_error_of([&] { parse(entries); });
}

std::string error_of_text(const std::string& text) {
  return input_error_of([&] { read_network_text(text, "n.yaml"); });
}

TEST(NetworkReaderTest, ExampleOfTheFormatReads) {
  const Network network = read_network_text(
      "name: example\n"
      "input: {channels: 3, height: 224, width: 224}\n"
      "layers:\n"
      "  - {name: stem, op: conv2d, out_channels: 32, kernel: 7, stride: 2, padding: same, "
      "activation: relu}\n"
      "  - {name: block1, op: mbconv, kernels: [3], expansion_ratios: [6], out_channels: 32, "
      "stride: 1}\n"
      "  - {name: block2, op: mbconv, kernels: [3, 5], expansion_ratios: [4, 2], "
      "out_channels: 64, stride: 2, se_ratio: 0.25, activation: hswish}\n"
      "  - {name: block3, op: convblock, kernels: [3], expansion_ratios: [2], out_channels: 64, "
      "stride: 1, skip: false}\n"
      "  - {name: left, op: conv2d, inputs: [block3], out_channels: 16, kernel: 1}\n"
      "  - {name: right, op: max_pool, inputs: [block3], kernel: 3, stride: 1, padding: same}\n"
      "  - {name: join, op: concat, inputs: [left, right]}\n"
      "  - {name: head, op: conv2d, out_channels: 1280, kernel: 1, activation: relu}\n"
      "  - {name: pool, op: global_avg_pool}\n"
      "  - {name: classifier, op: fully_connected, out_channels: 1000}\n",
      "n.yaml");
  EXPECT_EQ(network.name, "example");
  EXPECT_EQ(network.input, (Shape{3, 224, 224}));
  EXPECT_EQ(network.layers.size(), 1u + 4u + 10u + 2u + 6u);
  EXPECT_EQ(layer_of(network, "block2.depthwise1").block, "block2");
  EXPECT_EQ(layer_of(network, "block3.project").ofm, (Shape{64, 56, 56}));
  EXPECT_EQ(layer_of(network, "join").ofm, (Shape{80, 56, 56}));
  EXPECT_EQ(layer_of(network, "classifier").ofm, (Shape{1000, 1, 1}));
}

TEST(NetworkReaderTest, ABatchMultipliesMacsAndLeavesShapesAndParameters) {
  const auto of_batch = [](const std::string& batch) {
    return "name: n\ninput: {channels: 8, height: 16, width: 12}\n" + batch +
           "layers:\n  - {name: a, op: conv2d, out_channels: 4, kernel: 3}\n";
  };
  const Network one = read_network_text(of_batch(""), "n.yaml");
  const Network all = read_network_text(of_batch("batch: 5\n"), "n.yaml");
  EXPECT_EQ(one.batch, 1);
  EXPECT_EQ(all.batch, 5);
  EXPECT_EQ(all.num_macs(), 5 * one.num_macs());
  EXPECT_EQ(all.num_params(), one.num_params());
  EXPECT_EQ(text_of(all.layers[0]), text_of(one.layers[0]));
  for (const char* batch : {"0", "-1", "65537", "1.5", "two", "[1]"}) {
    EXPECT_THAT(error_of_text(of_batch(fmt::format("batch: {}\n", batch))),
                StartsWith("n.yaml:3: batch: "))
        << batch;
  }
  EXPECT_THAT(error_of_text("name: n\ninput: {channels: 1, height: 65536, width: 4096}\n"
                            "batch: 20\nlayers:\n  - {name: a, op: max_pool, kernel: 1}\n"),
              StartsWith("n.yaml:3: batch: "));
}

TEST(NetworkReaderTest, DefaultsAreStrideOneSamePaddingBiasAndNoActivation) {
  const Network network = parse({"name: c, op: conv2d, out_channels: 4, kernel: 3"});
  EXPECT_EQ(text_of(network.layers[0]),
            "c [] conv2d none inputs [-1] ifm 8x16x12 ofm 4x16x12 kernel 3x3 stride 1 dilation "
            "1 groups 1 padding 1 1 1 1 bias true\n");
}

TEST(NetworkReaderTest, EveryKeyOfALayerReachesIt) {
  const Network network =
      parse({"name: c, op: conv2d, block: stem, inputs: [input], out_channels: 4, kernel: [1, 3], "
             "stride: 2, dilation: 2, groups: 2, padding: [0, 1, 0, 2], bias: false, "
             "activation: leaky_relu"});
  EXPECT_EQ(text_of(network.layers[0]),
            "c [stem] conv2d leaky_relu inputs [-1] ifm 8x16x12 ofm 4x8x6 kernel 1x3 stride 2 "
            "dilation 1x2 groups 2 padding 0 1 -1 2 bias false\n");
}

TEST(NetworkReaderTest, InputsDefaultToThePreviousEntry) {
  const Network network = parse({"name: a, op: max_pool, kernel: 2, stride: 2",
                                 "name: b, op: mbconv, kernels: 3, expansion_ratios: 2, "
                                 "out_channels: 8",
                                 "name: c, op: global_avg_pool", "name: d, op: mul, inputs: [b, c]",
                                 "name: e, op: global_avg_pool, inputs: b"});
  EXPECT_THAT(layer_of(network, "a").inputs, ElementsAre(kNetworkInput));
  EXPECT_THAT(layer_of(network, "b.expand0").inputs, ElementsAre(0));
  // The name of a block refers to its output.
  EXPECT_EQ(network.layers[4].name, "b.add");
  EXPECT_THAT(layer_of(network, "c").inputs, ElementsAre(4));
  EXPECT_THAT(layer_of(network, "d").inputs, ElementsAre(4, 5));
  EXPECT_THAT(layer_of(network, "e").inputs, ElementsAre(4));
}

TEST(NetworkReaderTest, LayerInsideABlockCanBeNamedToo) {
  const Network network =
      parse({"name: b, op: mbconv, kernels: 3, expansion_ratios: 2, out_channels: 8",
             "name: c, op: global_avg_pool, inputs: [b.depthwise0]"});
  EXPECT_THAT(layer_of(network, "c").inputs, ElementsAre(1));
}

TEST(NetworkReaderTest, SeveralOutputsAreLegal) {
  EXPECT_EQ(parse({"name: a, op: global_avg_pool, inputs: [input]",
                   "name: b, op: global_avg_pool, inputs: [input]"})
                .layers.size(),
            2u);
}

TEST(NetworkReaderTest, ActivationMayFollowAnyOp) {
  const Network network = parse({"name: a, op: max_pool, kernel: 2, activation: relu",
                                 "name: b, op: avg_pool, kernel: 2, activation: relu6",
                                 "name: c, op: global_avg_pool, activation: sigmoid",
                                 "name: d, op: mul, inputs: [b, c], activation: hsigmoid",
                                 "name: e, op: concat, inputs: [b, d], activation: swish"});
  EXPECT_EQ(layer_of(network, "c").activation, Activation::kSigmoid);
  EXPECT_EQ(layer_of(network, "e").activation, Activation::kSwish);
}

TEST(NetworkReaderTest, MissingAndUnknownKeysNameLineAndPath) {
  const std::string layers = "layers:\n  - {name: a, op: global_avg_pool}\n";
  EXPECT_EQ(error_of_text("name: n\n" + layers), "n.yaml:1: input: missing");
  EXPECT_EQ(error_of_text("name: n\ninput: {channels: 3, height: 4}\n" + layers),
            "n.yaml:2: input.width: missing");
  EXPECT_EQ(error_of_entries({"op: add"}), "n.yaml:4: layers[0].name: missing");
  EXPECT_EQ(error_of_entries({"name: a"}), "n.yaml:4: layers[0].op: missing");
  EXPECT_EQ(error_of_entries({"name: a, op: max_pool"}), "n.yaml:4: layers[0].kernel: missing");
  EXPECT_EQ(error_of_entries({"name: a, op: global_avg_pool", "name: b, op: conv2d, kernel: 3"}),
            "n.yaml:5: layers[1].out_channels: missing");
  EXPECT_THAT(error_of_entries({"name: a, op: conv2d, out_channels: 4, kernel: 3, strides: 2"}),
              HasSubstr("n.yaml:4: layers[0].strides: unknown key; known here: activation, bias"));
  EXPECT_THAT(error_of_text(std::string(kHead) + "  - {name: a, op: global_avg_pool}\nx: 1\n"),
              HasSubstr("n.yaml:5: x: unknown key"));
}

TEST(NetworkReaderTest, ErrorsOfAllEntriesAreTold) {
  EXPECT_EQ(
      error_of_entries({"name: a, op: max_pool", "name: b, op: add, kernel: 2"}),
      "n.yaml:4: layers[0].kernel: missing; " +
          error_of_entries({"name: a, op: max_pool, kernel: 1", "name: b, op: add, kernel: 2"}));
  // Shapes are checked when all keys are right; users of a wrong entry are passed over.
  const std::string wide = "name: b, op: conv2d, out_channels: 4, kernel: 99, padding: valid";
  const std::string error =
      error_of_entries({"name: a, op: conv2d, out_channels: 4, kernel: 1, groups: 3",
                        "name: u, op: max_pool, kernel: 1", wide + ", inputs: input",
                        "name: c, op: add, inputs: [u, b]", "name: d, op: add, inputs: [x, x]"});
  EXPECT_THAT(error, StartsWith("n.yaml:4: layers[0].groups: "));
  EXPECT_THAT(error, HasSubstr("; n.yaml:6: layers[2]."));
  EXPECT_THAT(error, HasSubstr("; n.yaml:8: layers[4]."));
  EXPECT_THAT(error, ::testing::Not(HasSubstr("layers[1]")));
  EXPECT_THAT(error, ::testing::Not(HasSubstr("layers[3]")));
}

TEST(NetworkReaderTest, KeysOfOtherOpsAreRefused) {
  for (const char* entry :
       {"name: a, op: global_avg_pool, kernel: 3", "name: a, op: global_avg_pool, bias: false",
        "name: a, op: max_pool, kernel: 2, out_channels: 8",
        "name: a, op: max_pool, kernel: 2, groups: 2",
        "name: a, op: depthwise_conv2d, kernel: 3, out_channels: 8",
        "name: a, op: depthwise_conv2d, kernel: 3, groups: 8",
        "name: a, op: fully_connected, out_channels: 8, kernel: 1",
        "name: a, op: mbconv, kernels: 3, expansion_ratios: 1, out_channels: 8, padding: same",
        "name: a, op: conv_unit, kernels: 3, out_channels: 8, expansion_ratios: 1"}) {
    EXPECT_THAT(error_of_entries({entry}), HasSubstr("unknown key")) << entry;
  }
  for (const std::string op : {"separable", "shuffle_unit", "xception_unit"}) {
    for (const std::string key : {"expansion_ratios: [1]", "skip: false", "padding: same"}) {
      const std::string entry = "name: a, op: " + op + ", kernels: [3], out_channels: 8, " + key;
      EXPECT_THAT(error_of_entries({entry}),
                  HasSubstr("n.yaml:4: layers[0]." + key.substr(0, key.find(':')) +
                            ": unknown key; known here: activation, inputs, kernels, name, op, "
                            "out_channels, se_activation, se_ratio, stride"))
          << entry;
    }
  }
}

TEST(NetworkReaderTest, EveryKeyOfABlockOfOneKernelReachesIt) {
  const Network network = parse(
      {"name: a, op: separable, kernels: 5, out_channels: 7, stride: 2",
       "name: b, op: shuffle_unit, kernels: [3], out_channels: 10, inputs: input, activation: "
       "hswish, se_ratio: 0.5, se_activation: swish",
       "name: c, op: xception_unit, kernels: [7], out_channels: 10"});
  EXPECT_EQ(layer_of(network, "a.depthwise").kernel_height, 5);
  EXPECT_EQ(layer_of(network, "a.depthwise").activation, Activation::kRelu);
  EXPECT_EQ(layer_of(network, "a.pointwise").ofm, (Shape{7, 8, 6}));
  EXPECT_THAT(layer_of(network, "b.reduce").inputs, ElementsAre(kNetworkInput));
  EXPECT_EQ(layer_of(network, "b.expand").activation, Activation::kHswish);
  EXPECT_EQ(layer_of(network, "b.se_reduce").activation, Activation::kSwish);
  EXPECT_EQ(layer_of(network, "b.se_reduce").ofm.channels, 4);
  EXPECT_EQ(layer_of(network, "c.keep").ofm, (Shape{5, 16, 12}));
  EXPECT_EQ(layer_of(network, "c.depthwise2").kernel_width, 7);
  EXPECT_EQ(network.layers.back().name, "c.shuffle");
}

TEST(NetworkReaderTest, BadBlocksOfOneKernelNameTheirKey) {
  const std::string unit = "name: a, op: shuffle_unit, ";
  EXPECT_EQ(error_of_entries({unit + "kernels: [3], out_channels: 9"}),
            "n.yaml:4: layers[0].out_channels: must be even, not 9");
  EXPECT_THAT(error_of_entries({unit + "kernels: [3, 5], out_channels: 8"}),
              StartsWith("n.yaml:4: layers[0].kernels: "));
  EXPECT_EQ(error_of_entries({unit + "kernels: [2], out_channels: 8"}),
            "n.yaml:4: layers[0].kernels: must be odd and at most 1024, not 2");
  EXPECT_EQ(error_of_entries({unit + "out_channels: 8"}), "n.yaml:4: layers[0].kernels: missing");
  EXPECT_EQ(error_of_entries({unit + "kernels: [3]"}), "n.yaml:4: layers[0].out_channels: missing");
  EXPECT_THAT(error_of_entries({unit + "kernels: [3], out_channels: 8, inputs: [input, input]"}),
              StartsWith("n.yaml:4: layers[0].inputs: "));
  EXPECT_THAT(
      error_of_entries({"name: a, op: separable, kernels: [3], out_channels: 8, se_ratio: 1.5"}),
      HasSubstr("n.yaml:4: layers[0].se_ratio: must be from 0 to 1"));
}

TEST(NetworkReaderTest, WrongValuesNameTheirKey) {
  const std::string conv = "name: a, op: conv2d, out_channels: 4, kernel: 3, ";
  EXPECT_THAT(error_of_entries({"name: a, op: conv3d"}),
              HasSubstr("n.yaml:4: layers[0].op: unknown value 'conv3d'; choose one of: conv2d, "));
  EXPECT_THAT(error_of_entries({"name: a, op: conv3d"}),
              HasSubstr("host, mbconv, convblock, basic_block, conv_unit, separable, shuffle_unit, "
                        "xception_unit"));
  EXPECT_THAT(error_of_entries({conv + "activation: rely"}),
              AllOf(StartsWith("n.yaml:4: layers[0].activation: unknown value 'rely'; choose one "
                               "of: none, relu, relu6, "),
                    EndsWith("did you mean 'relu'?")));
  EXPECT_EQ(error_of_entries({conv + "stride: 0"}),
            "n.yaml:4: layers[0].stride: must be from 1 to 1024, not 0");
  EXPECT_EQ(error_of_entries({conv + "padding: full"}),
            "n.yaml:4: layers[0].padding: unknown value 'full'; choose one of: same, valid");
  EXPECT_EQ(error_of_entries({conv + "padding: [1, 1]"}),
            "n.yaml:4: layers[0].padding: must be [top, left, bottom, right]");
  EXPECT_EQ(error_of_entries({conv + "padding: [1, 1, 1, -1]"}),
            "n.yaml:4: layers[0].padding[3]: must be from 0 to 1048576, not -1");
  EXPECT_EQ(error_of_entries({"name: a, op: conv2d, out_channels: 4, kernel: [3, 3, 3]"}),
            "n.yaml:4: layers[0].kernel: must be one size or [height, width]");
  EXPECT_EQ(error_of_entries({"name: a, op: conv2d, out_channels: -4, kernel: 3"}),
            "n.yaml:4: layers[0].out_channels: must be from 1 to 1048576, not -4");
  EXPECT_EQ(error_of_entries({conv + "groups: 3"}),
            "n.yaml:4: layers[0].groups: must divide the 8 input channels, not 3");
  EXPECT_EQ(error_of_text(
                "name: n\ninput: {channels: 0, height: 4, width: 4}\nlayers:\n  - {name: a, op: "
                "global_avg_pool}\n"),
            "n.yaml:2: input.channels: must be from 1 to 1048576, not 0");
  EXPECT_EQ(error_of_entries({"name: b, op: mbconv, kernels: [3, 4], expansion_ratios: [1, 2], "
                              "out_channels: 8"}),
            "n.yaml:4: layers[0].kernels: must be odd and at most 1024, not 4");
}

TEST(NetworkReaderTest, ShapesThatDoNotFitNameTheLayersLine) {
  EXPECT_THAT(error_of_entries({"name: a, op: max_pool, kernel: 2, stride: 2",
                                "name: b, op: add, inputs: [input, a]"}),
              StartsWith("n.yaml:5: layers[1].inputs: "));
  EXPECT_THAT(
      error_of_entries({"name: a, op: conv2d, out_channels: 4, kernel: 13, padding: valid"}),
      StartsWith("n.yaml:4: layers[0].kernel: "));
  EXPECT_THAT(error_of_entries({"name: a, op: add"}), StartsWith("n.yaml:4: layers[0].inputs: "));
  EXPECT_THAT(
      error_of_entries({"name: a, op: global_avg_pool",
                        "name: b, op: mbconv, inputs: [input, a], kernels: 3, expansion_ratios: 1, "
                        "out_channels: 8"}),
      StartsWith("n.yaml:5: layers[1].inputs: "));
}

TEST(NetworkReaderTest, ChannelsAreSplitAndShuffledBySeparateKeys) {
  const Network network = parse({"name: a, op: channel_split, first_channel: 3, out_channels: 4",
                                 "name: b, op: channel_split, inputs: input, out_channels: 8",
                                 "name: c, op: channel_shuffle, groups: 4"});
  EXPECT_EQ(network.layers[0].first_channel, 3);
  EXPECT_EQ(network.layers[0].ofm, (Shape{4, 16, 12}));
  EXPECT_EQ(network.layers[1].first_channel, 0);
  EXPECT_EQ(network.layers[2].groups, 4);
  const std::string split = "name: a, op: channel_split";
  EXPECT_EQ(error_of_entries({split}), "n.yaml:4: layers[0].out_channels: missing");
  EXPECT_EQ(error_of_entries({split + ", first_channel: 5, out_channels: 4"}),
            "n.yaml:4: layers[0].out_channels: must be from 1 to 3, not 4");
  EXPECT_EQ(error_of_entries({split + ", first_channel: 8, out_channels: 1"}),
            "n.yaml:4: layers[0].first_channel: must be from 0 to 7, not 8");
  EXPECT_THAT(error_of_entries({split + ", out_channels: 1, activation: relu"}),
              HasSubstr("n.yaml:4: layers[0].activation: "));
  EXPECT_THAT(error_of_entries({split + ", out_channels: 1, groups: 2"}),
              HasSubstr("n.yaml:4: layers[0].groups: "));
  const std::string shuffle = "name: a, op: channel_shuffle";
  EXPECT_EQ(error_of_entries({shuffle}), "n.yaml:4: layers[0].groups: missing");
  EXPECT_EQ(error_of_entries({shuffle + ", groups: 3"}),
            "n.yaml:4: layers[0].groups: must be 2 or more and divide the 8 channels, not 3");
  EXPECT_THAT(error_of_entries({shuffle + ", groups: 2, out_channels: 8"}),
              HasSubstr("n.yaml:4: layers[0].out_channels: "));
  EXPECT_THAT(error_of_entries({shuffle + ", groups: 1"}),
              HasSubstr("n.yaml:4: layers[0].groups: must"));
}

TEST(NetworkReaderTest, NamesMustBeUniquePlainAndNotReserved) {
  EXPECT_THAT(error_of_entries({"name: a, op: global_avg_pool", "name: a, op: global_avg_pool"}),
              StartsWith("n.yaml:5: layers[1].name: "));
  EXPECT_THAT(error_of_entries({"name: input, op: global_avg_pool"}),
              StartsWith("n.yaml:4: layers[0].name: "));
  EXPECT_THAT(error_of_entries({"name: 'a,b', op: global_avg_pool"}),
              StartsWith("n.yaml:4: layers[0].name: "));
  EXPECT_THAT(error_of_entries({"name: \"a\\nb\", op: global_avg_pool"}),
              HasSubstr("layers[0].name: "));
  EXPECT_THAT(
      error_of_entries({"name: b, op: mbconv, kernels: 3, expansion_ratios: 1, out_channels: 8",
                        "name: b.project, op: global_avg_pool"}),
      StartsWith("n.yaml:5: layers[1].name: "));
  EXPECT_THAT(error_of_text("name: ''\ninput: {channels: 1, height: 1, width: 1}\nlayers:\n"
                            "  - {name: a, op: global_avg_pool}\n"),
              HasSubstr("n.yaml:1: name: must not be empty"));
}

TEST(NetworkReaderTest, UnknownInputIsNamed) {
  EXPECT_THAT(error_of_entries({"name: a, op: global_avg_pool, inputs: [b]"}),
              StartsWith("n.yaml:4: layers[0].inputs: "));
  EXPECT_EQ(error_of_entries({"name: a, op: global_avg_pool, inputs: []"}),
            "n.yaml:4: layers[0].inputs: must not be empty");
}

TEST(NetworkReaderTest, ForwardReferenceNamesTheLineOfTheLayer) {
  EXPECT_THAT(error_of_entries({"name: a, op: global_avg_pool, inputs: [b]",
                                "name: b, op: global_avg_pool, inputs: [input]"}),
              StartsWith("n.yaml:4: layers[0].inputs: "));
}

TEST(NetworkReaderTest, CycleIsCalledACycleAndShown) {
  EXPECT_EQ(error_of_entries({"name: a, op: global_avg_pool, inputs: [a]"}),
            "n.yaml:4: layers[0].inputs: the graph has a cycle: a -> a");
  EXPECT_EQ(error_of_entries({"name: a, op: add, inputs: [input, c]",
                              "name: b, op: global_avg_pool", "name: c, op: global_avg_pool"}),
            "n.yaml:4: layers[0].inputs: the graph has a cycle: a -> b -> c -> a");
}

TEST(NetworkReaderTest, LongCycleIsShownInPart) {
  std::vector<std::string> entries = {"name: l0, op: add, inputs: [input, l999]"};
  for (int i = 1; i < 1000; ++i) {
    entries.push_back("name: l" + std::to_string(i) + ", op: global_avg_pool");
  }
  EXPECT_EQ(error_of_entries(entries),
            "n.yaml:4: layers[0].inputs: the graph has a cycle: l0 -> l1 -> l2 -> l3 -> ... -> "
            "l997 -> l998 -> l999 -> l0");
}

TEST(NetworkReaderTest, NetworkWithoutLayersIsRefused) {
  EXPECT_EQ(error_of_text("name: n\ninput: {channels: 1, height: 1, width: 1}\nlayers: []\n"),
            "n.yaml:3: layers: must not be empty");
}

TEST(NetworkReaderTest, BlocksCannotExceedTheNumberOfLayers) {
  std::vector<std::string> entries;
  std::string many = "1";
  for (int i = 1; i < 1000; ++i) many += ", 1";
  for (int i = 0; i < 60; ++i) {
    entries.push_back("name: b" + std::to_string(i) + ", op: mbconv, kernels: [" + many +
                      "], expansion_ratios: [" + many + "], out_channels: 8");
  }
  EXPECT_THAT(error_of_entries(entries), HasSubstr(": more than 100000 layers"));
}

TEST(NetworkReaderTest, SizesThatWouldOverflowNameTheLayer) {
  EXPECT_THAT(error_of_entries({"name: a, op: conv2d, out_channels: 1048576, kernel: 1",
                                "name: b, op: conv2d, out_channels: 1048576, kernel: 9"}),
              StartsWith("n.yaml:5: layers[1]: "));
}

}  // namespace
}  // namespace tilewake
