// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "nas/data/image_loader.hpp"
#include "simulator/common/yaml_override.hpp"

namespace tilewake {

enum class OptimizerKind { kRmspropTf, kSgd, kAdamW };
enum class ScheduleKind { kStaircase, kCosine, kConstant };
enum class GateScaling { kInverted, kNone };
enum class NormKind { kRms, kL2 };
/// What opens and closes the gates of the search phase.
enum class GateKind {
  kDifferences,  // the change of the loss by closing them, per millisecond
  kThresholds,   // trained thresholds of weight norms, as published
};

struct OptimizerOptions {
  OptimizerKind kind = OptimizerKind::kSgd;
  double momentum = 0.9;
  bool nesterov = true;        // sgd
  double decay = 0.9;          // rmsprop_tf: of the mean square
  double epsilon = 1e-3;       // rmsprop_tf, adamw
  double beta2 = 0.999;        // adamw; beta1 is momentum
  double weight_decay = 1e-5;  // except for batch normalisation and biases
};

/// Learning rate as a function of time in epochs.
struct ScheduleOptions {
  ScheduleKind kind = ScheduleKind::kCosine;
  double learning_rate = 0.1;  // for 256 images per batch
  double warmup_epochs = 0.0;  // linear from 0
  double decay_rate = 0.97;    // staircase: factor every decay_epochs
  double decay_epochs = 2.4;
  double final_share = 0.0;  // cosine: of learning_rate, at the end
};

/// The training of one phase.
struct PhaseRecipe {
  double epochs = 1.0;          // passes over the training images, or max_images; may be fractional
  std::int64_t max_images = 0;  // per epoch; 0: all
  int batch_size = 128;
  OptimizerOptions optimizer;
  ScheduleOptions schedule;
  double clip_norm = 0.0;  // global gradient norm; 0: none
  double label_smoothing = 0.1;
  double mixup = 0.0;         // alpha of the Beta distribution of the shares; 0: none
  double dropout = 0.2;       // before the classifier
  double drop_connect = 0.0;  // of the last block; linear in block index, per sample
  double ema_decay = 0.0;     // min(d, (1+n)/(10+n)); 0: none
  Augmentation augmentation;
};

/// The teacher of DistillationRecipe that is the largest network of the supernet.
inline constexpr std::string_view kSupernetTeacher = "supernet";

/// What the winner learns from the logits of another network, beside the labels.
struct DistillationRecipe {
  std::string teacher = "none";  // none, supernet, or the path of an ONNX model with weights
  double teacher_width = 2.0;    // supernet: its channels over those of the supernet
  double weight = 0.5;           // of the teacher in the loss
  double temperature = 4.0;      // that both networks' logits are divided by
};

/// Training of the winner in int8 after `train`, with its other settings.
struct QatRecipe {
  double epochs = 0.0;                // 0: none
  double learning_rate_share = 0.02;  // of the initial learning rate of `train`
  double observed_share = 0.5;        // of the steps, in which the ranges of maps still move
};

/// Options of a supernet search.
struct SearchOptions {
  GateKind gates = GateKind::kDifferences;
  int probes = 8;                // differences: gates that are tried per step
  double target_share = 1.0;     // share of T as the target of the search; scaling uses the rest
  double supernet_ratio = 1.45;  // differences: the full supernet over the target of the search
  // thresholds:
  double latency_weight = 15.0;  // lambda of the latency loss
  double latency_slope = 100.0;  // mu, on L/T - 1
  double latency_growth = 1.0;   // factor on lambda over a whole phase above the target
  NormKind norm = NormKind::kRms;
  double temperature = 1.0;     // of the gates' sigmoid, in units of the norm
  double threshold_rate = 1.0;  // learning rate of thresholds, relative to that of weights
  double supergraph_threshold_rate = 0.0;  // the same in the supergraph phase
  GateScaling gate_scaling = GateScaling::kInverted;
  bool mask_after_activation = true;
};

/// How an operator space is designed for a machine (nas/space/space_design.hpp).
struct SpaceRecipe {
  int keep = 4;      // operators per position
  double rho = 1.5;  // maximum share of a position for its most capable operator
};

/// Evolution over the paths of a one-shot supernet; defaults of SPOS's released code.
struct EvolutionRecipe {
  int population = 50;
  int parents = 10;
  int mutations = 25;
  int crossovers = 25;
  int generations = 20;
  double mutation_probability = 0.1;
  std::int64_t calibration_images = 1024;  // images for the batch statistics of a candidate
  std::int64_t validation_images = 0;      // images for the score of a candidate; 0: all
  int max_trained = 1;                     // candidates that are trained for the final choice
};

/// The two stages of HURRICANE, as shares of the supernet's epochs in SPOS.
struct TwoStageRecipe {
  double later_share = 0.6;   // share of the positions searched by the first stage, rounded up
  double first_share = 0.5;   // of `supernet.epochs`, to train the later positions
  double second_share = 0.2;  // then the earlier ones
};

/// Search by a predictor of accuracies (nas/guided).
struct GuidedRecipe {
  int networks = 0;            // that are trained; 0: as many as cost what SPOS costs
  double initial_share = 0.5;  // of them, before the first fit
  int batch = 4;               // trained between two fits
};

/// All settings of a run except the machine, the space, the data and the target.
struct Recipe {
  std::string name;
  double validation_share = 1.0 / 6.0;
  PhaseRecipe supergraph;
  PhaseRecipe search;  // continues with the supergraph's optimizer state if the kinds are equal
  SearchOptions options;
  PhaseRecipe ranking;         // the short training for ranking candidates
  int max_ranked = 3;          // candidates of scaling that are trained for the ranking
  int ranking_rounds = 1;      // of successive halving among them
  bool squeeze_excite = true;  // whether post-processing tries it
  bool hswish = true;
  int postprocess_trainings = 1;  // of each network that is compared
  bool postprocess_int8 = false;  // they are compared in int8
  PhaseRecipe train;              // of the winner
  int train_trainings = 1;        // of the winner; the best by validation is kept
  DistillationRecipe train_distillation;
  QatRecipe train_qat;
  SpaceRecipe space;
  PhaseRecipe supernet;  // of operators, one path per step
  EvolutionRecipe evolution;
  TwoStageRecipe two_stage;
  GuidedRecipe guided;
  int random_networks = 0;  // networks of random search; 0: the image budget of `supernet`
};

/// Reads a recipe file (format: nas/recipe/README.md); a key that is missing has the default above.
/// `overrides` are read as if the file held them. Throws InputError naming file, line and key.
Recipe read_recipe(const std::string& path, const std::vector<YamlOverride>& overrides = {});
/// Same, from text already in memory; `name` stands in for the file in errors.
Recipe read_recipe_text(const std::string& text, const std::string& name,
                        const std::vector<YamlOverride>& overrides = {});

/// All values, including defaults, as a recipe file.
std::string recipe_yaml(const Recipe& recipe);

/// All values by path: "train.epochs" has "40".
std::map<std::string, std::string> recipe_values(const Recipe& recipe);

}  // namespace tilewake
