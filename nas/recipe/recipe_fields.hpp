// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>

#include "nas/recipe/recipe.hpp"

namespace tilewake {

/// Names of enumerators in recipe files.
inline constexpr std::array<std::pair<std::string_view, OptimizerKind>, 3> kOptimizerNames = {{
    {"sgd", OptimizerKind::kSgd},
    {"rmsprop_tf", OptimizerKind::kRmspropTf},
    {"adamw", OptimizerKind::kAdamW},
}};
inline constexpr std::array<std::pair<std::string_view, ScheduleKind>, 3> kScheduleNames = {{
    {"cosine", ScheduleKind::kCosine},
    {"staircase", ScheduleKind::kStaircase},
    {"constant", ScheduleKind::kConstant},
}};
inline constexpr std::array<std::pair<std::string_view, NormKind>, 2> kNormNames = {{
    {"rms", NormKind::kRms},
    {"l2", NormKind::kL2},
}};
inline constexpr std::array<std::pair<std::string_view, GateScaling>, 2> kGateScalingNames = {{
    {"inverted", GateScaling::kInverted},
    {"none", GateScaling::kNone},
}};

/// Valid range of a number.
struct NumberRange {
  double min = 0.0;
  double max = std::numeric_limits<double>::max();
  bool without_min = false;
  bool without_max = false;
};

/// Every key of a recipe file with its range, in the order of writing. Reader and writer both use
/// this list, so their keys are equal.
///
/// A Visitor has number(key, double&, range), integer(key, T&, min, max), flag(key, bool&),
/// word(key, E&, names), text(key, std::string&) and section(key, f), which calls f(Visitor&).
template <typename Visitor>
class RecipeFields {
 public:
  static void visit(Visitor& v, Recipe& r) {
    v.text("name", r.name);
    v.number("validation_share", r.validation_share, {0.0, 1.0, true, true});
    v.section("supergraph", [&](Visitor& section) { visit_phase(section, r.supergraph); });
    v.section("search", [&](Visitor& section) {
      visit_phase(section, r.search);
      section.section("options", [&](Visitor& options) { visit_options(options, r.options); });
    });
    v.section("ranking", [&](Visitor& section) {
      section.integer("max_ranked", r.max_ranked, 1, 1000);
      visit_phase(section, r.ranking);
    });
    v.section("postprocess", [&](Visitor& section) {
      section.flag("squeeze_excite", r.squeeze_excite);
      section.flag("hswish", r.hswish);
    });
    v.section("train", [&](Visitor& section) { visit_phase(section, r.train); });
    v.section("space", [&](Visitor& section) {
      section.integer("keep", r.space.keep, 1, 32);
      section.number("rho", r.space.rho, kAbove0);
    });
    v.section("supernet", [&](Visitor& section) { visit_phase(section, r.supernet); });
    v.section("evolution", [&](Visitor& section) { visit_evolution(section, r.evolution); });
    v.section("two_stage", [&](Visitor& section) {
      section.number("later_share", r.two_stage.later_share, {0.0, 1.0, true, true});
      section.number("first_share", r.two_stage.first_share, kAbove0);
      section.number("second_share", r.two_stage.second_share, kAbove0);
    });
    v.section("random_search",
              [&](Visitor& section) { section.integer("networks", r.random_networks, 0, 10'000); });
  }

 private:
  static constexpr NumberRange kAtLeast0 = {};
  static constexpr NumberRange kAtLeast1 = {1.0};
  static constexpr NumberRange kAbove0{0.0, std::numeric_limits<double>::max(), true};
  static constexpr NumberRange kBelow1{0.0, 1.0, false, true};
  static constexpr std::int64_t kMaxSide = 4096;  // pixels

  static void visit_phase(Visitor& v, PhaseRecipe& p) {
    v.number("epochs", p.epochs, {0.0, 1e6, true});
    v.integer("max_images", p.max_images, 0, std::int64_t{1} << 40);
    v.integer("batch_size", p.batch_size, 2, 1 << 20);  // a single image has no batch statistics
    v.section("optimizer", [&](Visitor& section) { visit_optimizer(section, p.optimizer); });
    v.section("schedule", [&](Visitor& section) { visit_schedule(section, p.schedule); });
    v.number("clip_norm", p.clip_norm, kAtLeast0);
    v.number("label_smoothing", p.label_smoothing, kBelow1);
    v.number("dropout", p.dropout, kBelow1);
    v.number("drop_connect", p.drop_connect, kBelow1);
    v.number("ema_decay", p.ema_decay, kBelow1);
    v.section("augmentation", [&](Visitor& section) {
      section.flag("random_resized_crop", p.augmentation.random_resized_crop);
      section.integer("pad_crop", p.augmentation.pad_crop, 0, kMaxSide);
      section.flag("flip", p.augmentation.flip);
      section.integer("cutout", p.augmentation.cutout, 0, kMaxSide);
    });
  }

  static void visit_optimizer(Visitor& v, OptimizerOptions& o) {
    v.word("kind", o.kind, kOptimizerNames);
    v.number("momentum", o.momentum, kBelow1);
    v.flag("nesterov", o.nesterov);
    v.number("decay", o.decay, kBelow1);
    v.number("epsilon", o.epsilon, kAbove0);
    v.number("beta2", o.beta2, kBelow1);
    v.number("weight_decay", o.weight_decay, kAtLeast0);
  }

  static void visit_schedule(Visitor& v, ScheduleOptions& s) {
    v.word("kind", s.kind, kScheduleNames);
    v.number("learning_rate", s.learning_rate, kAbove0);
    v.number("warmup_epochs", s.warmup_epochs, kAtLeast0);
    v.number("decay_rate", s.decay_rate, {0.0, 1.0, true});
    v.number("decay_epochs", s.decay_epochs, kAbove0);
    v.number("final_share", s.final_share, {0.0, 1.0});
  }

  static void visit_evolution(Visitor& v, EvolutionRecipe& e) {
    constexpr std::int64_t kMaxCandidates = 100'000;
    v.integer("population", e.population, 1, kMaxCandidates);
    v.integer("parents", e.parents, 1, kMaxCandidates);
    v.integer("mutations", e.mutations, 0, kMaxCandidates);
    v.integer("crossovers", e.crossovers, 0, kMaxCandidates);
    v.integer("generations", e.generations, 1, kMaxCandidates);
    v.number("mutation_probability", e.mutation_probability, {0.0, 1.0});
    v.integer("calibration_images", e.calibration_images, 2, std::int64_t{1} << 40);
    v.integer("validation_images", e.validation_images, 0, std::int64_t{1} << 40);
  }

  static void visit_options(Visitor& v, SearchOptions& o) {
    v.number("latency_weight", o.latency_weight, kAtLeast0);
    v.number("latency_slope", o.latency_slope, kAtLeast0);
    v.number("latency_growth", o.latency_growth, kAtLeast1);
    v.number("target_share", o.target_share, {0.0, 1.0, true});
    v.word("norm", o.norm, kNormNames);
    v.number("temperature", o.temperature, kAbove0);
    v.number("threshold_rate", o.threshold_rate, kAtLeast0);
    v.number("supergraph_threshold_rate", o.supergraph_threshold_rate, kAtLeast0);
    v.word("gate_scaling", o.gate_scaling, kGateScalingNames);
    v.flag("mask_after_activation", o.mask_after_activation);
  }
};

}  // namespace tilewake
