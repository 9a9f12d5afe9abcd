// SPDX-License-Identifier: Apache-2.0
#include "nas/space/operator_space.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/space/scaling.hpp"
#include "tests/nas/space/spaces.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/network_text.hpp"
#include "tests/support/random.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/yaml_mutator.hpp"

namespace tilewake {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kOperatorSpaceText[] =
    "name: small\n"
    "input: {channels: 3, height: 30, width: 17}\n"
    "num_classes: 10\n"
    "stem: {kernel: 3, stride: 2, width: 15}\n"
    "head: {width: 64}\n"
    "operators: [shuffle_3, mbconv6_5_se]\n"
    "stages:\n"
    "  - {width: 24, stride: 2, depth: 2}\n"
    "  - {width: 41, stride: 3, depth: 2, operators: [separable_7, mbconv3_3]}\n"
    "  - width: 64\n"
    "    stride: 1\n"
    "    blocks:\n"
    "      - {operators: [xception_3_se]}\n"
    "      - {operators: [mbconv1_3, shuffle_7, separable_3_se]}\n";

OperatorSpace small_operator_space() {
  return read_operator_space_text(kOperatorSpaceText, "s.yaml");
}

std::string operator_space_error(const std::string& from, const std::string& to) {
  std::string text = kOperatorSpaceText;
  text.replace(text.find(from), from.size(), to);
  return input_error_of([&] { read_operator_space_text(text, "s.yaml"); });
}

std::vector<std::string> names_of(const std::vector<Operator>& operators) {
  std::vector<std::string> names;
  for (const Operator& op : operators) names.push_back(to_string(op));
  return names;
}

OperatorPath random_path(const OperatorSpace& space, Random& random) {
  OperatorPath path;
  for (const OperatorPosition& position : positions_of(space))
    path.push_back(static_cast<int>(random.below(position.operators.size())));
  return path;
}

/// Same, of operators that are blocks.
OperatorPath random_path_of_blocks(const OperatorSpace& space, Random& random) {
  OperatorPath path = random_path(space, random);
  const std::vector<OperatorPosition> positions = positions_of(space);
  for (std::size_t p = 0; p < path.size(); ++p) {
    const std::vector<Operator>& operators = positions[p].operators;
    while (operators[static_cast<std::size_t>(path[p])].is_identity())
      path[p] = static_cast<int>(random.below(operators.size()));
  }
  return path;
}

/// Stages of some widths, strides and operators.
OperatorSpace random_space(Random& random) {
  OperatorSpace space;
  space.name = "random";
  space.input = {random.between(1, 4), random.between(1, 60), random.between(1, 60)};
  space.num_classes = static_cast<int>(random.between(1, 20));
  space.stem_kernel = 2 * static_cast<int>(random.below(4)) + 1;
  space.stem_stride = static_cast<int>(random.between(1, 3));
  space.stem_width = static_cast<int>(random.between(1, 30));
  space.head_width = static_cast<int>(random.between(1, 90));
  space.activation = random.one_in(2) ? Activation::kHswish : Activation::kRelu;
  space.se_ratio = 0.001 * static_cast<double>(random.between(1, 1000));
  space.width_divisor = 2 * static_cast<int>(random.between(1, 8));
  space.max_params = random.between(0, 1 << 30);
  for (std::int64_t s = random.between(1, 4); s > 0; --s) {
    OperatorStage stage;
    stage.width = static_cast<int>(random.between(1, 50));
    stage.stride = static_cast<int>(random.between(1, 3));
    for (std::int64_t b = random.between(1, 4); b > 0; --b) {
      std::vector<Operator> operators;
      for (const Operator& op : operator_pool()) {
        if (op.is_identity() && stage.blocks.empty()) continue;
        if (random.one_in(4) && (!needs_even_width(op) || stage.width % 2 == 0))
          operators.push_back(op);
      }
      if (operators.empty() || operators.front().is_identity())
        operators.push_back(*operator_named("mbconv3_5"));
      stage.blocks.push_back(operators);
    }
    space.stages.push_back(stage);
  }
  return space;
}

TEST(OperatorSpaceTest, DefaultsAreTheDocumentedOnes) {
  OperatorSpace space = small_operator_space();
  EXPECT_EQ(space.activation, Activation::kRelu);
  EXPECT_EQ(space.se_ratio, 0.25);
  EXPECT_EQ(space.width_divisor, 8);
  EXPECT_EQ(space.max_params, 0);
  EXPECT_FALSE(space.has_whole_pool());
  std::string text = kOperatorSpaceText;
  text.erase(text.find("operators: [sh"),
             std::string("operators: [shuffle_3, mbconv6_5_se]\n").size());
  space = read_operator_space_text(text, "s.yaml");
  EXPECT_EQ(space.stages[0].blocks[1], operator_pool());
  std::vector<Operator> without_identity = operator_pool();
  without_identity.pop_back();
  EXPECT_EQ(space.stages[0].blocks[0], without_identity);
  EXPECT_TRUE(space.has_whole_pool());
}

TEST(OperatorSpaceTest, OperatorsOfAnEntryOverrideThoseOfTheFile) {
  const OperatorSpace space = small_operator_space();
  ASSERT_EQ(space.stages.size(), 3U);
  for (const auto& block : space.stages[0].blocks)
    EXPECT_THAT(names_of(block), ElementsAre("shuffle_3", "mbconv6_5_se"));
  for (const auto& block : space.stages[1].blocks)
    EXPECT_THAT(names_of(block), ElementsAre("separable_7", "mbconv3_3"));
  EXPECT_THAT(names_of(space.stages[2].blocks.at(0)), ElementsAre("xception_3_se"));
  EXPECT_THAT(names_of(space.stages[2].blocks.at(1)),
              ElementsAre("mbconv1_3", "shuffle_7", "separable_3_se"));
}

TEST(OperatorSpaceTest, TextGivesAnEqualSpace) {
  EXPECT_EQ(read_operator_space_text(operator_space_yaml(small_operator_space()), "s.yaml"),
            small_operator_space());
  Random random(21);
  for (int i = 0; i < 200; ++i) {
    const OperatorSpace space = random_space(random);
    ASSERT_EQ(read_operator_space_text(operator_space_yaml(space), "s.yaml"), space)
        << operator_space_yaml(space);
  }
}

TEST(OperatorSpaceTest, PositionsAreWhatTheNetworkHasThere) {
  Random random(22);
  for (int i = 0; i < 100; ++i) {
    const OperatorSpace space = random_space(random);
    const std::vector<OperatorPosition> positions = positions_of(space);
    const Network network =
        to_network(architecture_of(space, random_path_of_blocks(space, random)));
    std::size_t at = 0;
    Shape before = network.layers.front().ofm;
    Shape behind = before;
    for (const Layer& layer : network.layers) {
      if (layer.block.empty()) continue;
      if (at == 0 || layer.block != positions[at - 1].name) {
        ASSERT_LT(at, positions.size());
        ASSERT_EQ(layer.block, positions[at].name);
        before = behind;
        const OperatorPosition& position = positions[at++];
        EXPECT_EQ(before, (Shape{position.in_channels, position.height, position.width}));
        EXPECT_EQ(layer.ifm.height, position.height);
        EXPECT_EQ(layer.ifm.width, position.width);
      }
      behind = layer.ofm;
      EXPECT_LE(behind.height, before.height);
    }
    EXPECT_EQ(at, positions.size());
    for (std::size_t p = 0; p < positions.size(); ++p) {
      const bool is_first = positions[p].name.back() == '0';
      EXPECT_TRUE(is_first || (positions[p].stride == 1 &&
                               positions[p].in_channels == positions[p].out_channels));
    }
  }
}

TEST(OperatorSpaceTest, StridesRoundSizesUp) {
  const std::vector<OperatorPosition> positions = positions_of(small_operator_space());
  std::vector<std::string> lines;
  for (const OperatorPosition& p : positions) {
    lines.push_back(p.name + " " + std::to_string(p.in_channels) + "-" +
                    std::to_string(p.out_channels) + " " + std::to_string(p.height) + "x" +
                    std::to_string(p.width) + "/" + std::to_string(p.stride));
  }
  EXPECT_THAT(lines,
              ElementsAre("stage1.0 15-24 15x9/2", "stage1.1 24-24 8x5/1", "stage2.0 24-41 8x5/3",
                          "stage2.1 41-41 3x2/1", "stage3.0 41-64 3x2/1", "stage3.1 64-64 3x2/1"));
}

TEST(OperatorSpaceTest, ThePathChoosesEveryBlock) {
  Random random(23);
  for (int i = 0; i < 100; ++i) {
    const OperatorSpace space = random_space(random);
    const OperatorPath path = random_path(space, random);
    const Architecture a = architecture_of(space, path);
    EXPECT_EQ(a.se_ratio, space.se_ratio);
    EXPECT_EQ(a.input, space.input);
    EXPECT_EQ(a.head_width, space.head_width);
    std::size_t p = 0;
    for (std::size_t s = 0; s < a.stages.size(); ++s) {
      EXPECT_EQ(a.stages[s].width, space.stages[s].width);
      EXPECT_EQ(a.stages[s].stride, space.stages[s].stride);
      std::vector<ArchitectureBlock> expected;
      for (const std::vector<Operator>& operators : space.stages[s].blocks) {
        const Operator& op = operators.at(static_cast<std::size_t>(path.at(p++)));
        if (!op.is_identity()) expected.push_back(block_of(op, space.activation));
      }
      EXPECT_EQ(a.stages[s].blocks, expected);
    }
    EXPECT_EQ(p, path.size());
  }
}

TEST(OperatorSpaceTest, TheFirstBlockOfAStageIsNeverTheIdentity) {
  std::string text = kOperatorSpaceText;
  text.replace(text.find("[shuffle_3, mb"), 1, "[identity, ");
  text.replace(text.find("[separable_7"), 1, "[identity, ");
  const OperatorSpace space = read_operator_space_text(text, "s.yaml");
  for (const std::size_t s : {0U, 1U}) {
    EXPECT_EQ(space.stages[s].blocks[0], small_operator_space().stages[s].blocks[0]);
    EXPECT_EQ(space.stages[s].blocks[1].front(), kIdentity);
    EXPECT_EQ(space.stages[s].blocks[1].size(), space.stages[s].blocks[0].size() + 1);
  }
  EXPECT_EQ(read_operator_space_text(operator_space_yaml(space), "s.yaml"), space);
  EXPECT_THAT(operator_space_error("[separable_7, mbconv3_3]", "[identity]"),
              StartsWith("s.yaml:9: stages[1].operators: "));
  EXPECT_THAT(operator_space_error("[xception_3_se]", "[xception_3_se, identity]"),
              StartsWith("s.yaml:13: stages[2].blocks[0].operators: "));
  EXPECT_EQ(operator_space_error("[mbconv1_3, shuffle_7", "[identity, shuffle_7"), "no error");
}

// Without its block, a position changes nothing: the network is that of the shorter space.
TEST(OperatorSpaceTest, AnIdentityIsANetworkWithoutThePosition) {
  Random random(25);
  const OperatorSpace space = shipped_operator_space("operators_fashion");
  for (int i = 0; i < 20; ++i) {
    OperatorPath path = random_path_of_blocks(space, random);
    OperatorSpace shorter = space;
    OperatorPath shorter_path = path;
    path[3] = static_cast<int>(space.stages[1].blocks[1].size()) - 1;  // stage 2, second block
    shorter.stages[1].blocks.pop_back();
    shorter_path.erase(shorter_path.begin() + 3);
    EXPECT_EQ(architecture_of(space, path), architecture_of(shorter, shorter_path));
  }
}

TEST(OperatorSpaceTest, NetworksAreCountedByProducts) {
  EXPECT_NEAR(log10_num_networks(small_operator_space()), std::log10(2.0 * 2 * 2 * 2 * 1 * 3),
              1e-12);
  // 4 ^ 20, as published.
  EXPECT_NEAR(log10_num_networks(shipped_operator_space("spos_imagenet")), 20 * std::log10(4.0),
              1e-9);
}

TEST(OperatorSpaceTest, ErrorOfAnUnknownOperatorListsThePool) {
  const std::string error = operator_space_error("separable_7", "separable_9");
  EXPECT_THAT(error,
              HasSubstr("s.yaml:9: stages[1].operators: 'separable_9' is not an operator; the "
                        "pool has shuffle_3, "));
  for (const Operator& op : operator_pool()) EXPECT_THAT(error, HasSubstr(to_string(op)));
}

TEST(OperatorSpaceTest, ErrorsNameFileLineAndKey) {
  EXPECT_THAT(operator_space_error("separable_7", "mbconv3_3"),
              StartsWith("s.yaml:9: stages[1].operators: "));
  EXPECT_EQ(operator_space_error("[separable_7, mbconv3_3]", "[]"),
            "s.yaml:9: stages[1].operators: must not be empty");
  EXPECT_EQ(operator_space_error("[shuffle_3, mbconv6_5_se]", "[]"),
            "s.yaml:6: operators: must not be empty");
  EXPECT_EQ(operator_space_error("separable_7", "shuffle_7"),
            "s.yaml:9: stages[1].width: must be even for shuffle_7");
  EXPECT_EQ(operator_space_error("width: 64\n    stride", "width: 63\n    stride"),
            "s.yaml:10: stages[2].width: must be even for xception_3_se");
  EXPECT_THAT(operator_space_error("stride: 1\n", "stride: 1\n    depth: 2\n"),
              StartsWith("s.yaml:12: stages[2].depth: "));
  EXPECT_THAT(operator_space_error("stride: 1\n", "stride: 1\n    operators: [mbconv3_3]\n"),
              StartsWith("s.yaml:12: stages[2].operators: "));
  EXPECT_EQ(operator_space_error("{operators: [xception_3_se]}",
                                 "{operators: [xception_3_se], kernel: 3}"),
            "s.yaml:13: stages[2].blocks[0].kernel: unknown key; known here: operators");
  EXPECT_THAT(operator_space_error("operators: [xception_3_se]", ""),
              StartsWith("s.yaml:13: stages[2].blocks[0].operators: "));
  EXPECT_EQ(
      operator_space_error("depth: 2}", "depth: 2, operator: separable_7}"),
      "s.yaml:8: stages[0].operator: unknown key; known here: blocks, depth, operators, stride, "
      "width; "
      "did you mean 'operators'?");
  EXPECT_THAT(
      operator_space_error("head: {width: 64}", "head: {width: 64}\nbranches: [{kernels: [3]}]"),
      HasSubstr("s.yaml:6: branches: this is a space of MixConv blocks"));
  EXPECT_THAT(operator_space_error("stride: 3, depth: 2", "stride: 3"),
              HasSubstr("s.yaml:9: stages[1].depth: missing"));
  EXPECT_THAT(operator_space_error("depth: 2}", "depth: 65}"),
              HasSubstr("s.yaml:8: stages[0].depth: must be from 1 to 64, not 65"));
  EXPECT_THAT(operator_space_error("width: 24", "width: 4097"),
              HasSubstr("s.yaml:8: stages[0].width: must be from 1 to 4096, not 4097"));
  EXPECT_THAT(operator_space_error("head: {width: 64}", "head: {width: 64}\nse_ratio: 0.0"),
              HasSubstr("s.yaml:6: se_ratio: must be from 0.001 to 1"));
  EXPECT_THAT(operator_space_error("head: {width: 64}", "head: {width: 64}\nmax_params: -1"),
              HasSubstr("s.yaml:6: max_params: must be from 0"));
}

TEST(OperatorSpaceTest, WidthsOfUnitsOfHalvesStayEvenWhenTheyAreScaled) {
  const std::string head = "head: {width: 64}\n";
  EXPECT_EQ(operator_space_error(head, head + "width_divisor: 1\n"),
            "s.yaml:6: width_divisor: must be even for shuffle_3, not 1");
  EXPECT_EQ(operator_space_error(head, head + "width_divisor: 6\n"), "no error");
  // Any divisor will do where no operator minds.
  std::string text = kOperatorSpaceText;
  text.resize(text.find("  - width: 64"));
  text.replace(text.find("shuffle_3"), 9, "mbconv1_7");
  EXPECT_EQ(read_operator_space_text(text + "width_divisor: 1\n", "s.yaml").width_divisor, 1);
}

TEST(OperatorSpaceTest, TooMuchIsRefused) {
  std::string text = kOperatorSpaceText;
  text.resize(text.find("  - {width: 24"));
  const auto error_of = [&](const std::string& stages) {
    return input_error_of([&] { read_operator_space_text(text + stages, "s.yaml"); });
  };
  const auto times = [](int n, const std::string& line) {
    std::string lines;
    for (int i = 0; i < n; ++i) lines += line;
    return lines;
  };
  EXPECT_EQ(error_of("  []\n"), "s.yaml:7: stages: must not be empty");
  EXPECT_EQ(error_of(times(33, "  - {width: 8, stride: 1, depth: 1}\n")),
            "s.yaml:7: stages: must be at most 32");
  EXPECT_EQ(error_of(times(4, "  - {width: 8, stride: 1, depth: 64}\n")), "no error");
  EXPECT_THAT(error_of(times(5, "  - {width: 8, stride: 1, depth: 64}\n")),
              StartsWith("s.yaml:7: stages: "));
  const std::string stage = "  - width: 8\n    stride: 1\n    blocks:\n";
  EXPECT_EQ(error_of(stage + times(64, "      - {operators: [shuffle_3]}\n")), "no error");
  EXPECT_EQ(error_of(stage + times(65, "      - {operators: [shuffle_3]}\n")),
            "s.yaml:10: stages[0].blocks: must be at most 64");
  EXPECT_EQ(error_of("  - width: 8\n    stride: 1\n    blocks: []\n"),
            "s.yaml:10: stages[0].blocks: must not be empty");
  text.replace(text.find("height: 30, width: 17"), 21, "height: 4096, width: 4096");
  EXPECT_THAT(error_of("  - {width: 4096, stride: 1, depth: 2}\n"),
              AllOf(HasSubstr("s.yaml:7: stages: "), HasSubstr("elements")));
}

TEST(OperatorSpaceTest, ShippedSpacesHoldNetworksThatScalingLeavesAlone) {
  const auto files = space_files(/*of_operators=*/true);
  EXPECT_GE(files.size(), 6U);
  Random random(24);
  for (const auto& file : files) {
    SCOPED_TRACE(file.string());
    const OperatorSpace space = read_operator_space_for(kSomeData, read_file(file), file.string());
    EXPECT_EQ(space.name, file.stem().string());
    EXPECT_EQ(space.has_whole_pool(), space.name != "spos_imagenet");
    EXPECT_EQ(read_operator_space_text(operator_space_yaml(space), "s.yaml"), space);
    const Architecture a = architecture_of(space, random_path(space, random));
    // Widths are multiples of the divisor, so that rounding does not move them.
    EXPECT_EQ(scale_width(a, 1.0 + 1e-9, space.width_divisor), a);
    EXPECT_NO_THROW(to_network(a));
  }
}

// Guo et al., "Single Path One-Shot", ECCV 2020, table 1.
TEST(OperatorSpaceTest, TheSpaceOfSposIsThePublishedOne) {
  const OperatorSpace space = shipped_operator_space("spos_imagenet");
  EXPECT_EQ(space.input, (Shape{3, 224, 224}));
  EXPECT_EQ(space.stem_width, 16);
  EXPECT_EQ(space.head_width, 1024);
  std::vector<int> widths;
  std::vector<std::size_t> depths;
  for (const OperatorStage& stage : space.stages) {
    widths.push_back(stage.width);
    depths.push_back(stage.blocks.size());
    EXPECT_EQ(stage.stride, 2);
    for (const auto& block : stage.blocks)
      EXPECT_THAT(names_of(block),
                  ElementsAre("shuffle_3", "shuffle_5", "shuffle_7", "xception_3"));
  }
  EXPECT_THAT(widths, ElementsAre(64, 160, 320, 640));
  EXPECT_THAT(depths, ElementsAre(4, 4, 8, 4));
  const OperatorSpace large = shipped_operator_space("operators_imagenet");
  ASSERT_EQ(large.stages.size(), space.stages.size());
  for (std::size_t s = 0; s < space.stages.size(); ++s) {
    EXPECT_EQ(large.stages[s].width, space.stages[s].width);
    EXPECT_EQ(large.stages[s].blocks.size(), space.stages[s].blocks.size());
  }
}

/// Both kinds of search have the same frame.
TEST(OperatorSpaceTest, OperatorSpacesHaveTheFrameOfTheirMixConvSpaces) {
  for (const std::string name : {"fashion", "fashion_small", "cifar", "synthetic"}) {
    SCOPED_TRACE(name);
    const SearchSpace twin = shipped_space(name);
    const OperatorSpace space = shipped_operator_space("operators_" + name);
    EXPECT_EQ(space.input, twin.input);
    EXPECT_EQ(space.num_classes, twin.num_classes);
    EXPECT_EQ(space.stem_stride, twin.stem_stride);
    EXPECT_EQ(space.stem_width, twin.stem_width);
    EXPECT_EQ(space.head_width, twin.head_width);
    EXPECT_EQ(space.width_divisor, twin.width_divisor);
    EXPECT_EQ(space.max_params, twin.max_params);
    ASSERT_EQ(space.stages.size(), twin.stages.size());
    for (std::size_t s = 0; s < twin.stages.size(); ++s) {
      EXPECT_EQ(space.stages[s].width, twin.stages[s].width);
      EXPECT_EQ(space.stages[s].stride, twin.stages[s].stride);
    }
  }
}

TEST(OperatorSpaceTest, IsReadFromFiles) {
  const TempDir dir;
  std::ofstream(dir.file("s.yaml")) << kOperatorSpaceText;
  EXPECT_EQ(read_operator_space(dir.file("s.yaml")), small_operator_space());
  EXPECT_THAT(input_error_of([&] { read_operator_space(dir.file("none.yaml")); }),
              HasSubstr("none.yaml"));
}

TEST(OperatorSpaceTest, DamagedFilesAreReadOrExplained) {
  expect_mutants_parse_or_explain(kOperatorSpaceText, 8, 2000, read_operator_space_text);
  expect_mutants_parse_or_explain(operator_space_yaml(small_operator_space()), 9, 1000,
                                  read_operator_space_text);
  for (const auto& file : space_files(/*of_operators=*/true))
    expect_mutants_parse_or_explain(read_file(file), 10, 300, read_operator_space_text);
}

}  // namespace
}  // namespace tilewake
