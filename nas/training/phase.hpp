// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <torch/torch.h>

#include "nas/common/accuracy.hpp"
#include "nas/data/image_loader.hpp"
#include "nas/report/metrics_log.hpp"
#include "nas/training/ema.hpp"
#include "nas/training/optimizer.hpp"
#include "nas/training/ranks.hpp"
#include "nas/training/state_archive.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {

/// The position of a step in its phase.
struct StepContext {
  std::int64_t step = 0;  // of the phase, from 0
  std::int64_t num_steps = 0;
  double epoch = 0.0;
  std::uint64_t seed = 0;  // of this step; source of all its randomness
  Ranks* ranks = nullptr;  // processes that share the batch; null: this one has all of it
  double share = 1.0;      // of the images of the batch, of this rank
};

/// The object of a phase's training: a network, or a supernet with its latency loss.
class Learner {
 public:
  virtual ~Learner() = default;

  virtual torch::nn::Module& module() = 0;
  virtual std::vector<ParameterGroup> groups() = 0;

  /// Loss of a batch (a scalar for backward()) and its logits.
  struct Result {
    torch::Tensor loss;
    torch::Tensor logits;
    std::optional<double> latency_ms;  // current latency in the loss
  };
  ///   @param labels  the class of each image or, with mixup, its probabilities of all classes:
  ///                  cross_entropy() takes both
  /// With several ranks, the images are those of this rank, and what is random in the selection of
  /// layers must derive from context.seed: LibTorch's generators have another seed on each rank.
  virtual Result forward(const torch::Tensor& images, const torch::Tensor& labels,
                         const StepContext& context) = 0;

  /// What the gates of the last step select, for metrics.csv; empty if there are none.
  virtual std::string gates() const { return {}; }

  /// Called after the optimizer's step.
  virtual void after_step(const StepContext&) {}

  /// Saves state other than the module's.
  virtual void save(StateArchive&) const {}
  virtual void load(const StateArchive&) {}
};

/// Training diverged: the recipe must change (exit code of an InputError).
class TrainingError : public InputError {
 public:
  using InputError::InputError;
};

/// Accuracy over one pass of `loader` (which must not shuffle). `forward` returns the logits and
/// sets evaluation mode itself; no gradients are recorded. With several ranks, each takes its share
/// of every batch, and all have the whole result.
Accuracy evaluate(const std::function<torch::Tensor(const torch::Tensor& images)>& forward,
                  ImageLoader& loader, torch::Device device, Ranks* ranks = nullptr);

/// Progress of a phase, for display.
struct PhaseProgress {
  std::string phase;
  std::int64_t step = 0;
  std::int64_t num_steps = 0;
  double loss = 0.0;      // smoothed
  double accuracy = 0.0;  // on training batches, smoothed
  std::optional<double> latency_ms;
  std::optional<double> target_ms;
  double images_per_second = 0.0;
  double eta_seconds = 0.0;
};

struct PhaseOptions {
  std::string name;  // "supergraph", "search", "train": column of metrics.csv
  PhaseRecipe recipe;
  std::uint64_t seed = 0;
  torch::Device device = torch::kCPU;
  bool mixed_precision = false;  // bfloat16 in the forward pass; CUDA only
  Ranks* ranks = nullptr;        // that train together; null: this process alone
  std::optional<double> target_ms;
  int num_classes = 0;          // of the labels; needed for recipe.mixup
  std::string checkpoint_path;  // empty: neither resumed nor saved
  // The settings that decide the result, one "name=value" a line; a checkpoint of others is
  // refused.
  std::string fingerprint;
  double checkpoint_seconds = 60.0;  // 0: after every step
  // Checkpoint of an earlier phase over the same parameters. Its optimizer state is the initial
  // state if it is of the same kind. The phase's own checkpoint has priority. Empty: none.
  std::string optimizer_from;
  MetricsLog* metrics = nullptr;
  std::function<void(const PhaseProgress&)> on_progress;  // after every step
  std::function<bool()> is_interrupted;                   // checked after every step
  // Evaluated at the end of every epoch, with EMA if enabled: for best_path.
  ImageLoader* validation = nullptr;
  std::function<torch::Tensor(const torch::Tensor&)> predict;  // logits, in evaluation mode
  std::string best_path;  // weights of the best epoch; empty for none
};

enum class PhaseEnd { kComplete, kInterrupted };

struct PhaseResult {
  PhaseEnd end = PhaseEnd::kComplete;
  std::optional<Accuracy> validation;  // of the last epoch
  double best_accuracy = 0.0;
  std::int64_t best_step = 0;
  std::int64_t num_images = 0;  // trained on in this process
  double seconds = 0.0;         // of training in this process
};

/// Trains `learner` for one phase, from its checkpoint if there is one. A checkpoint is written
/// atomically at the start, every checkpoint_seconds, at the end and on an interrupt. It has the
/// complete state (weights, optimizer, EMA, position, length of the metrics): a run resumed after
/// any kill has bit-identical results (on a CPU with the same number of threads). A complete phase
/// returns its result immediately. At the end the module, which is moved to `device`, has the last
/// weights, with the EMA's values if enabled.
///
/// Before the forward pass of every step, LibTorch's generators are seeded with StepContext::seed.
/// `train` must have the recipe's batch size, and `module()` must own all parameters of `groups()`.
///
/// With several ranks, all call it with the same arguments. Each trains on its share of every
/// batch, and gradients and statistics are averaged (rank_average.hpp), so that all have the same
/// weights; their hashes are compared at the beginning and after every epoch. A run with the same
/// number of ranks has bit-identical results; a checkpoint may be resumed with another number. Only
/// rank 0 writes checkpoints by the clock.
///
/// Throws TrainingError where the loss or (with clipping) a gradient is no longer finite;
/// InputError where the checkpoint is of another run, for mixed precision without a CUDA device,
/// and where a rank would have fewer than two images of a batch; RankLost.
PhaseResult run_phase(Learner& learner, ImageLoader& train, const PhaseOptions& options);

/// Reads the weights of a phase's checkpoint, without EMA, into `module`, which is on the CPU.
/// Throws InputError if they are of another module.
void load_phase_module(const std::string& checkpoint_path, torch::nn::Module& module);

/// Steps of an epoch: whole batches of the images, or of max_images if fewer; at least 1.
std::int64_t steps_per_epoch_of(const PhaseRecipe& recipe, std::int64_t num_images);

/// Steps of a phase: epochs x steps of an epoch, rounded, at least 1.
std::int64_t num_steps_of(const PhaseRecipe& recipe, std::int64_t num_images);

/// Each image mixed with the one at the mirrored place of the batch, and the probabilities of their
/// classes (images x num_classes): the same share of the first for all, from the distribution
/// Beta(alpha, alpha) by `seed`. Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization",
/// arXiv:1710.09412.
std::pair<torch::Tensor, torch::Tensor> mixed(const torch::Tensor& images,
                                              const torch::Tensor& labels, int num_classes,
                                              double alpha, std::uint64_t seed);

/// A batch as tensors on a device: images channels_last, labels.
std::pair<torch::Tensor, torch::Tensor> to_tensors(const Batch& batch, torch::Device device);

}  // namespace tilewake
