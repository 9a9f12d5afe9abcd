// SPDX-License-Identifier: Apache-2.0
#include "nas/space/auto_space.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/space/supernet_size.hpp"
#include "simulator/common/math.hpp"
#include "tests/nas/space/midap_estimate.hpp"
#include "tests/nas/space/spaces.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/source_files.hpp"

namespace tilewake {
namespace {

using ::testing::StartsWith;

constexpr double kNoLimit = 1e9;

std::string auto_text(const std::string& name) {
  return read_file(source_path("nas/spaces/" + name + ".yaml"));
}

/// `from` replaced by `to` in the shipped space.
std::string changed(const std::string& from, const std::string& to) {
  std::string text = auto_text("auto");
  return text.replace(text.find(from), from.size(), to);
}

SearchSpace space_for_data(const DataShape& data, const std::string& text) {
  return read_search_space_for(data, text, "s.yaml");
}

std::string auto_error(const std::string& text) {
  return input_error_of([&] { space_for_data(kSomeData, text); });
}

/// The side of the last map.
std::int64_t last_map_side(const SearchSpace& space) {
  std::int64_t side = ceil_div(space.input.height, std::int64_t{space.stem_stride});
  for (const StageSpace& stage : space.stages) side = ceil_div(side, std::int64_t{stage.stride});
  return side;
}

TEST(AutoSpace, ChannelsAndClassesAreThoseOfTheData) {
  for (const auto& [channels, classes] : {std::pair{1, 2}, {3, 1000}}) {
    const SearchSpace space = space_for_data({channels, 100, classes}, auto_text("auto"));
    EXPECT_EQ(space.input.channels, channels);
    EXPECT_EQ(space.num_classes, classes);
    const OperatorSpace operators =
        read_operator_space_for({channels, 100, classes}, auto_text("operators_auto"), "s.yaml");
    EXPECT_EQ(operators.frame().input, space.input);
    EXPECT_EQ(operators.num_classes, classes);
  }
}

TEST(AutoSpace, SideIsTheLargestOfferedThatTheImagesHave) {
  for (const auto& [side, expected] : {std::pair{1, 28},
                                       {28, 28},
                                       {31, 28},
                                       {32, 32},
                                       {64, 64},
                                       {200, 192},
                                       {224, 224},
                                       {319, 288},
                                       {320, 320},
                                       {4000, 320}}) {
    const SearchSpace space = space_for_data({3, side, 10}, auto_text("auto"));
    EXPECT_EQ(space.input, (Shape{3, expected, expected})) << side;
  }
  const std::string text = changed("input: auto", "input: auto\nsizes: [10, 50]");
  for (const auto& [side, expected] : {std::pair{9, 10}, {49, 10}, {50, 50}, {999, 50}})
    EXPECT_EQ(space_for_data({3, side, 10}, text).input.width, expected);
}

// First of the stem and every second stage, so that those that remain are spread evenly.
TEST(AutoSpace, StridesAreReducedSoThatTheLastMapHasAtLeast4Pixels) {
  const auto strides_at = [](std::int64_t side) {
    const std::string text =
        changed("input: auto", "input: auto\nsizes: [" + std::to_string(side) + "]");
    const SearchSpace space = space_for_data({3, side, 10}, text);
    EXPECT_GE(last_map_side(space), std::min<std::int64_t>(side, 4));
    std::vector<int> strides = {space.stem_stride};
    for (const StageSpace& stage : space.stages) strides.push_back(stage.stride);
    return strides;
  };
  for (const int side : {320, 224, 97}) {
    EXPECT_EQ(strides_at(side), (std::vector<int>{2, 2, 2, 2, 1, 2})) << side;
  }
  EXPECT_EQ(strides_at(96), (std::vector<int>{1, 2, 2, 2, 1, 2}));
  EXPECT_EQ(strides_at(48), (std::vector<int>{1, 2, 1, 2, 1, 2}));
  EXPECT_EQ(strides_at(28), (std::vector<int>{1, 2, 1, 2, 1, 2}));
  EXPECT_EQ(strides_at(24), (std::vector<int>{1, 1, 1, 2, 1, 2}));
  for (std::int64_t side = 1; side < 24; ++side) strides_at(side);
}

TEST(AutoSpace, EachKeyMayFollowTheDataAlone) {
  const SearchSpace fixed = space_for_data(
      {1, 99, 7}, changed("input: auto", "input: {channels: 3, height: 28, width: 28}"));
  EXPECT_EQ(fixed.input, (Shape{3, 28, 28}));
  EXPECT_EQ(fixed.stem_stride, 2);  // as written
  EXPECT_EQ(fixed.num_classes, 7);
  EXPECT_EQ(space_for_data({1, 99, 7}, changed("num_classes: auto", "num_classes: 3")).num_classes,
            3);
}

TEST(AutoSpace, OtherSpacesAreThoseOfTheirFiles) {
  EXPECT_EQ(space_for_data({1, 99, 7}, auto_text("cifar")), shipped_space("cifar"));
}

TEST(AutoSpace, ErrorsNameFileLineAndKey) {
  EXPECT_THAT(input_error_of([] { read_search_space_text("", "s.yaml"); }), StartsWith("s.yaml:"));
  EXPECT_THAT(input_error_of([] { read_search_space_text(auto_text("auto"), "s.yaml"); }),
              StartsWith("s.yaml:7: input: "));
  EXPECT_THAT(
      input_error_of([] { read_operator_space_text(auto_text("operators_auto"), "s.yaml"); }),
      StartsWith("s.yaml:4: input: "));
  EXPECT_THAT(auto_error(changed("input: auto", "input: Auto")), StartsWith("s.yaml:7: input: "));
  EXPECT_THAT(auto_error(changed("num_classes: auto", "num_classes: automatic")),
              StartsWith("s.yaml:8: num_classes: "));
  for (const std::string sizes : {"[]", "[0]", "[32, 28]", "[28, 28]", "[28, 5000]", "auto"})
    EXPECT_THAT(auto_error(changed("input: auto", "input: auto\nsizes: " + sizes)),
                StartsWith("s.yaml:8: sizes"))
        << sizes;
  EXPECT_THAT(auto_error(changed("input: auto",
                                 "input: {channels: 3, height: 28, width: 28}\nsizes: [28]")),
              StartsWith("s.yaml:8: sizes"));
}

// A supernet can then be sized to the limit, and images are no larger than a network of the space
// can process in that time.
TEST(AutoSpace, SideIsReducedUntilATypicalNetworkKeepsToTheLimit) {
  const LatencyEstimate estimate = midap_estimate();
  std::int64_t last = 0;
  for (const double limit_ms : {0.01, 0.1, 0.15, 0.2, 0.25, 0.4, 0.8, 1.5, 3.0}) {
    const SearchSpace space =
        search_space_within({3, 4000, 10}, auto_text("auto"), "s.yaml", limit_ms, estimate);
    EXPECT_GE(space.input.height, last) << limit_ms;
    last = space.input.height;
    if (space.input.height == 28 || space.input.height == 320) continue;
    const SupernetSize size = size_supernet(space, estimate, 0.6 * limit_ms, 1.45);
    EXPECT_TRUE(size.is_within) << limit_ms;
    EXPECT_GT(size.width, 0.5) << limit_ms;  // the smallest that is tried
  }
  EXPECT_EQ(last, 320);
  const SearchSpace small =
      search_space_within({3, 4000, 10}, auto_text("auto"), "s.yaml", 1e-9, estimate);
  EXPECT_EQ(small.input.height, 28);
  EXPECT_EQ(search_space_within({3, 64, 10}, auto_text("auto"), "s.yaml", kNoLimit, estimate),
            space_for_data({3, 64, 10}, auto_text("auto")));
}

TEST(AutoSpace, OperatorsHaveASideWithinTheLimitToo) {
  const LatencyEstimate estimate = midap_estimate();
  std::int64_t last = 0;
  for (const double limit_ms : {1e-9, 0.2, 0.8, kNoLimit}) {
    const OperatorSpace space = operator_space_within({3, 4000, 10}, auto_text("operators_auto"),
                                                      "s.yaml", limit_ms, estimate);
    EXPECT_GE(space.input.height, last);
    last = space.input.height;
  }
  EXPECT_EQ(last, 320);
}

TEST(AutoSpace, NetworksThatTheMachineCannotHoldAreBeyondEveryLimit) {
  const LatencyEstimate estimate = [](const Network& network) {
    if (network.layers.front().ifm.height > 100) throw InputError("does not fit");
    return 1.0;
  };
  const SearchSpace space =
      search_space_within({3, 4000, 10}, auto_text("auto"), "s.yaml", 2.0, estimate);
  EXPECT_EQ(space.input.height, 96);
}

}  // namespace
}  // namespace tilewake
