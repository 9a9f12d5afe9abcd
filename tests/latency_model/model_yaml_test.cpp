// SPDX-License-Identifier: Apache-2.0
#include "latency_model/model_yaml.hpp"

#include <limits>
#include <string>
#include <variant>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/common/error.hpp"
#include "simulator/hardware/hardware_yaml.hpp"
#include "tests/latency_model/fake_model.hpp"
#include "tests/support/input_error.hpp"

namespace tilewake {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

LatencyModel read(const std::string& text) {
  return read_latency_model_text(text, "model.yaml", make_fake_features);
}

/// The reader's error after `from` is replaced by `to`.
std::string error_with(const std::string& from, const std::string& to) {
  std::string text = fake_model_yaml();
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return input_error_of([&] { read(text.replace(at, from.size(), to)); });
}

/// `key: value` as the file has it at its first occurrence after `section`.
std::string line_of(const std::string& section, const std::string& key) {
  const std::string text = fake_model_yaml();
  const std::size_t begin = text.find(key + ":", text.find(section));
  return text.substr(begin, text.find('\n', begin) - begin);
}

void expect_equal(const LatencyModel& a, const LatencyModel& b) {
  EXPECT_EQ(hardware_yaml(a.hardware), hardware_yaml(b.hardware));
  EXPECT_EQ(a.provenance, b.provenance);
  EXPECT_EQ(a.coefficients, b.coefficients);
  EXPECT_EQ(a.holdout, b.holdout);
}

TEST(ModelYamlTest, ReadsBackBitForBit) {
  const LatencyModel model = fake_model();
  const std::string text = model_yaml(model, make_fake_features);
  const LatencyModel again = read(text);
  expect_equal(again, model);
  EXPECT_EQ(model_yaml(again, make_fake_features), text);
}

TEST(ModelYamlTest, ExtremeNumbersReadBack) {
  LatencyModel model = fake_model();
  model.coefficients[0] = {0.0, kMaxCoefficient, std::numeric_limits<double>::min()};
  model.coefficients[1] = {0.1 + 0.2, 1.0 / 3.0, 1e-300};
  model.provenance.seed = std::numeric_limits<std::int64_t>::max();
  model.holdout.networks.max = std::numeric_limits<double>::max();
  model.holdout.kendall_tau = -1.0;
  model.holdout.worst.clear();
  expect_equal(read(model_yaml(model, make_fake_features)), model);
}

TEST(ModelYamlTest, UnusualNamesRoundTrip) {
  LatencyModel model = fake_model();
  model.holdout.worst[0].network = "a: b # 'c' \"d\" \\ {e}, [f]";
  model.holdout.worst[0].layer = "- \xc3\xa9\ttab";
  expect_equal(read(model_yaml(model, make_fake_features)), model);
}

TEST(ModelYamlTest, HasTheMeaningOfEachCoefficient) {
  EXPECT_THAT(fake_model_yaml(),
              HasSubstr("#   compute: slots of the array\n"
                        "#     coefficient in cycles per issue slot, plausible from 0.9 to 1.1\n"));
}

TEST(ModelYamlTest, OtherFormatOrVersionIsRefusedBeforeAnythingElse) {
  EXPECT_THAT(error_with("tilewake-model: 1", "tilewake-model: 2\nstrange: 1"),
              StartsWith("model.yaml:2: tilewake-model: "));
  EXPECT_THAT(error_with("version: 0.1.0", "version: 0.0.9\nstrange: 1"),
              AllOf(StartsWith("model.yaml:3: version: "), HasSubstr("0.0.9"), HasSubstr("0.1.0")));
  EXPECT_THAT(error_with("tilewake-model: 1\n", ""), HasSubstr("tilewake-model: missing"));
}

TEST(ModelYamlTest, ChangedMachineIsRefused) {
  EXPECT_THAT(error_with("num_banks: 4", "num_banks: 8"),
              HasSubstr("model.yaml:4: machine: is midap@"));
  EXPECT_THAT(error_with("num_banks: 4", "num_banks: 0"),
              HasSubstr("hardware.core.fmem.num_banks: must be from 2 to 64"));
}

TEST(ModelYamlTest, CoefficientsAreCompleteAndSensible) {
  const std::string compute = line_of("coefficients:", "compute");
  EXPECT_THAT(error_with(compute, "compute: -0.5"),
              HasSubstr("coefficients.conv.compute: must be from 0"));
  EXPECT_THAT(error_with(compute, "compute: .nan"),
              HasSubstr("coefficients.conv.compute: cannot read '.nan' as a finite number"));
  EXPECT_THAT(error_with(compute, "compute: 1e10"), HasSubstr("must be from 0"));
  EXPECT_THAT(error_with(compute, "computation: 1"),
              HasSubstr("coefficients.conv.compute: missing"));
  EXPECT_THAT(error_with(compute, compute + "\n    more: 1"),
              HasSubstr("coefficients.conv.more: unknown key"));
  EXPECT_THAT(error_with("  pool:\n", "  pond:\n"), HasSubstr("coefficients.pool: missing"));
  EXPECT_THAT(error_with("  conv:\n", "  more: {a: 1}\n  conv:\n"),
              HasSubstr("coefficients.more: unknown key"));
}

TEST(ModelYamlTest, HoldoutIsCompleteAndSensible) {
  EXPECT_THAT(error_with(line_of("holdout:", "kendall_tau"), "kendall_tau: 1.5"),
              HasSubstr("holdout.kendall_tau: must be from -1 to 1"));
  EXPECT_THAT(error_with("holdout:\n", "holdout:\n  luck: 1\n"),
              HasSubstr("holdout.luck: unknown key"));
  EXPECT_THAT(error_with("op_class: ", "op_class: very_"),
              HasSubstr("holdout.worst[0].op_class: unknown value"));
  EXPECT_THAT(error_with(line_of("worst:", "measured"), "measured: 0"),
              HasSubstr("holdout.worst[0].measured: must be from 1"));
}

TEST(ModelYamlTest, MoreThanTenWorstAreRefused) {
  LatencyModel model = fake_model();
  model.holdout.worst.push_back(model.holdout.worst.front());
  EXPECT_THAT(input_error_of([&] { read(model_yaml(model, make_fake_features)); }),
              HasSubstr("holdout.worst: must be at most 10 layers"));
}

TEST(ModelYamlTest, MachineWithoutFeaturesIsExplained) {
  const ExtractorMaker none = [](const HardwareConfig&) -> std::unique_ptr<FeatureExtractor> {
    throw InputError("no features for it");
  };
  const std::string text = fake_model_yaml();
  EXPECT_THAT(input_error_of([&] { read_latency_model_text(text, "model.yaml", none); }),
              HasSubstr("hardware: no features for it"));
}

TEST(ModelYamlTest, MissingFileIsNamed) {
  EXPECT_THAT(
      input_error_of([] { read_latency_model("/nonexistent/model.yaml", make_fake_features); }),
      StartsWith("/nonexistent/model.yaml: "));
}

}  // namespace
}  // namespace tilewake
