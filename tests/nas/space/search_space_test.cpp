// SPDX-License-Identifier: Apache-2.0
#include "nas/space/search_space.hpp"

#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/space/depth_design.hpp"
#include "nas/space/outcome.hpp"
#include "nas/space/scaling.hpp"
#include "tests/nas/space/midap_estimate.hpp"
#include "tests/nas/space/spaces.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/source_files.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/yaml_mutator.hpp"

namespace tilewake {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kSearchSpaceText[] =
    "name: small\n"
    "input: {channels: 3, height: 32, width: 32}\n"
    "num_classes: 10\n"
    "stem: {kernel: 3, stride: 2, width: 16}\n"
    "head: {width: 64}\n"
    "branches:\n"
    "  - {kernels: [3, 5, 7], expansion_ratios: [0, 2]}\n"
    "  - {kernels: [3, 7], expansion_ratios: [0, 1, 4]}\n"
    "  - {kernels: [3, 5], expansion_ratios: [0, 2]}\n"
    "stages:\n"
    "  - {width: 24, stride: 2, depth: 2}\n"
    "  - {width: 40, stride: 1, depth: 3}\n";

SearchSpace small_search_space() { return read_search_space_text(kSearchSpaceText, "s.yaml"); }

std::string search_space_error(const std::string& from, const std::string& to) {
  std::string text = kSearchSpaceText;
  text.replace(text.find(from), from.size(), to);
  return input_error_of([&] { read_search_space_text(text, "s.yaml"); });
}

TEST(SearchSpaceTest, DefaultsAreTheDocumentedOnes) {
  const SearchSpace space = small_search_space();
  EXPECT_EQ(space.activation, Activation::kRelu);
  EXPECT_EQ(space.width_divisor, 16);
  EXPECT_EQ(space.max_params, 0);
  EXPECT_EQ(space.num_blocks, 0);
  EXPECT_TRUE(space.has_depths());
  EXPECT_EQ(space.stages[1], (StageSpace{40, 1, 3, BlockOp::kMixConv, {}}));
  EXPECT_EQ(space.branches[1], (BranchSpace{{3, 7}, {0, 1, 4}}));
}

TEST(SearchSpaceTest, TextGivesAnEqualSpace) {
  SearchSpace space = small_search_space();
  EXPECT_EQ(read_search_space_text(search_space_yaml(space), "s.yaml"), space);
  space.activation = Activation::kHswish;
  space.max_params = 123'456;
  space.width_divisor = 8;
  space.num_blocks = 9;
  for (StageSpace& stage : space.stages) stage.depth = 0;
  EXPECT_EQ(read_search_space_text(search_space_yaml(space), "s.yaml"), space);
}

TEST(SearchSpaceTest, OnlyFurtherBlocksOfAStageCanBeSkipped) {
  const SearchSpace space = small_search_space();
  const std::vector<BlockSpace> blocks = blocks_of(space);
  ASSERT_EQ(blocks.size(), 5U);
  std::vector<std::string> names;
  for (const BlockSpace& block : blocks) {
    names.push_back(block.name);
    EXPECT_EQ(block.can_skip, block.index > 0);
    EXPECT_EQ(outcome_table(block).outcomes.front().empty(), block.can_skip);
    EXPECT_EQ(block.stride, block.index > 0 ? 1 : space.stages.at(block.stage == 0 ? 0 : 1).stride);
    EXPECT_EQ(block.in_channels == block.out_channels, block.index > 0);
  }
  EXPECT_THAT(names, ElementsAre("stage1.0", "stage1.1", "stage2.0", "stage2.1", "stage2.2"));
  EXPECT_EQ(blocks[0].in_channels, 16);
  EXPECT_EQ(blocks[2].in_channels, 24);
  EXPECT_EQ(blocks[4].out_channels, 40);
}

TEST(SearchSpaceTest, LastBranchOfTheLargestKernelStaysInTheFirstBlock) {
  const std::vector<BlockSpace> blocks = blocks_of(small_search_space());
  EXPECT_THAT(blocks[0].branches[0].expansion_ratios, ElementsAre(0, 2));
  EXPECT_THAT(blocks[0].branches[1].expansion_ratios, ElementsAre(1, 4));
  EXPECT_THAT(blocks[0].branches[2].expansion_ratios, ElementsAre(0, 2));
  EXPECT_EQ(blocks[1].branches, small_search_space().branches);
}

TEST(SearchSpaceTest, NoBlockCanBeSkippedWhereABranchStays) {
  SearchSpace space = small_search_space();
  space.branches[0].expansion_ratios = {1, 2};
  for (const BlockSpace& block : blocks_of(space)) {
    EXPECT_FALSE(block.can_skip);
    EXPECT_FALSE(outcome_table(block).outcomes.front().empty());
  }
}

/// The small space with a first stage of dense blocks.
SearchSpace with_dense_stage(const std::string& keys) {
  std::string text = kSearchSpaceText;
  const std::string stage = "stride: 2, depth: 2";
  text.replace(text.find(stage), stage.size(), stage + ", " + keys);
  return read_search_space_text(text, "s.yaml");
}

TEST(SearchSpaceTest, AStageMayHaveDenseBlocksAndItsOwnBranches) {
  const SearchSpace fused =
      with_dense_stage("block: fused, branches: [{kernels: [3, 5], expansion_ratios: [0, 1, 4]}]");
  EXPECT_EQ(read_search_space_text(search_space_yaml(fused), "s.yaml"), fused);
  const std::vector<BlockSpace> blocks = blocks_of(fused);
  EXPECT_EQ(blocks[0].op, BlockOp::kFused);
  EXPECT_THAT(blocks[0].branches, ElementsAre(BranchSpace{{3, 5}, {1, 4}}));
  EXPECT_THAT(blocks[1].branches, ElementsAre(BranchSpace{{3, 5}, {0, 1, 4}}));
  EXPECT_TRUE(blocks[1].can_skip);
  EXPECT_EQ(blocks[2].op, BlockOp::kMixConv);
  EXPECT_EQ(blocks[3].branches, fused.branches);
  const Architecture full = architecture_of(fused, full_outcomes(fused));
  for (std::size_t s = 0; s < full.stages.size(); ++s) {
    for (const ArchitectureBlock& block : full.stages[s].blocks)
      EXPECT_EQ(block.op, s == 0 ? BlockOp::kFused : BlockOp::kMixConv);
  }
  EXPECT_EQ(full.stages[0].blocks[1].branches, (std::vector<MixBranch>{{5, 4}}));
}

TEST(SearchSpaceTest, ABasicBlockHasItsBranchesAndExpandsItsOutputChannels) {
  const SearchSpace basic =
      with_dense_stage("block: basic, branches: [{kernels: [3, 5], expansion_ratios: [0, 1, 2]}]");
  EXPECT_EQ(read_search_space_text(search_space_yaml(basic), "s.yaml"), basic);
  const std::vector<BlockSpace> blocks = blocks_of(basic);
  EXPECT_THAT(blocks[0].branches, ElementsAre(BranchSpace{{3, 5}, {1, 2}}));
  EXPECT_TRUE(blocks[1].can_skip);
  for (std::size_t b = 0; b < 2; ++b) EXPECT_EQ(blocks[b].unit_channels(), blocks[b].out_channels);
  EXPECT_EQ(blocks[2].unit_channels(), blocks[2].in_channels);
}

TEST(SearchSpaceTest, ADenseConvolutionChoosesOneKernelOfAllBranches) {
  const SearchSpace conv = with_dense_stage("block: conv");
  EXPECT_EQ(read_search_space_text(search_space_yaml(conv), "s.yaml"), conv);
  const std::vector<BlockSpace> blocks = blocks_of(conv);
  EXPECT_THAT(blocks[0].branches, ElementsAre(BranchSpace{{3, 5, 7}, {1}}));
  EXPECT_THAT(blocks[1].branches, ElementsAre(BranchSpace{{3, 5, 7}, {0, 1}}));
  EXPECT_EQ(outcome_table(blocks[0]).outcomes.size(), 3U);
  EXPECT_EQ(outcome_table(blocks[1]).outcomes.size(), 4U);
  EXPECT_NO_THROW(to_network(architecture_of(conv, full_outcomes(conv))));
}

TEST(SearchSpaceTest, DenseStagesWithErrorsNameTheirKey) {
  const auto error_of = [](const std::string& keys) {
    return input_error_of([&] { with_dense_stage(keys); });
  };
  EXPECT_THAT(error_of("block: dense"), StartsWith("s.yaml:11: stages[0].block: "));
  EXPECT_THAT(error_of("branches: [{kernels: [3, 4], expansion_ratios: [1]}]"),
              StartsWith("s.yaml:11: stages[0].branches[0].kernels: "));
  EXPECT_THAT(error_of("branches: [{kernels: [3], expansion_ratios: [0]}]"),
              StartsWith("s.yaml:11: stages[0].branches[0].expansion_ratios: "));
  EXPECT_THAT(error_of("branches: []"), StartsWith("s.yaml:11: stages[0].branches: "));
}

TEST(SearchSpaceTest, ErrorsNameFileLineAndKey) {
  EXPECT_THAT(search_space_error("[3, 5, 7]", "[3, 5, 17]"),
              HasSubstr("s.yaml:7: branches[0].kernels[2]: must be from 1 to 15, not 17"));
  EXPECT_EQ(search_space_error("[3, 5, 7]", "[3, 6]"),
            "s.yaml:7: branches[0].kernels: must be odd, not 6");
  EXPECT_EQ(search_space_error("[3, 5, 7]", "[3, 7, 5]"),
            "s.yaml:7: branches[0].kernels: must be ascending and distinct");
  EXPECT_EQ(search_space_error("[0, 1, 4]", "[0, 4, 4]"),
            "s.yaml:8: branches[1].expansion_ratios: must be ascending and distinct");
  EXPECT_THAT(search_space_error("[0, 1, 4]", "[0]"),
              StartsWith("s.yaml:8: branches[1].expansion_ratios: "));
  EXPECT_THAT(search_space_error("[0, 1, 4]", "[0, 1, 17]"),
              HasSubstr("s.yaml:8: branches[1].expansion_ratios[2]: must be from 0 to 16"));
  EXPECT_THAT(search_space_error("depth: 3", "depth: 65"),
              HasSubstr("s.yaml:12: stages[1].depth: must be from 1 to 64"));
  EXPECT_THAT(search_space_error("depth: 3", "depth: 0"), HasSubstr("s.yaml:12: stages[1].depth"));
  EXPECT_THAT(search_space_error("width: 40", "width: 4097"),
              HasSubstr("s.yaml:12: stages[1].width: must be from 1 to 4096"));
  EXPECT_THAT(search_space_error("depth: 3", "depht: 3"),
              HasSubstr("s.yaml:12: stages[1].depht: unknown key"));
  EXPECT_THAT(search_space_error("depth: 3", "depth: 3, kernel: 3"),
              HasSubstr("s.yaml:12: stages[1].kernel: unknown key"));
  EXPECT_THAT(search_space_error("num_classes", "classes"), HasSubstr("num_classes: missing"));
  EXPECT_THAT(search_space_error("branches:", "operators:"), HasSubstr("branches: missing: "));
  EXPECT_THAT(search_space_error("head: {width: 64}", "head: {width: 64}\nmax_params: -1"),
              HasSubstr("s.yaml:6: max_params: must be from 0"));
  EXPECT_THAT(search_space_error("name: small", "name: ''"),
              HasSubstr("s.yaml:1: name: must not be empty"));
}

TEST(SearchSpaceTest, EitherDepthsOrTheirSumAreGiven) {
  EXPECT_THAT(search_space_error(", depth: 3", ""),
              StartsWith("s.yaml:12: stages[1].depth: missing"));
  EXPECT_THAT(search_space_error("head: {width: 64}", "head: {width: 64}\nnum_blocks: 5"),
              StartsWith("s.yaml:12: stages[0].depth: "));

  std::string text = kSearchSpaceText;
  for (const char* depth : {", depth: 2", ", depth: 3"})
    text.erase(text.find(depth), std::string(depth).size());
  const auto error_of_num_blocks = [&](int n) {
    return input_error_of(
        [&] { read_search_space_text(text + "num_blocks: " + std::to_string(n), "s.yaml"); });
  };
  EXPECT_EQ(error_of_num_blocks(4), "no error");
  EXPECT_EQ(error_of_num_blocks(128), "no error");
  EXPECT_EQ(error_of_num_blocks(3),
            "s.yaml:13: num_blocks: must be at least 2 for each of the 2 stages");
  EXPECT_EQ(error_of_num_blocks(129),
            "s.yaml:13: num_blocks: must be at most 64 for each of the 2 stages");
  EXPECT_FALSE(read_search_space_text(text + "num_blocks: 4", "s.yaml").has_depths());
}

TEST(SearchSpaceTest, SpacesTooLargeToTabulateOrBuildAreRefused) {
  const std::string wide =
      "{kernels: [1, 3, 5, 7, 9, 11, 13, 15], expansion_ratios: [0, 1, 2, 3, 4, 5, 6, 7, 8]}";
  EXPECT_EQ(search_space_error("branches:\n", "branches:\n  - " + wide + "\n  - " + wide + "\n"),
            "s.yaml:6: branches: must be at most 4");
  EXPECT_THAT(
      search_space_error("{kernels: [3, 5, 7], expansion_ratios: [0, 2]}", wide + "\n  - " + wide),
      StartsWith("s.yaml:6: branches: "));
  // 8 x 4096 expanded channels of 1024 x 1024.
  std::string text = kSearchSpaceText;
  text.replace(text.find("height: 32, width: 32"), 21, "height: 4096, width: 4096");
  text.replace(text.find("width: 40, stride"), 9, "width: 4096");
  EXPECT_THAT(input_error_of([&] { read_search_space_text(text, "s.yaml"); }),
              AllOf(HasSubstr("s.yaml:10: stages: "), HasSubstr("elements")));
}

TEST(SearchSpaceTest, ShippedSpacesHoldNetworksThatScalingLeavesAlone) {
  const auto files = space_files(/*of_operators=*/false);
  EXPECT_GE(files.size(), 5U);
  for (const auto& file : files) {
    SCOPED_TRACE(file.string());
    SearchSpace space = read_search_space_for(kSomeData, read_file(file), file.string());
    EXPECT_EQ(space.name, file.stem().string());
    EXPECT_EQ(read_search_space_text(search_space_yaml(space), "s.yaml"), space);
    for (StageSpace& stage : space.stages) stage.depth = 2;
    space.num_blocks = 0;
    const Architecture a = architecture_of(space, full_outcomes(space));
    // Widths are multiples of the divisor, so that rounding does not move them.
    EXPECT_EQ(scale_width(a, 1.0 + 1e-9, space.width_divisor), a);
  }
}

TEST(SearchSpaceTest, ImagenetIsThePublishedSpace) {
  const SearchSpace space = shipped_space("imagenet");
  EXPECT_EQ(space.num_blocks, 3 + 4 + 7 + 4 + 11);
  EXPECT_FALSE(space.has_depths());
  EXPECT_EQ(space.width_divisor, 16);
  EXPECT_EQ(space.input, (Shape{3, 224, 224}));
}

TEST(SearchSpaceTest, LimitOnParametersOfFashionBinds) {
  const SearchSpace space = shipped_space("fashion");
  EXPECT_EQ(space.max_params, 500'000);
  const SearchSpace designed = with_depths(space, design_depths(space, midap_estimate()));
  EXPECT_GT(num_trained_params(architecture_of(designed, full_outcomes(designed))),
            space.max_params);
}

TEST(SearchSpaceTest, IsReadFromFiles) {
  const TempDir dir;
  std::ofstream(dir.file("s.yaml")) << kSearchSpaceText;
  EXPECT_EQ(read_search_space(dir.file("s.yaml")), small_search_space());
  EXPECT_THAT(input_error_of([&] { read_search_space(dir.file("none.yaml")); }),
              HasSubstr("none.yaml"));
}

TEST(SearchSpaceTest, DamagedFilesAreReadOrExplained) {
  expect_mutants_parse_or_explain(kSearchSpaceText, 6, 2000, read_search_space_text);
  for (const auto& file : space_files(/*of_operators=*/false))
    expect_mutants_parse_or_explain(read_file(file), 7, 300, read_search_space_text);
}

}  // namespace
}  // namespace tilewake
