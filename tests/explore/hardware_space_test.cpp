// SPDX-License-Identifier: Apache-2.0
#include "simulator/explore/hardware_space.hpp"

#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "simulator/common/error.hpp"
#include "tests/support/source_files.hpp"

namespace tilewake {
namespace {

constexpr double kArea = 3.0;

const Machine& edge_machine() {
  static const Machine machine = read_machine(source_root() + "/hw_configs/edge_systolic_32.yaml");
  return machine;
}

HardwareSpace space_of(const std::string& text) {
  return read_hardware_space_text(text, "space.yaml", edge_machine(), kArea);
}

std::string error_of(const std::string& text) {
  try {
    space_of(text);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

/// Checks that the file is refused with each of the words.
void expect_refused(const std::string& text, const std::vector<std::string>& words) {
  const std::string error = error_of(text);
  for (const std::string& word : words)
    EXPECT_NE(error.find(word), std::string::npos) << text << "gave: " << error;
}

TEST(HardwareSpaceTest, ValuesAreThoseOfVaryInTheirOrder) {
  const HardwareSpace space = space_of(
      "vary:\n  core.rows: [64, 16, 32]\n  core.cols: 8..35\n  core.dataflow: [weight_stationary, "
      "output_stationary]\n  core.vector_unit.lanes: 64\n");
  ASSERT_EQ(space.keys.size(), 4U);
  EXPECT_EQ(space.keys[0].key, "core.rows");
  EXPECT_EQ(space.keys[0].values, (std::vector<std::string>{"16", "32", "64"}));
  EXPECT_EQ(space.keys[1].values, (std::vector<std::string>{"8", "16", "32"}));
  EXPECT_EQ(space.keys[2].values,
            (std::vector<std::string>{"weight_stationary", "output_stationary"}));
  EXPECT_EQ(space.keys[3].values, (std::vector<std::string>{"64"}));
  EXPECT_EQ(space.max_area_mm2, kArea);
  EXPECT_EQ(space.max_evaluations, ExploreOptions{}.max_evaluations);
}

TEST(HardwareSpaceTest, WhatIsWrittenIsReadAsTheSameSpace) {
  const std::string text = hardware_space_yaml(
      space_of("vary:\n  core.rows: 8..64\n  core.depthwise: [array, vector_unit]\n"
               "max_area_mm2: 4.25\nevaluations: 17\n"));
  EXPECT_EQ(hardware_space_yaml(space_of(text)), text);
  EXPECT_NE(text.find("max_area_mm2: 4.25"), std::string::npos);
}

TEST(HardwareSpaceTest, ValuesThatOnlySomeMachinesTakeArePartOfASpace) {
  // 64 rows need 64 banks, so neither value is possible alone.
  EXPECT_EQ(error_of("vary:\n  core.rows: [32, 64]\n  core.input_buffer.num_banks: [32, 64]\n"),
            "");
}

TEST(HardwareSpaceTest, ErrorsNameFileLineAndKey) {
  expect_refused("vary:\n  core.rowz: [16]\n", {"space.yaml:2: vary.core.rowz", "unknown", "rows"});
  expect_refused("vary:\n  core.rows: [16, 0]\n", {"space.yaml:2: vary.core.rows", "not 0"});
  expect_refused("vary:\n  core.rows: [16, x]\n", {"space.yaml:2: vary.core.rows"});
  expect_refused("vary:\n  core.rows: [16.5]\n", {"space.yaml:2: vary.core.rows"});
  expect_refused("vary:\n  core.dataflow: [sideways]\n", {"vary.core.dataflow", "sideways"});
  expect_refused("vary:\n  core.rows: 9..8\n", {"space.yaml:2: vary.core.rows", "LOW..HIGH"});
  expect_refused("vary:\n  core.rows: [16, 16]\n", {"space.yaml:2: vary.core.rows", "twice"});
  expect_refused("vary:\n  core: [16]\n", {"space.yaml:2: vary.core"});
  expect_refused("vary:\n  name: [a, b]\n", {"space.yaml:2: vary.name"});
  expect_refused("vary:\n  core..rows: [16]\n", {"space.yaml:2: vary.core..rows"});
  expect_refused("vary: {}\n", {"space.yaml:1: vary"});
  expect_refused("evaluations: 3\n", {"vary", "missing"});
  expect_refused("vary: [core.rows]\n", {"space.yaml:1: vary", "mapping"});
  expect_refused("vary:\n  core.rows: [16]\nmax_area: 3\n", {"space.yaml:3: max_area", "unknown"});
  expect_refused("vary:\n  core.rows: [16]\nevaluations: 0\n", {"space.yaml:3: evaluations"});
  expect_refused("vary:\n  core.rows: [16]\nmax_area_mm2: 2.9\n",
                 {"space.yaml:3: max_area_mm2", "edge_systolic_32"});
}

TEST(HardwareSpaceTest, AllWrongKeysAreNamedAtOnce) {
  expect_refused("vary:\n  core.rowz: [16]\n  core.cols: [0]\n  core.rows: [8]\n",
                 {"space.yaml:2: vary.core.rowz", "space.yaml:3: vary.core.cols"});
}

TEST(HardwareSpaceTest, SpacesOfMoreMachinesThanCanBeCountedAreRefused) {
  std::string values;
  for (int i = 1; i <= 200; ++i) values += fmt::format("{}{}", i == 1 ? "" : ", ", i);
  std::string text = "vary:\n";
  for (const char* key :
       {"core.rows", "core.cols", "core.vector_unit.lanes", "core.input_buffer.num_banks",
        "core.output_buffer.num_banks", "core.weight_buffer.num_banks", "clock_mhz"}) {
    text += fmt::format("  {}: [{}]\n", key, values);
  }
  expect_refused(text, {"space.yaml:1: vary", "machines"});
}

TEST(HardwareSpaceTest, AMachineWithoutAnAreaHasNoEqualArea) {
  EXPECT_THROW(
      read_hardware_space_text("vary:\n  core.rows: [16]\n", "space.yaml", edge_machine(), 0.0),
      InputError);
}

}  // namespace
}  // namespace tilewake
