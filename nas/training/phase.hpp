// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <torch/torch.h>

#include "nas/data/image_loader.hpp"
#include "nas/report/metrics_log.hpp"
#include "nas/training/ema.hpp"
#include "nas/training/optimizer.hpp"
#include "nas/training/state_archive.hpp"

namespace tilewake {

/// What one step of a phase knows of itself.
struct StepContext {
  std::int64_t step = 0;  // of the phase, from 0
  std::int64_t num_steps = 0;
  double epoch = 0.0;
  std::uint64_t seed = 0;  // of this step; all that is random in it follows from this
};

/// What a phase trains: a network, or a supernet with its latency loss.
class Learner {
 public:
  virtual ~Learner() = default;

  virtual torch::nn::Module& module() = 0;
  virtual std::vector<ParameterGroup> groups() = 0;

  /// Loss of a batch (a scalar to call backward() on) and its logits.
  struct Result {
    torch::Tensor loss;
    torch::Tensor logits;
    std::optional<double> latency_ms;  // what it counts with now
  };
  virtual Result forward(const torch::Tensor& images, const torch::Tensor& labels,
                         const StepContext& context) = 0;

  /// After the optimizer's step.
  virtual void after_step(const StepContext&) {}

  /// State of its own, beside the module's.
  virtual void save(StateArchive&) const {}
  virtual void load(const StateArchive&) {}
};

struct Accuracy {
  std::int64_t num_images = 0;
  std::int64_t num_correct = 0;
  double loss = 0.0;                  // mean cross entropy, without smoothing
  std::vector<std::uint8_t> correct;  // per image, in the loader's order

  double share() const;           // 0..1
  double standard_error() const;  // binomial
};

/// Accuracy over one pass of `loader` (which does not shuffle). `forward` gives the logits and sees
/// to evaluation mode itself; no gradients are recorded.
Accuracy evaluate(const std::function<torch::Tensor(const torch::Tensor& images)>& forward,
                  ImageLoader& loader, torch::Device device);

/// One line of progress, for whoever shows it.
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
  std::optional<double> target_ms;
  std::string checkpoint_path;  // empty: neither resumed nor saved
  // Of everything that decides the result: a checkpoint of another one is refused.
  std::string fingerprint;
  double checkpoint_seconds = 60.0;  // 0: after every step
  // Checkpoint of an earlier phase, over the same parameters, whose optimizer's state this one
  // starts with, if it is of the same kind; the phase's own checkpoint goes before. Empty: none.
  std::string optimizer_from;
  MetricsLog* metrics = nullptr;
  std::function<void(const PhaseProgress&)> on_progress;  // after every step
  std::function<bool()> is_interrupted;                   // asked after every step
  // Evaluated at the end of every epoch, with EMA where there is one: for best_path.
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

/// Trains `learner` for one phase: from the checkpoint where there is one, else from the start. A
/// checkpoint is written at the start, every checkpoint_seconds, at the end and on an interrupt,
/// atomically, with everything (weights, optimizer, EMA, position, metrics' length), so that a run
/// that was killed anywhere gives, resumed, bit for bit what it would have given (on a CPU, with as
/// many threads as before). A phase that is complete returns at once what it returned before. At
/// the end the module, which is moved to `device`, holds the last weights with the EMA's values, if
/// it has one.
///
/// Before the forward pass of every step LibTorch's generators are seeded with StepContext::seed.
/// `train` must have the recipe's batch size, and `module()` own all that `groups()` names.
///
/// Throws InputError where the loss or (with clipping) a gradient is no longer finite, where the
/// checkpoint is of another run, and for mixed precision without a CUDA device.
PhaseResult run_phase(Learner& learner, ImageLoader& train, const PhaseOptions& options);

/// Reads the weights that a phase's checkpoint holds, without EMA, into `module`, which is on the
/// CPU. Throws InputError where they are of another module.
void load_phase_module(const std::string& checkpoint_path, torch::nn::Module& module);

/// Steps of an epoch: whole batches of the images, or of max_images if they are fewer; at least 1.
std::int64_t steps_per_epoch_of(const PhaseRecipe& recipe, std::int64_t num_images);

/// Steps of a phase: epochs x steps of an epoch, to the nearest whole number, at least 1.
std::int64_t num_steps_of(const PhaseRecipe& recipe, std::int64_t num_images);

/// A batch as tensors on a device: images channels_last, labels.
std::pair<torch::Tensor, torch::Tensor> to_tensors(const Batch& batch, torch::Device device);

}  // namespace tilewake
