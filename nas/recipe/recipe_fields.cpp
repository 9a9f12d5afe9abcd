// SPDX-License-Identifier: Apache-2.0
#include "nas/recipe/recipe_fields.hpp"

#include <array>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>

namespace tilewake {
namespace {

/// Names of enumerators in recipe files.
constexpr std::array<std::pair<std::string_view, OptimizerKind>, 3> kOptimizerNames = {{
    {"sgd", OptimizerKind::kSgd},
    {"rmsprop_tf", OptimizerKind::kRmspropTf},
    {"adamw", OptimizerKind::kAdamW},
}};
constexpr std::array<std::pair<std::string_view, ScheduleKind>, 3> kScheduleNames = {{
    {"cosine", ScheduleKind::kCosine},
    {"staircase", ScheduleKind::kStaircase},
    {"constant", ScheduleKind::kConstant},
}};
constexpr std::array<std::pair<std::string_view, NormKind>, 2> kNormNames = {{
    {"rms", NormKind::kRms},
    {"l2", NormKind::kL2},
}};
constexpr std::array<std::pair<std::string_view, GateKind>, 2> kGateKindNames = {{
    {"differences", GateKind::kDifferences},
    {"thresholds", GateKind::kThresholds},
}};
constexpr std::array<std::pair<std::string_view, GateScaling>, 2> kGateScalingNames = {{
    {"inverted", GateScaling::kInverted},
    {"none", GateScaling::kNone},
}};

constexpr NumberRange kAtLeast0 = {};
constexpr NumberRange kAtLeast1 = {1.0};
constexpr NumberRange kAbove0{0.0, std::numeric_limits<double>::max(), true};
constexpr NumberRange kBelow1{0.0, 1.0, false, true};
constexpr std::int64_t kMaxPixels = 4096;

void visit_optimizer(YamlFields& fields, OptimizerOptions& o) {
  fields.word("kind", o.kind, kOptimizerNames, {"", "`rmsprop_tf`: as in TensorFlow"});
  fields.number("momentum", o.momentum, kBelow1, {"", "`adamw`: beta1"});
  fields.flag("nesterov", o.nesterov, {"", "`sgd`: Nesterov momentum"});
  fields.number("decay", o.decay, kBelow1, {"", "`rmsprop_tf`: of the mean square"});
  fields.number("epsilon", o.epsilon, kAbove0, {"", "`rmsprop_tf` (inside the root), `adamw`"});
  fields.number("beta2", o.beta2, kBelow1, {"", "`adamw`"});
  fields.number("weight_decay", o.weight_decay, kAtLeast0,
                {"", "except for batch normalisation and biases"});
}

void visit_schedule(YamlFields& fields, ScheduleOptions& s) {
  fields.word("kind", s.kind, kScheduleNames, {"", "shape of the learning rate over time"});
  fields.number("learning_rate", s.learning_rate, kAbove0,
                {"", "for 256 images per batch; scales with the batch size"});
  fields.number("warmup_epochs", s.warmup_epochs, kAtLeast0, {"epochs", "linear from 0"});
  fields.number("decay_rate", s.decay_rate, {0.0, 1.0, true},
                {"", "`staircase`: factor after each `decay_epochs`"});
  fields.number("decay_epochs", s.decay_epochs, kAbove0,
                {"epochs", "`staircase`: interval of the factor"});
  fields.number("final_share", s.final_share, {0.0, 1.0},
                {"", "`cosine`: final share of the learning rate"});
}

void visit_augmentation(YamlFields& fields, Augmentation& a) {
  fields.flag("random_resized_crop", a.random_resized_crop,
              {"", "area 8 to 100 %, aspect 3/4 to 4/3"});
  fields.integer("pad_crop", a.pad_crop, 0, kMaxPixels,
                 {"pixels", "zeros on every side before a random crop of the original size"});
  fields.flag("flip", a.flip, {"", "left to right, one image in two"});
  fields.integer("cutout", a.cutout, 0, kMaxPixels,
                 {"pixels", "side of a square that is set to the mean; 0: none"});
}

void visit_phase(YamlFields& fields, PhaseRecipe& p) {
  fields.number("epochs", p.epochs, {0.0, 1e6, true},
                {"epochs", "passes over the images; may be fractional"});
  fields.integer("max_images", p.max_images, 0, std::int64_t{1} << 40,
                 {"images", "maximum per epoch, at least `batch_size`; 0: all"});
  fields.integer("batch_size", p.batch_size, 2, 1 << 20,  // one image has no batch statistics
                 {"images", "per step"});
  fields.section("optimizer", [&] { visit_optimizer(fields, p.optimizer); });
  fields.section("schedule", [&] { visit_schedule(fields, p.schedule); });
  fields.number("clip_norm", p.clip_norm, kAtLeast0,
                {"", "maximum global 2-norm of the gradients; 0: no limit"});
  fields.number("label_smoothing", p.label_smoothing, kBelow1,
                {"", "probability spread over all classes"});
  fields.number("mixup", p.mixup, {0.0, 100.0},
                {"",
                 "each image and its label are mixed with another of the batch, by a share from "
                 "the Beta distribution of this alpha; 0: not mixed"});
  fields.number("dropout", p.dropout, kBelow1, {"", "before the classifier"});
  fields.number("drop_connect", p.drop_connect, kBelow1,
                {"", "of the last block; linear in the index of the block, per image"});
  fields.number("ema_decay", p.ema_decay, kBelow1,
                {"", "moving average of weights: min(d, (1 + n) / (10 + n)) at update n; 0: none"});
  fields.section("augmentation", [&] { visit_augmentation(fields, p.augmentation); });
}

void visit_distillation(YamlFields& fields, DistillationRecipe& d) {
  fields.text("teacher", d.teacher,
              {"",
               "network whose logits are learned beside the labels, also in int8: `none`; "
               "`supernet`, its largest network, trained like the winner before it; or the path "
               "of an ONNX model with weights for the same classes"});
  fields.number("teacher_width", d.teacher_width, {1.0, 16.0},
                {"", "`supernet`: channels of the teacher over those of the supernet"});
  fields.number("weight", d.weight, {0.0, 1.0}, {"", "share of the teacher in the loss"});
  fields.number("temperature", d.temperature, {0.01, 1000.0},
                {"", "that the logits of both networks are divided by"});
}

void visit_qat(YamlFields& fields, QatRecipe& q) {
  fields.number("epochs", q.epochs, {0.0, 1e6},
                {"epochs",
                 "training of the winner in int8 after its training in floats, with the other "
                 "settings of `train`, without dropout, mixup and averages; 0: none"});
  fields.number("learning_rate_share", q.learning_rate_share, kAbove0,
                {"", "share of the learning rate of `train` at the begin; `cosine`, to 0"});
  fields.number("observed_share", q.observed_share, {0.0, 1.0},
                {"", "share of the steps in which the ranges of feature maps still move"});
}

void visit_options(YamlFields& fields, SearchOptions& o) {
  fields.word("gates", o.gates, kGateKindNames,
              {"",
               "`differences`: gates close in the order of the loss that this costs per "
               "millisecond; `thresholds`: trained thresholds of weight norms, as published"});
  fields.integer("probes", o.probes, 1, 10'000,
                 {"gates", "differences: tried in each step, on its batch"});
  fields.number("target_share", o.target_share, {0.0, 1.0, true},
                {"",
                 "share of the limit as the target of the search; scaling uses the rest. A "
                 "supernet that cannot be as small as `supernet_ratio` asks raises it"});
  fields.number("supernet_ratio", o.supernet_ratio, kAtLeast0,
                {"",
                 "latency of the full supernet over the target of the search, at least 1: widths "
                 "and number of blocks are chosen for it; 0: those of the space. A space that "
                 "gives its depths is not resized"});
  fields.number("latency_weight", o.latency_weight, kAtLeast0,
                {"", "thresholds: lambda of the latency loss lambda ln(1 + mu relu(L / T - 1))"});
  fields.number("latency_slope", o.latency_slope, kAtLeast0,
                {"", "thresholds: mu of the latency loss"});
  fields.number("latency_growth", o.latency_growth, kAtLeast1,
                {"",
                 "thresholds: factor on lambda over a phase that is always above the target; "
                 "lambda falls with "
                 "every step below it, down to `latency_weight`; 1: constant, as released"});
  fields.word("norm", o.norm, kNormNames, {"", "thresholds: the norm compared with them"});
  fields.number("temperature", o.temperature, kAbove0,
                {"", "thresholds: of the gates' sigmoid, in units of the norm"});
  fields.number("threshold_rate", o.threshold_rate, kAtLeast0,
                {"", "thresholds: their learning rate, relative to that of weights"});
  fields.number("supergraph_threshold_rate", o.supergraph_threshold_rate, kAtLeast0,
                {"",
                 "the same in the supergraph phase; 0: all outcomes stay equally likely until the "
                 "search"});
  fields.word("gate_scaling", o.gate_scaling, kGateScalingNames,
              {"", "`inverted`: a kept gate is 1 / (1 - p), as released"});
  fields.flag("mask_after_activation", o.mask_after_activation,
              {"", "channel gates after batch normalisation and activation; `false` as released"});
}

void visit_evolution(YamlFields& fields, EvolutionRecipe& e) {
  constexpr std::int64_t kMaxCandidates = 100'000;
  fields.integer("population", e.population, 1, kMaxCandidates, {"networks", "of a generation"});
  fields.integer("parents", e.parents, 1, kMaxCandidates,
                 {"networks", "the best so far, used as parents"});
  fields.integer("mutations", e.mutations, 0, kMaxCandidates, {"networks", "of a generation"});
  fields.integer("crossovers", e.crossovers, 0, kMaxCandidates,
                 {"networks", "of a generation; the rest is random"});
  fields.integer("generations", e.generations, 1, kMaxCandidates);
  fields.number("mutation_probability", e.mutation_probability, {0.0, 1.0}, {"", "per position"});
  fields.integer("calibration_images", e.calibration_images, 2, std::int64_t{1} << 40,
                 {"images", "training images for the batch statistics of a candidate"});
  fields.integer("validation_images", e.validation_images, 0, std::int64_t{1} << 40,
                 {"images", "validation images for the score of a candidate; 0: all"});
  fields.integer(
      "max_trained", e.max_trained, 1, 1000,
      {"networks",
       "the best by inherited weights, of which successive halving by `ranking` chooses; "
       "1: the best one is not trained"});
}

}  // namespace

void visit_fields(YamlFields& fields, Recipe& r) {
  fields.text("name", r.name, {"", "of the recipe, in outputs; not empty"}, "(.|\\n)");
  fields.optional([&] {
    fields.number("validation_share", r.validation_share, {0.0, 1.0, true, true},
                  {"", "share of the training images held out for all decisions"});
    fields.section("supergraph", [&] { visit_phase(fields, r.supergraph); },
                   {"", "the phase that trains all networks at once, without latency loss"});
    fields.section("search",
                   [&] {
                     visit_phase(fields, r.search);
                     fields.section("options", [&] { visit_options(fields, r.options); });
                   },
                   {"", "the phase of the search"});
    fields.section("ranking",
                   [&] {
                     fields.integer(
                         "max_ranked", r.max_ranked, 1, 1000,
                         {"networks", "candidates of scaling that are trained for the ranking"});
                     fields.integer("rounds", r.ranking_rounds, 1, 20,
                                    {"rounds",
                                     "of successive halving: each trains the better half of the "
                                     "networks twice as long, the last for all `epochs`"});
                     visit_phase(fields, r.ranking);
                   },
                   {"", "the short training for comparing candidates"});
    fields.section("postprocess", [&] {
      fields.flag("squeeze_excite", r.squeeze_excite, {"", "whether it is tried"});
      fields.flag("hswish", r.hswish, {"", "whether it is tried"});
      fields.integer("trainings", r.postprocess_trainings, 1, 100,
                     {"trainings", "of each network that is compared, by `ranking`"});
      fields.unless_default(!r.postprocess_int8, [&] {
        fields.flag("int8", r.postprocess_int8,
                    {"",
                     "accuracies are compared in int8, after quantization without training: a loss "
                     "there counts against a gain"});
      });
    });
    fields.section("train",
                   [&] {
                     fields.integer("trainings", r.train_trainings, 1, 100,
                                    {"trainings",
                                     "of the winner, with different seeds: the best by validation "
                                     "is kept; mean and deviation of all are reported"});
                     fields.section("distillation",
                                    [&] { visit_distillation(fields, r.train_distillation); });
                     fields.section("qat", [&] { visit_qat(fields, r.train_qat); });
                     visit_phase(fields, r.train);
                   },
                   {"", "the final training, from scratch"});
    fields.section("space", [&] {
      fields.integer("keep", r.space.keep, 1, 49,
                     {"operators", "kept per position, besides identity"});
      fields.number("rho", r.space.rho, kAbove0,
                    {"", "maximum share of a position for its most capable operator"});
    });
    fields.section("supernet", [&] { visit_phase(fields, r.supernet); },
                   {"",
                    "the phase that trains the one-shot supernet of operators, one path per step; "
                    "its `ema_decay` and `drop_connect` must be 0"});
    fields.section("evolution", [&] { visit_evolution(fields, r.evolution); });
    fields.section("two_stage", [&] {
      fields.number(
          "later_share", r.two_stage.later_share, {0.0, 1.0, true, true},
          {"", "HURRICANE: share of the positions searched in the first stage, rounded up"});
      fields.number("first_share", r.two_stage.first_share, kAbove0,
                    {"", "training of the first stage, as a share of `supernet.epochs`"});
      fields.number("second_share", r.two_stage.second_share, kAbove0,
                    {"", "training of the second stage, as a share of `supernet.epochs`"});
    });
    fields.section("guided", [&] {
      fields.integer(
          "networks", r.guided.networks, 0, 10'000,
          {"networks", "that `--method guided` trains by `ranking`; 0: the same cost as `spos`"});
      fields.number("initial_share", r.guided.initial_share, {0.0, 1.0},
                    {"", "of these networks, diverse ones that are trained before the first fit"});
      fields.integer("batch", r.guided.batch, 1, 10'000,
                     {"networks", "that are trained between two fits of the predictor"});
    });
    fields.section("random_search", [&] {
      fields.integer("networks", r.random_networks, 0, 10'000,
                     {"networks",
                      "that `--method random` ranks by training; 0: the same cost as `spos`, where "
                      "a trained image counts as three scored ones"});
    });
  });
}

}  // namespace tilewake
