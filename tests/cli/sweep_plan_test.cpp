// SPDX-License-Identifier: Apache-2.0
#include "simulator/api/sweep_plan.hpp"

#include <fstream>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/api/inputs.hpp"
#include "simulator/cli/settings.hpp"
#include "simulator/common/error.hpp"
#include "tests/support/random.hpp"
#include "tests/support/temp_dir.hpp"

namespace tilewake {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Words = std::vector<std::string>;

std::string text_of(const SweepPlan& plan, std::int64_t index) {
  const SweepPoint point = plan.point(index);
  return plan.hardware()[point.hardware] + " " + plan.networks()[point.network] + " " +
         settings_text(point.settings);
}

std::string usage_error_of(const Words& hardware, const Words& networks, const Words& settings) {
  try {
    parse_sweep_plan(hardware, networks, settings);
  } catch (const UsageError& e) {
    return e.what();
  }
  return "no error";
}

TEST(SweepPlanTest, LastSettingChangesFastestAndTheMachineLast) {
  const SweepPlan plan = parse_sweep_plan({"a,b"}, {"x"}, {"k.l=1,2", "m=3,4"});
  Words texts;
  for (std::int64_t i = 0; i < plan.size(); ++i) texts.push_back(text_of(plan, i));
  EXPECT_THAT(texts,
              ElementsAre("a x k.l=1 m=3", "a x k.l=1 m=4", "a x k.l=2 m=3", "a x k.l=2 m=4",
                          "b x k.l=1 m=3", "b x k.l=1 m=4", "b x k.l=2 m=3", "b x k.l=2 m=4"));
}

TEST(SweepPlanTest, NamesComeWithCommasOrOneByOne) {
  const SweepPlan plan = parse_sweep_plan({"a,b", "c"}, {"x", "y,z"}, {});
  EXPECT_THAT(plan.hardware(), ElementsAre("a", "b", "c"));
  EXPECT_THAT(plan.networks(), ElementsAre("x", "y", "z"));
  EXPECT_EQ(plan.size(), 9);
}

TEST(SweepPlanTest, PointsAreTheWholeProductEachOnce) {
  Random random(20260607);
  for (int round = 0; round < 200; ++round) {
    const auto words = [&random](const std::string& prefix) {
      std::string text;
      const auto count = random.between(1, 5);
      for (std::int64_t i = 0; i < count; ++i) {
        text += fmt::format("{}{}{}", i == 0 ? "" : ",", prefix, i);
      }
      return text;
    };
    Words settings;
    const auto num_settings = random.between(0, 3);
    for (std::int64_t i = 0; i < num_settings; ++i) {
      settings.push_back(fmt::format("key{}={}", i, words("v")));
    }
    const SweepPlan plan = parse_sweep_plan({words("h")}, {words("n")}, settings);
    std::size_t expected = plan.hardware().size() * plan.networks().size();
    for (const Setting& setting : plan.settings()) expected *= setting.values.size();
    std::set<std::string> texts;
    for (std::int64_t i = 0; i < plan.size(); ++i) texts.insert(text_of(plan, i));
    EXPECT_EQ(static_cast<std::size_t>(plan.size()), expected);
    EXPECT_EQ(texts.size(), expected);
  }
}

TEST(SweepPlanTest, TooManyPointsAreRefusedHoweverManyFactorsThereAre) {
  const auto values = [](int count) {
    std::string text = "0";
    for (int i = 1; i < count; ++i) text += fmt::format(",{}", i);
    return text;
  };
  EXPECT_EQ(parse_sweep_plan({"a"}, {"x"}, {"k=" + values(100'000)}).size(), 100'000);
  EXPECT_THAT(usage_error_of({"a"}, {"x"}, {"k=" + values(100'001)}),
              HasSubstr("at most 100000 points"));
  Words settings;
  for (int i = 0; i < 100; ++i) settings.push_back(fmt::format("k{}={}", i, values(99)));
  EXPECT_THAT(usage_error_of({"a"}, {"x"}, settings), HasSubstr("at most 100000 points"));
}

TEST(SweepPlanTest, WhatIsNoSettingIsRefused) {
  for (const std::string text : {"k", "=1", "", ".k=1", "k.=1", "a..b=1"}) {
    EXPECT_THAT(usage_error_of({"a"}, {"x"}, {text}), HasSubstr("is not KEY=VALUE")) << text;
  }
  for (const std::string text : {"k=", "k=1,", "k=,1", "k=1,,2"}) {
    EXPECT_THAT(usage_error_of({"a"}, {"x"}, {text}), HasSubstr("a value is missing in")) << text;
  }
  EXPECT_EQ(usage_error_of({"a"}, {"x"}, {"k=1,2,1"}), "--set: k is given the value '1' twice");
  EXPECT_THAT(usage_error_of({"a"}, {"x"}, {"k=1", "k=2"}), HasSubstr("k is given twice"));
  EXPECT_EQ(parse_sweep_plan({"a"}, {"x"}, {"k=a=b"}).point(0).settings[0].value, "a=b");
}

TEST(SweepPlanTest, NameGivenTwiceOrEmptyIsRefused) {
  EXPECT_EQ(usage_error_of({"a", "b,a"}, {"x"}, {}), "--hw: 'a' is given twice");
  EXPECT_EQ(usage_error_of({"a"}, {"x,y,x"}, {}), "--net: 'x' is given twice");
  EXPECT_EQ(usage_error_of({"a,"}, {"x"}, {}), "--hw: a value is missing in 'a,'");
}

TEST(SweepPlanTest, FileWithACommaInItsNameIsNotTakenForTwo) {
  const TempDir directory;
  const std::string name = directory.file("a,b.yaml");
  EXPECT_EQ(usage_error_of({name}, {"x"}, {}), "no error");
  std::ofstream(name) << "name: a\n";
  EXPECT_THAT(usage_error_of({name}, {"x"}, {}), HasSubstr("is a file, but in a sweep a comma"));
}

TEST(SweepPlanTest, EmptyPlanIsRefused) {
  EXPECT_THROW(SweepPlan({}, {"x"}), InputError);
  EXPECT_THROW(SweepPlan({"a"}, {}), InputError);
  EXPECT_THROW(SweepPlan({"a"}, {"x"}, {{"k", {}}}), InputError);
}

TEST(SettingsTest, OneMachineTakesOneValueAKey) {
  const auto values = single_values(parse_settings({"a.b=1", "c=x"}));
  EXPECT_EQ(settings_text(values), "a.b=1 c=x");
  EXPECT_THROW(single_values(parse_settings({"a=1,2"})), UsageError);
}

}  // namespace
}  // namespace tilewake
