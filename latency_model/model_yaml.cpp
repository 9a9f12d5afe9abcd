// SPDX-License-Identifier: Apache-2.0
#include "latency_model/model_yaml.hpp"

#include <cassert>
#include <limits>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "simulator/common/error.hpp"
#include "simulator/common/version.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/common/yaml_reader.hpp"
#include "simulator/hardware/hardware_yaml.hpp"
#include "simulator/trace/json_string.hpp"

namespace tilewake {
namespace {

constexpr double kHighest = std::numeric_limits<double>::max();
constexpr double kLowest = std::numeric_limits<double>::lowest();
constexpr std::int64_t kMostCases = std::int64_t{1}
                                    << 53;  // largest count that a double represents exactly

/// The figures of an ErrorSummary after `n`: key, member, minimum, maximum.
struct Figure {
  std::string_view key;
  double ErrorSummary::*member;
  double min;
  double max;
};
constexpr Figure kFigures[] = {
    {"mape", &ErrorSummary::mape, 0.0, kHighest},
    {"median", &ErrorSummary::median, 0.0, kHighest},
    {"rmspe", &ErrorSummary::rmspe, 0.0, kHighest},
    {"bias", &ErrorSummary::bias, kLowest, kHighest},
    {"max", &ErrorSummary::max, 0.0, kHighest},
    {"p95", &ErrorSummary::p95, 0.0, kHighest},
    {"within_5", &ErrorSummary::within_5, 0.0, 1.0},
    {"within_10", &ErrorSummary::within_10, 0.0, 1.0},
};

// ---- writing

std::string summary_yaml(const ErrorSummary& summary) {
  std::string text = fmt::format("{{n: {}", summary.n);
  for (const Figure& figure : kFigures) {
    text += fmt::format(", {}: {}", figure.key, summary.*figure.member);
  }
  return text + "}";
}

std::string features_comment(const FeatureSet& set) {
  std::string text;
  for (const FeatureInfo& feature : set.features) {
    text +=
        fmt::format("#   {}: {}\n#     coefficient in {}, plausible from {} to {}\n", feature.name,
                    feature.meaning, feature.unit, feature.plausible_min, feature.plausible_max);
  }
  return text;
}

std::string coefficients_yaml(const LatencyModel& model, const FeatureSet& set) {
  std::string text = "coefficients:\n";
  for (std::size_t i = 0; i < set.op_classes.size(); ++i) {
    text += fmt::format("  {}:\n", set.op_classes[i]);
    for (std::size_t j = 0; j < set.features.size(); ++j) {
      text += fmt::format("    {}: {}\n", set.features[j].name, model.coefficients[i][j]);
    }
  }
  return text;
}

std::string case_yaml(const Case& c, const FeatureSet& set) {
  std::vector<std::string> features;
  for (std::size_t i = 0; i < set.features.size(); ++i) {
    features.push_back(fmt::format("{}: {}", set.features[i].name, c.features[i]));
  }
  return fmt::format(
      "    - network: {}\n"
      "      layer: {}\n"
      "      op_class: {}\n"
      "      predicted: {}\n"
      "      measured: {}\n"
      "      features: {{{}}}\n",
      json_string(c.network), json_string(c.layer),
      set.op_classes[static_cast<std::size_t>(c.op_class)], c.predicted, c.measured,
      fmt::join(features, ", "));
}

std::string holdout_yaml(const Evaluation& holdout, const FeatureSet& set) {
  std::string text = fmt::format(
      "holdout:\n"
      "  layers: {}\n"
      "  networks: {}\n"
      "  kendall_tau: {}\n"
      "  spearman: {}\n"
      "  roofline_mape: {}\n"
      "  by_class:\n",
      summary_yaml(holdout.layers), summary_yaml(holdout.networks), holdout.kendall_tau,
      holdout.spearman, holdout.roofline_mape);
  for (std::size_t i = 0; i < set.op_classes.size(); ++i) {
    text += fmt::format("    {}: {}\n", set.op_classes[i], summary_yaml(holdout.by_class[i]));
  }
  if (holdout.worst.empty()) return text + "  worst: []\n";
  text += "  worst:\n";
  for (const Case& c : holdout.worst) text += case_yaml(c, set);
  return text;
}

std::string energy_yaml(const LatencyModel& model, const FeatureSet& set) {
  if (!model.energy) return "";
  std::string text = fmt::format(
      "\n"
      "# The energy of a layer in uJ: the sum of coefficient x number of MACs, weights, elements\n"
      "# read and written, and cycles; errors on held-out networks.\n"
      "energy:\n"
      "  layers: {}\n"
      "  networks: {}\n"
      "  coefficients:\n",
      summary_yaml(model.energy->layers), summary_yaml(model.energy->networks));
  for (std::size_t i = 0; i < set.op_classes.size(); ++i) {
    text += fmt::format("    {}:\n", set.op_classes[i]);
    for (std::size_t j = 0; j < kEnergyTerms.size(); ++j) {
      text += fmt::format("      {}: {}\n", kEnergyTerms[j], model.energy->coefficients[i][j]);
    }
  }
  return text;
}

// ---- reading

Provenance read_provenance(YamlReader& yaml) {
  Provenance provenance;
  // Other versions have other keys, so the versions are checked before everything else.
  yaml.check(yaml.required<std::int64_t>("tilewake-model") == kModelVersion, "tilewake-model",
             fmt::format("must be {}, the format of this version", kModelVersion));
  provenance.version = yaml.required<std::string>("version");
  yaml.check(provenance.version == kVersion, "version",
             fmt::format("written by tilewake {}, this is {}: calibrate again",
                         printable(provenance.version), kVersion));
  provenance.machine = yaml.required<std::string>("machine");
  provenance.set = yaml.required<std::string>("set");
  provenance.seed = yaml.required<std::uint64_t>("seed");
  provenance.num_networks = yaml.integer("num_networks", 1, kMostCases);
  provenance.num_layers = yaml.integer("num_layers", 1, kMostCases);
  return provenance;
}

/// Exactly one number per feature.
std::vector<double> read_features(YamlReader yaml, const FeatureSet& set, double min, double max) {
  std::vector<double> values;
  for (const FeatureInfo& feature : set.features) {
    values.push_back(yaml.number(std::string(feature.name), min, max));
  }
  yaml.finish();
  return values;
}

std::vector<std::vector<double>> read_coefficients(YamlReader yaml, const FeatureSet& set) {
  std::vector<std::vector<double>> coefficients;
  for (const std::string_view op_class : set.op_classes) {
    coefficients.push_back(
        read_features(yaml.section(std::string(op_class)), set, 0.0, kMaxCoefficient));
  }
  yaml.finish();
  return coefficients;
}

ErrorSummary read_summary(YamlReader yaml) {
  ErrorSummary summary;
  summary.n = yaml.integer("n", 0, kMostCases);
  for (const Figure& figure : kFigures) {
    summary.*figure.member = yaml.number(std::string(figure.key), figure.min, figure.max);
  }
  yaml.finish();
  return summary;
}

Case read_case(YamlReader yaml, const FeatureSet& set) {
  std::vector<std::pair<std::string_view, int>> op_classes;
  for (const std::string_view name : set.op_classes) {
    op_classes.emplace_back(name, static_cast<int>(op_classes.size()));
  }
  Case c;
  c.network = yaml.required<std::string>("network");
  c.layer = yaml.required<std::string>("layer");
  c.op_class = yaml.choice("op_class", op_classes);
  c.predicted = yaml.number("predicted", kLowest, kHighest);
  c.measured = yaml.number("measured", 1.0, kHighest);
  c.features = read_features(yaml.section("features"), set, kLowest, kHighest);
  yaml.finish();
  return c;
}

Evaluation read_holdout(YamlReader yaml, const FeatureSet& set) {
  Evaluation holdout;
  holdout.layers = read_summary(yaml.section("layers"));
  holdout.networks = read_summary(yaml.section("networks"));
  holdout.kendall_tau = yaml.number("kendall_tau", -1.0, 1.0);
  holdout.spearman = yaml.number("spearman", -1.0, 1.0);
  holdout.roofline_mape = yaml.number("roofline_mape", 0.0, kHighest);
  YamlReader by_class = yaml.section("by_class");
  for (const std::string_view name : set.op_classes) {
    holdout.op_classes.emplace_back(name);
    holdout.by_class.push_back(read_summary(by_class.section(std::string(name))));
  }
  by_class.finish();
  const std::vector<YamlReader> worst = yaml.items("worst");
  yaml.check(worst.size() <= kNumWorst, "worst",
             fmt::format("must be at most {} layers", kNumWorst));
  for (const YamlReader& item : worst) holdout.worst.push_back(read_case(item, set));
  yaml.finish();
  return holdout;
}

EnergyModel read_energy(YamlReader yaml, const FeatureSet& set) {
  EnergyModel energy;
  energy.layers = read_summary(yaml.section("layers"));
  energy.networks = read_summary(yaml.section("networks"));
  YamlReader classes = yaml.section("coefficients");
  for (const std::string_view op_class : set.op_classes) {
    YamlReader terms = classes.section(std::string(op_class));
    EnergyTerms& row = energy.coefficients.emplace_back();
    for (std::size_t j = 0; j < kEnergyTerms.size(); ++j) {
      row[j] = terms.number(std::string(kEnergyTerms[j]), 0.0, kMaxCoefficient);
    }
    terms.finish();
  }
  classes.finish();
  yaml.finish();
  return energy;
}

LatencyModel read(YamlReader yaml, const ExtractorMaker& make_extractor) {
  LatencyModel model;
  model.provenance = read_provenance(yaml);
  model.hardware = read_hardware(yaml.section("hardware"));
  const std::string id = machine_id(model.hardware);
  yaml.check(
      model.provenance.machine == id, "machine",
      fmt::format("is {}, but 'hardware' has the id {}", printable(model.provenance.machine), id));
  std::unique_ptr<FeatureExtractor> extractor;
  try {
    extractor = make_extractor(model.hardware);
  } catch (const InputError& e) {
    yaml.fail("hardware", e.what());
  }
  model.coefficients = read_coefficients(yaml.section("coefficients"), extractor->set());
  model.holdout = read_holdout(yaml.section("holdout"), extractor->set());
  if (yaml.has("energy")) model.energy = read_energy(yaml.section("energy"), extractor->set());
  yaml.finish();
  return model;
}

}  // namespace

std::string model_yaml(const LatencyModel& model, const ExtractorMaker& make_extractor) {
  const std::unique_ptr<FeatureExtractor> extractor = make_extractor(model.hardware);
  const FeatureSet& set = extractor->set();
  assert(model.coefficients.size() == set.op_classes.size());
  assert(model.holdout.by_class.size() == set.op_classes.size());
  const Provenance& from = model.provenance;
  return fmt::format(
      "# A latency model made by `tilewake calibrate`; `tilewake predict --model` reads it.\n"
      "tilewake-model: {}\n"
      "version: {}\n"
      "machine: {}\n"
      "set: {}\n"
      "seed: {}\n"
      "num_networks: {}\n"
      "num_layers: {}\n"
      "\n"
      "hardware:\n"
      "{}"
      "\n"
      "# The cycles of a layer are the sum of coefficient x value over\n"
      "{}"
      "{}"
      "\n"
      "# Errors on held-out networks, as shares: 0.01 is 1 %.\n"
      "{}{}",
      kModelVersion, from.version, json_string(from.machine), json_string(from.set), from.seed,
      from.num_networks, from.num_layers, hardware_yaml(model.hardware, "  "),
      features_comment(set), coefficients_yaml(model, set), holdout_yaml(model.holdout, set),
      energy_yaml(model, set));
}

LatencyModel read_latency_model(const std::string& path, const ExtractorMaker& make_extractor) {
  return read(YamlReader::from_file(path), make_extractor);
}

LatencyModel read_latency_model_text(const std::string& text, const std::string& name,
                                     const ExtractorMaker& make_extractor) {
  return read(YamlReader::from_text(text, name), make_extractor);
}

}  // namespace tilewake
