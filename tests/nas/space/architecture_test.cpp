// SPDX-License-Identifier: Apache-2.0
#include "nas/space/architecture.hpp"

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/space/operator.hpp"
#include "simulator/network/network_yaml.hpp"
#include "tests/nas/space/published.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/network_text.hpp"
#include "tests/support/random.hpp"
#include "tests/support/sanitizer.hpp"
#include "tests/support/shipped.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/yaml_mutator.hpp"

namespace tilewake {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// Any network of the family: other sizes, skipped expansions, squeeze-and-excitation here and
/// there, other operators.
Architecture random_variant(Random& random) {
  Architecture a;
  a.name = "random " + std::to_string(random.below(1000));
  a.input = {random.between(1, 4), random.between(1, 70), random.between(1, 70)};
  a.num_classes = static_cast<int>(random.between(1, 100));
  a.stem_kernel = 2 * static_cast<int>(random.below(4)) + 1;
  a.stem_stride = static_cast<int>(random.between(1, 3));
  a.stem_width = static_cast<int>(random.between(1, 40));
  a.head_width = static_cast<int>(random.between(1, 300));
  const std::vector<Activation> activations = {Activation::kNone, Activation::kRelu,
                                               Activation::kHswish, Activation::kSwish};
  a.activation = random.pick(activations);
  a.se_ratio = 0.001 * static_cast<double>(random.between(1, 1000));
  for (std::int64_t s = random.between(1, 4); s > 0; --s) {
    ArchitectureStage stage;
    stage.width = static_cast<int>(random.between(1, 50));
    stage.stride = static_cast<int>(random.between(1, 3));
    for (std::int64_t b = random.between(1, 4); b > 0; --b) {
      ArchitectureBlock block;
      for (int kernel = 1; kernel <= 7; kernel += 2) {
        if (random.one_in(2))
          block.branches.push_back({kernel, static_cast<int>(random.between(1, 6))});
      }
      if (block.branches.empty()) block.branches = {{15, static_cast<int>(random.between(1, 64))}};
      block.activation = random.pick(activations);
      block.squeeze_excite = random.one_in(2);
      if (random.one_in(4)) block.op = random.one_in(2) ? BlockOp::kFused : BlockOp::kBasic;
      if (random.one_in(3)) {
        const Operator& op = random.pick(operator_pool());
        if (!op.is_identity() && (!needs_even_width(op) || stage.width % 2 == 0))
          block = block_of(op, block.activation);
      }
      stage.blocks.push_back(block);
    }
    a.stages.push_back(stage);
  }
  return a;
}

TEST(ArchitectureTest, NetworkMIsTheShippedOne) {
  EXPECT_EQ(text_of(to_network(published_m())), text_of(shipped_network("s3nas_m")));
}

struct Figures {
  Architecture architecture;
  double params;  // millions
  double macs;    // G
};

// Source: the S3NAS papers, table of results.
TEST(ArchitectureTest, ParametersAndMacsAreThePublishedOnes) {
  for (const Figures& figures :
       {Figures{published_m(), 12.8, 1.29}, Figures{published_m_plus(), 15.4, 1.29},
        Figures{published_l_plus(), 20.7, 2.47}}) {
    EXPECT_NEAR(static_cast<double>(num_trained_params(figures.architecture)) / 1e6, figures.params,
                0.05);
    EXPECT_NEAR(static_cast<double>(to_network(figures.architecture).num_macs()) / 1e9,
                figures.macs, 0.005);
  }
}

// Counted by hand: stem 3x3 over 2 channels, blocks with and without expansion and SE.
TEST(ArchitectureTest, TrainedParametersOfASmallNetwork) {
  Architecture a;
  a.name = "small";
  a.input = {2, 8, 8};
  a.num_classes = 7;
  a.stem_width = 4;
  a.head_width = 10;
  a.stages = {{4, 1, {{{{3, 1}}}, {{{3, 1}, {5, 2}}, Activation::kRelu, true}}}};
  const std::int64_t stem = 2 * 9 * 4 + 2 * 4;
  const std::int64_t plain = (9 * 4 + 2 * 4) + (4 * 4 + 2 * 4);
  const std::int64_t expand = (4 * 4 + 2 * 4) + (4 * 8 + 2 * 8);
  const std::int64_t depthwise = (9 * 4 + 2 * 4) + (25 * 8 + 2 * 8);
  const std::int64_t squeeze_excite = (12 * 1 + 1) + (1 * 12 + 12);
  const std::int64_t project = 12 * 4 + 2 * 4;
  const std::int64_t head = 4 * 10 + 2 * 10;
  const std::int64_t classifier = 10 * 7 + 7;
  EXPECT_EQ(num_trained_params(a),
            stem + plain + expand + depthwise + squeeze_excite + project + head + classifier);
  EXPECT_EQ(num_block_params(a.stages[0].blocks[0], 4, 4, 0.25), plain);
  EXPECT_EQ(num_block_params(a.stages[0].blocks[1], 4, 4, 0.25),
            expand + depthwise + squeeze_excite + project);
}

TEST(ArchitectureTest, ParametersAreThoseOfStemBlocksHeadAndClassifier) {
  Random random(3);
  for (int i = 0; i < num_cases(100); ++i) {
    Architecture a = random_variant(random);
    // A block is counted at stride 1, where a unit of two halves may differ.
    for (ArchitectureStage& stage : a.stages) stage.stride = 1;
    std::int64_t sum = (a.input.channels * a.stem_kernel * a.stem_kernel + 2) * a.stem_width;
    int channels = a.stem_width;
    for (const ArchitectureStage& stage : a.stages) {
      for (const ArchitectureBlock& block : stage.blocks) {
        sum += num_block_params(block, channels, stage.width, a.se_ratio);
        channels = stage.width;
      }
    }
    sum += (channels + std::int64_t{2}) * a.head_width;
    sum += (a.head_width + std::int64_t{1}) * a.num_classes;
    EXPECT_EQ(num_trained_params(a), sum) << architecture_text(a);
  }
}

TEST(ArchitectureTest, SqueezedChannelsAreThoseOfTheNetwork) {
  EXPECT_EQ(squeeze_channels(0.25, 3), 1);
  EXPECT_EQ(squeeze_channels(0.25, 32), 8);
  Random random(4);
  for (int i = 0; i < num_cases(100); ++i) {
    Architecture a = random_variant(random);
    a.stages[0].blocks[0].squeeze_excite = true;
    EXPECT_EQ(layer_of(to_network(a), "stage1.0.se_reduce").ofm.channels,
              squeeze_channels(a.se_ratio, a.stem_width));
  }
}

TEST(ArchitectureTest, NetworkFileGivesAnEqualNetwork) {
  Random random(1);
  for (int i = 0; i < num_cases(200); ++i) {
    const Architecture a = random_variant(random);
    const std::string text =
        network_yaml(a, "found by\n\na test: with [odd] \x01 \x1b\rcharacters");
    EXPECT_THAT(text, StartsWith("# found by\n#\n# a test: with [odd] ? ??characters\nname: \""));
    ASSERT_EQ(text_of(read_network_text(text, "n.yaml")), text_of(to_network(a))) << text;
  }
  EXPECT_THAT(network_yaml(published_m(), ""), StartsWith("name: \"s3nas_m\"\n"));
}

TEST(ArchitectureTest, TextGivesAnEqualArchitecture) {
  Random random(2);
  for (int i = 0; i < num_cases(200); ++i) {
    const Architecture a = random_variant(random);
    ASSERT_EQ(read_architecture_text(architecture_text(a), "a.yaml"), a) << architecture_text(a);
  }
  for (const Architecture& a : {published_m(), published_l_plus(), published_xl_plus()})
    EXPECT_EQ(read_architecture_text(architecture_text(a), "a.yaml"), a);
}

TEST(ArchitectureTest, IsReadFromFiles) {
  const TempDir dir;
  std::ofstream(dir.file("m.yaml")) << architecture_text(published_m());
  EXPECT_EQ(read_architecture(dir.file("m.yaml")), published_m());
  EXPECT_THAT(input_error_of([&] { read_architecture(dir.file("none.yaml")); }),
              HasSubstr("none.yaml"));
}

TEST(ArchitectureTest, CountsItsBlocks) {
  EXPECT_EQ(published_m().num_blocks(), 29);
  EXPECT_EQ(Architecture().num_blocks(), 0);
}

constexpr char kArchitectureText[] =
    "name: a\n"
    "input: {channels: 3, height: 32, width: 32}\n"
    "num_classes: 10\n"
    "stem: {kernel: 3, stride: 1, width: 16}\n"
    "head: {width: 64}\n"
    "stages:\n"
    "  - width: 24\n"
    "    stride: 2\n"
    "    blocks:\n"
    "      - {kernels: [3, 5], expansion_ratios: [2, 4], activation: hswish}\n"
    "      - {kernels: 3, expansion_ratios: 6, squeeze_excite: true}\n";

std::string architecture_error(const std::string& from, const std::string& to) {
  std::string text = kArchitectureText;
  text.replace(text.find(from), from.size(), to);
  return input_error_of([&] { read_architecture_text(text, "a.yaml"); });
}

TEST(ArchitectureTest, DefaultsAreTheDocumentedOnes) {
  const Architecture a = read_architecture_text(kArchitectureText, "a.yaml");
  EXPECT_EQ(a.activation, Activation::kRelu);
  EXPECT_EQ(a.se_ratio, 0.25);
  EXPECT_EQ(a.stages[0].blocks[0],
            (ArchitectureBlock{{{3, 2}, {5, 4}}, Activation::kHswish, false}));
  EXPECT_EQ(a.stages[0].blocks[1], (ArchitectureBlock{{{3, 6}}, Activation::kRelu, true}));
}

TEST(ArchitectureTest, ErrorsNameFileLineAndKey) {
  EXPECT_EQ(architecture_error("[3, 5]", "[5, 3]"),
            "a.yaml:10: stages[0].blocks[0].kernels: must be ascending and distinct");
  EXPECT_EQ(architecture_error("[3, 5]", "[3, 4]"),
            "a.yaml:10: stages[0].blocks[0].kernels: must be odd, not 4");
  EXPECT_THAT(architecture_error("[2, 4]", "[2]"),
              StartsWith("a.yaml:10: stages[0].blocks[0].expansion_ratios: "));
  EXPECT_THAT(architecture_error("ratios: 6", "ratios: 0"),
              HasSubstr("a.yaml:11: stages[0].blocks[1].expansion_ratios: must be from 1 to 64"));
  EXPECT_THAT(architecture_error("width: 24", "width: 0"),
              HasSubstr("a.yaml:7: stages[0].width: must be from 1 to 4096"));
  EXPECT_THAT(architecture_error("head: {width: 64}", "head: {width: 64}\nse_ratio: 0.0"),
              HasSubstr("a.yaml:6: se_ratio: must be from 0.001 to 1"));
  EXPECT_THAT(architecture_error("name: a", "name: =a"),
              HasSubstr("a.yaml:1: name: must start with"));
  EXPECT_THAT(architecture_error("kernel: 3, stride: 1", "kernel: 4, stride: 1"),
              HasSubstr("a.yaml:4: stem.kernel: must be odd"));
  EXPECT_THAT(architecture_error("squeeze_excite", "se"),
              HasSubstr("a.yaml:11: stages[0].blocks[1].se: unknown key"));
}

/// One position after a stem, with every operator of the pool.
Architecture with_operator(const Operator& op, int stem_width, int width, int stride) {
  Architecture a;
  a.name = "one";
  a.input = {3, 9, 7};
  a.num_classes = 5;
  a.stem_width = stem_width;
  a.head_width = 8;
  a.stages = {
      {width, stride, {block_of(op, Activation::kHswish), block_of(op, Activation::kRelu)}}};
  return a;
}

TEST(ArchitectureTest, EveryOperatorKeepsItsMeaningInBothFiles) {
  for (const Operator& op : operator_pool()) {
    if (op.is_identity()) continue;
    for (const int stem_width : {6, 12}) {
      for (const int stride : {1, 2}) {
        const Architecture a = with_operator(op, stem_width, 12, stride);
        ASSERT_EQ(read_architecture_text(architecture_text(a), "a.yaml"), a) << to_string(op);
        ASSERT_EQ(text_of(read_network_text(network_yaml(a, ""), "n.yaml")), text_of(to_network(a)))
            << to_string(op);
      }
    }
  }
}

TEST(ArchitectureTest, OperatorsHaveOneKernelAndNoExpansionRatios) {
  const std::string block = "{kernels: 3, expansion_ratios: 6, squeeze_excite: true}";
  EXPECT_EQ(architecture_error(block, "{op: shuffle_unit, kernels: 5, squeeze_excite: true}"),
            "no error");
  EXPECT_THAT(architecture_error(block, "{op: shuffle_unit, kernels: [3, 5]}"),
              StartsWith("a.yaml:11: stages[0].blocks[1].kernels: "));
  EXPECT_THAT(architecture_error(block, "{op: separable, kernels: 3, expansion_ratios: 1}"),
              HasSubstr("a.yaml:11: stages[0].blocks[1].expansion_ratios: unknown key"));
  EXPECT_EQ(architecture_error(block, "{op: shuffle, kernels: 3}"),
            "a.yaml:11: stages[0].blocks[1].op: unknown value 'shuffle'; choose one of: mbconv, "
            "convblock, basic_block, conv_unit, separable, shuffle_unit, xception_unit");
  const Architecture a = with_operator(operator_pool().front(), 8, 12, 1);
  std::string text = architecture_text(a);
  text.replace(text.find("width: 12"), 9, "width: 13");
  EXPECT_THAT(input_error_of([&] { read_architecture_text(text, "a.yaml"); }),
              AllOf(HasSubstr("a.yaml:"),
                    HasSubstr("stages: architecture 'one': stage1.0: a unit "
                              "of two halves needs an even number of channels, not 13")));
}

std::string error_of(const Architecture& a) {
  return input_error_of([&] { to_network(a); });
}

TEST(ArchitectureTest, RefusesInvalidNetworks) {
  Architecture a = published_m();
  a.stages[2].blocks.clear();
  EXPECT_EQ(error_of(a),
            "architecture 's3nas_m': stage3: number of blocks: must be from 1 to 64, not 0");
  a = published_m();
  a.stages[4].blocks[3].branches.clear();
  EXPECT_EQ(error_of(a), "architecture 's3nas_m': stage5.3: has no branches");
  a.stages[4].blocks[3].branches = {{5, 2}, {5, 2}};
  EXPECT_EQ(
      error_of(a),
      "architecture 's3nas_m': stage5.3: kernels of its branches must be ascending and distinct");
  a.stages[4].blocks[3].branches = {{4, 2}};
  EXPECT_EQ(error_of(a),
            "architecture 's3nas_m': stage5.3: kernels must be odd and from 1 to 15, not 4");
  a.stages[4].blocks[3].branches = {{5, 65}};
  EXPECT_EQ(error_of(a),
            "architecture 's3nas_m': stage5.3: expansion ratios must be from 1 to 64, not 65");
  a.stages[4].blocks[3].branches = {{5, 2}};
  a.stages[4].blocks[3].op = BlockOp::kSeparable;
  EXPECT_EQ(
      error_of(a),
      "architecture 's3nas_m': stage5.3: this operator takes one kernel and no expansion ratio");
  a.stages[4].blocks[3].branches = {{3, 1}, {5, 1}};
  EXPECT_THAT(error_of(a), HasSubstr("stage5.3: this operator takes one kernel"));
  a.stages[4].blocks[3].branches = {{5, 1}};
  EXPECT_EQ(error_of(a), "no error");
  a.stages[4].width = 255;
  EXPECT_EQ(error_of(a), "no error");
  for (const BlockOp op : {BlockOp::kShuffleUnit, BlockOp::kXceptionUnit}) {
    a.stages[4].blocks[3].op = op;
    EXPECT_EQ(error_of(a),
              "architecture 's3nas_m': stage5.3: a unit of two halves needs an even number of "
              "channels, not 255");
  }
  a = published_m();
  a.stages[1].width = 5000;
  EXPECT_EQ(error_of(a), "architecture 's3nas_m': stage2: width: must be from 1 to 4096, not 5000");
  a = published_m();
  a.se_ratio = 0.0;
  EXPECT_THAT(error_of(a), HasSubstr("se_ratio: must be from 0.001 to 1"));
  a = published_m();
  a.stages.clear();
  EXPECT_THAT(error_of(a), HasSubstr("number of stages: must be from 1 to 32, not 0"));
  a = published_m();
  a.name = "a\nb";
  EXPECT_THAT(error_of(a), HasSubstr("name: "));
  a = published_m();
  a.input = {3, 4096, 4096};
  a.stem_stride = 1;
  a.stages[0] = {4096, 1, {{{{3, 64}}}, {{{3, 64}}}}};
  EXPECT_THAT(error_of(a), HasSubstr("elements"));
}

TEST(ArchitectureTest, DamagedFilesAreReadOrExplained) {
  expect_mutants_parse_or_explain(kArchitectureText, 5, 3000, read_architecture_text);
  std::string text = kArchitectureText;
  for (const char* block : {"op: separable, kernels: 5", "op: shuffle_unit, kernels: [3]",
                            "op: xception_unit, kernels: 3, squeeze_excite: true"})
    text += "      - {" + std::string(block) + "}\n";
  expect_mutants_parse_or_explain(text, 6, 2000, read_architecture_text);
}

}  // namespace
}  // namespace tilewake
