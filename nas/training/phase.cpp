// SPDX-License-Identifier: Apache-2.0
#include "nas/training/phase.hpp"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <utility>

#include <boost/math/special_functions/beta.hpp>
#include <fmt/format.h>

#include "nas/common/random.hpp"
#include "nas/common/settings_difference.hpp"
#include "nas/training/autocast.hpp"
#include "nas/training/batch_statistics.hpp"
#include "nas/training/checkpoint.hpp"
#include "nas/training/rank_average.hpp"
#include "nas/training/schedule.hpp"
#include "nas/training/state_archive.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/version.hpp"

namespace tilewake {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// Sums of loss and correct answers over the steps since the last metrics row. They stay on the
/// device, because reading them synchronizes.
class StepSums {
 public:
  struct Means {
    double loss = 0.0;
    double accuracy = 0.0;
  };

  explicit StepSums(torch::Device device)
      : sums_(torch::zeros({2}, torch::TensorOptions(device).dtype(torch::kDouble))) {}

  void add(const torch::Tensor& values, std::int64_t num_images) {
    sums_ += values;
    ++num_steps_;
    num_images_ += num_images;
  }
  Means means() const { return means_of(sums_, num_steps_, num_images_); }
  void clear() {
    sums_.zero_();
    num_steps_ = num_images_ = 0;
  }

  /// Loss and correct answers of one step, for add().
  static torch::Tensor values_of(const Learner::Result& result, const torch::Tensor& labels) {
    const torch::NoGradGuard no_grad;
    return torch::stack({result.loss.detach().to(torch::kDouble),
                         result.logits.detach().argmax(1).eq(labels).sum().to(torch::kDouble)});
  }
  static Means means_of(const torch::Tensor& sums, std::int64_t num_steps,
                        std::int64_t num_images) {
    if (num_steps == 0) return {};
    const torch::Tensor on_cpu = sums.cpu();
    const auto* values = on_cpu.data_ptr<double>();
    return {values[0] / static_cast<double>(num_steps),
            values[1] / static_cast<double>(num_images)};
  }

  void save(StateArchive& archive) const {
    archive.write("sums", std::vector<torch::Tensor>{sums_});
    archive.write("num_steps", num_steps_);
    archive.write("num_images", num_images_);
  }
  void load(const StateArchive& archive) {
    archive.read_into("sums", {sums_});
    num_steps_ = archive.read_int("num_steps");
    num_images_ = archive.read_int("num_images");
  }

 private:
  torch::Tensor sums_;
  std::int64_t num_steps_ = 0;
  std::int64_t num_images_ = 0;
};

void save_accuracy(StateArchive& archive, const Accuracy& accuracy) {
  archive.write("num_images", accuracy.num_images);
  archive.write("num_correct", accuracy.num_correct);
  archive.write("loss", accuracy.loss);
  archive.write("correct",
                std::vector<torch::Tensor>{torch::tensor(accuracy.correct, torch::kByte)});
}

Accuracy load_accuracy(const StateArchive& archive) {
  Accuracy accuracy;
  accuracy.num_images = archive.read_int("num_images");
  accuracy.num_correct = archive.read_int("num_correct");
  accuracy.loss = archive.read_double("loss");
  const StateArchive::Tensors& correct = archive.read_tensors("correct");
  if (correct.size() != 1 || correct[0].scalar_type() != torch::kByte ||
      correct[0].numel() != accuracy.num_images) {
    throw InputError("the images of 'validation' and their number differ");
  }
  const auto* first = correct[0].data_ptr<std::uint8_t>();
  accuracy.correct.assign(first, first + accuracy.num_images);
  return accuracy;
}

/// A phase in progress.
class PhaseRun {
 public:
  PhaseRun(Learner& learner, ImageLoader& train, const PhaseOptions& options);
  PhaseResult run();

 private:
  void begin_or_resume();
  void train_epoch();  // until its end, the end of the phase or an interrupt
  void train_step();
  Learner::Result forward(const torch::Tensor& images, const torch::Tensor& labels,
                          const StepContext& context);
  torch::Tensor backward(const Learner::Result& result, const torch::Tensor& labels,
                         const StepContext& context);
  void check_ranks(const std::string& when);
  bool is_interrupted() const { return options_.is_interrupted && options_.is_interrupted(); }
  void clip(const StepContext& context);
  void observe(StepSums::Means means, std::int64_t step);
  void end_step();
  void validate();
  void add_row(bool is_epoch_end);
  void report();
  void save_checkpoint();
  void save(StateArchive& archive) const;
  void load(const StateArchive& archive);
  void check_is_ours(const StateArchive& archive) const;

  StepContext context() const;
  double epoch() const { return static_cast<double>(step_) / static_cast<double>(epoch_steps_); }
  bool is_done() const { return step_ == num_steps_; }

  Learner& learner_;
  ImageLoader& train_;
  const PhaseOptions& options_;
  const std::int64_t epoch_steps_;
  const std::int64_t num_steps_;
  const std::int64_t row_steps_;  // between two metrics rows
  std::vector<torch::Tensor> parameters_;
  std::unique_ptr<Optimizer> optimizer_;
  Ema ema_;
  BatchStatistics statistics_;
  BatchShare share_;
  std::optional<RankAverage> average_;  // with several ranks
  StepSums sums_;
  PhaseResult result_;
  std::int64_t step_ = 0;  // completed steps

  Batch batch_;
  double learning_rate_ = 0.0;  // of the last step
  std::optional<double> latency_ms_;
  StepSums::Means smoothed_;
  std::int64_t num_observed_ = 0;
  bool is_interrupted_ = false;
  Clock::time_point last_checkpoint_ = Clock::now();
};

torch::nn::Module& placed_module(Learner& learner, const PhaseOptions& options) {
  if (options.mixed_precision && !options.device.is_cuda()) {
    throw InputError("mixed precision needs a CUDA device; leave it off on a CPU");
  }
  learner.module().to(options.device);
  return learner.module();
}

PhaseRun::PhaseRun(Learner& learner, ImageLoader& train, const PhaseOptions& options)
    : learner_(learner),
      train_(train),
      options_(options),
      epoch_steps_(steps_per_epoch_of(options.recipe, train.num_images())),
      num_steps_(num_steps_of(options.recipe, train.num_images())),
      row_steps_(std::clamp<std::int64_t>(epoch_steps_ / 20, 1, 50)),
      ema_(placed_module(learner, options), options.recipe.ema_decay),
      statistics_(learner.module()),
      sums_(options.device) {
  assert(train.options().batch_size == options.recipe.batch_size);
  assert(options.validation == nullptr || options.predict);
  assert(options.recipe.mixup == 0.0 || options.num_classes > 0);
  std::vector<ParameterGroup> groups = learner.groups();
  for (const ParameterGroup& group : groups) {
    parameters_.insert(parameters_.end(), group.parameters.begin(), group.parameters.end());
  }
  optimizer_ = make_optimizer(options.recipe.optimizer, std::move(groups));
  if (options.ranks == nullptr) return;
  share_ = {options.ranks->rank(), options.ranks->size()};
  if (options.recipe.batch_size < 2 * share_.count) {
    throw InputError(
        fmt::format("phase {}: batch_size is {}: {} ranks need at least 2 images each; use fewer "
                    "ranks or a larger batch",
                    options.name, options.recipe.batch_size, share_.count));
  }
  average_.emplace(*options.ranks, learner.module(), parameters_);
}

PhaseResult PhaseRun::run() {
  begin_or_resume();
  if (options_.ranks != nullptr) {
    options_.ranks->check_same(fmt::format("phase {}: the settings", options_.name),
                               fnv1a64(fmt::format("{}{}", options_.fingerprint, num_steps_)));
  }
  check_ranks("at the start");
  optimizer_->zero_grad();
  learner_.module().train();
  while (!is_done() && !is_interrupted_) train_epoch();
  result_.end = is_done() ? PhaseEnd::kComplete : PhaseEnd::kInterrupted;
  if (is_done()) ema_.swap();  // the checkpoint has both unswapped
  return result_;
}

void PhaseRun::begin_or_resume() {
  if (!options_.checkpoint_path.empty() && std::filesystem::exists(options_.checkpoint_path)) {
    read_checkpoint(options_.checkpoint_path,
                    [this](const StateArchive& archive) { load(archive); });
    return;
  }
  if (!options_.optimizer_from.empty()) {
    read_checkpoint(options_.optimizer_from, [this](const StateArchive& archive) {
      const StateArchive& nested = archive.read_archive("optimizer");
      optimizer_->adopt(nested);
    });
  }
  save_checkpoint();  // so that later metrics rows of an interrupted run are removed
}

void PhaseRun::train_epoch() {
  train_.start(step_ / epoch_steps_, step_ % epoch_steps_, share_);
  const std::int64_t end = std::min((step_ / epoch_steps_ + 1) * epoch_steps_, num_steps_);
  while (step_ < end && !is_interrupted_) {
    const Clock::time_point begin = Clock::now();
    train_step();
    result_.num_images += options_.recipe.batch_size;
    result_.seconds += seconds_since(begin);
    end_step();
  }
}

StepContext PhaseRun::context() const {
  const std::uint64_t seed =
      random_bits(options_.seed, fnv1a64(options_.name), static_cast<std::uint64_t>(step_));
  const std::int64_t size = options_.recipe.batch_size;
  const double share =
      static_cast<double>(share_.end(size) - share_.begin(size)) / static_cast<double>(size);
  return {step_, num_steps_, epoch(), seed, options_.ranks, share};
}

void PhaseRun::train_step() {
  const StepContext context = this->context();
  if (!train_.next(batch_)) throw std::logic_error("the loader's epoch ended before the phase's");
  const auto [images, labels] = to_tensors(batch_, options_.device);
  torch::manual_seed(options_.ranks == nullptr
                         ? context.seed
                         : random_bits(context.seed, fnv1a64("rank"),
                                       static_cast<std::uint64_t>(options_.ranks->rank())));
  if (average_) average_->begin_step();
  statistics_.begin_step(step_);
  const double mixup = options_.recipe.mixup;
  const auto [inputs, targets] = mixup > 0.0 ? mixed(images, labels, options_.num_classes, mixup,
                                                     random_bits(context.seed, fnv1a64("mixup")))
                                             : std::pair(images, labels);
  const Learner::Result result = forward(inputs, targets, context);
  const auto add = [&](const torch::Tensor& values) {
    sums_.add(values, options_.recipe.batch_size);
    if (options_.device.is_cpu())
      observe(StepSums::means_of(values, 1, options_.recipe.batch_size), step_ + 1);
  };
  if (average_) {
    add(backward(result, labels, context));
  } else {
    add(StepSums::values_of(result, labels));
    result.loss.backward();
  }
  clip(context);
  learning_rate_ = tilewake::learning_rate(options_.recipe.schedule, options_.recipe.batch_size,
                                           step_, static_cast<double>(epoch_steps_), num_steps_);
  optimizer_->step(learning_rate_);
  optimizer_->zero_grad();
  learner_.after_step(context);
  ema_.update();
  latency_ms_ = result.latency_ms;
}

Learner::Result PhaseRun::forward(const torch::Tensor& images, const torch::Tensor& labels,
                                  const StepContext& context) {
  const Autocast autocast(options_.mixed_precision);
  return learner_.forward(images, labels, context);
}

/// The backward pass with several ranks. Returns what StepSums::values_of() gives for the batch.
torch::Tensor PhaseRun::backward(const Learner::Result& result, const torch::Tensor& labels,
                                 const StepContext& context) {
  const torch::Tensor own = StepSums::values_of(result, labels).cpu();
  result.loss.backward();
  std::vector<double> sums = {context.share * own[0].item<double>(), own[1].item<double>(),
                              is_interrupted() ? 1.0 : 0.0};
  average_->end_backward(context.share, sums);
  is_interrupted_ = sums[2] > 0.0;
  return torch::tensor({sums[0], sums[1]}, torch::kDouble).to(options_.device);
}

/// Compares what the ranks have trained.
void PhaseRun::check_ranks(const std::string& when) {
  if (options_.ranks == nullptr) return;
  std::vector<torch::Tensor> values = learner_.module().parameters();
  for (const torch::Tensor& buffer : learner_.module().buffers()) values.push_back(buffer);
  options_.ranks->check_same(fmt::format("phase {}: weights and steps {}", options_.name, when),
                             hash_of(values) + static_cast<std::uint64_t>(step_));
}

void PhaseRun::clip(const StepContext& context) {
  if (options_.recipe.clip_norm <= 0.0) return;
  if (std::isfinite(clip_gradients(parameters_, options_.recipe.clip_norm))) return;
  throw TrainingError(fmt::format(
      "phase {}: a gradient is not finite at step {} of {}; lower schedule.learning_rate",
      options_.name, context.step + 1, num_steps_));
}

/// Rejects a non-finite loss, and smooths the displayed progress. On a CPU called after every step;
/// otherwise when the sums are read.
void PhaseRun::observe(StepSums::Means means, std::int64_t step) {
  if (!std::isfinite(means.loss)) {
    throw TrainingError(
        fmt::format("phase {}: the loss is not finite at step {} of {}; lower "
                    "schedule.learning_rate (now {} per 256 images) or set clip_norm",
                    options_.name, step, num_steps_, options_.recipe.schedule.learning_rate));
  }
  const double share = 1.0 / static_cast<double>(std::min<std::int64_t>(++num_observed_, 20));
  smoothed_.loss += share * (means.loss - smoothed_.loss);
  smoothed_.accuracy += share * (means.accuracy - smoothed_.accuracy);
}

/// End of a step: metrics row, validation, checkpoint.
void PhaseRun::end_step() {
  ++step_;
  const bool is_epoch_end = step_ % epoch_steps_ == 0 || is_done();
  if (is_epoch_end) {
    check_ranks(fmt::format("after step {}", step_));
    validate();
  }
  if (is_epoch_end || step_ % epoch_steps_ % row_steps_ == 0) add_row(is_epoch_end);
  report();
  if (!average_) is_interrupted_ = is_interrupted();
  const bool is_writer = options_.ranks == nullptr || options_.ranks->is_first();
  if (is_done() || is_interrupted_ ||
      (is_writer && seconds_since(last_checkpoint_) >= options_.checkpoint_seconds)) {
    save_checkpoint();
  }
}

void PhaseRun::validate() {
  if (options_.validation == nullptr) return;
  learner_.module().eval();
  ema_.swap();
  result_.validation =
      evaluate(options_.predict, *options_.validation, options_.device, options_.ranks);
  const double accuracy = result_.validation->share();
  if (result_.best_step == 0 || accuracy > result_.best_accuracy) {
    result_.best_accuracy = accuracy;
    result_.best_step = step_;
    if (!options_.best_path.empty()) {
      write_checkpoint(options_.best_path,
                       [this](StateArchive& archive) { save_module(archive, learner_.module()); });
    }
  }
  ema_.swap();
  learner_.module().train();
}

void PhaseRun::add_row(bool is_epoch_end) {
  const StepSums::Means means = sums_.means();
  sums_.clear();
  if (!options_.device.is_cpu()) observe(means, step_);
  if (options_.metrics == nullptr) return;
  MetricsRow row;
  row.phase = options_.name;
  row.step = step_;
  row.epoch = epoch();
  row.learning_rate = learning_rate_;
  row.loss = means.loss;
  row.train_accuracy = means.accuracy;
  if (is_epoch_end && result_.validation) {
    row.validation_loss = result_.validation->loss;
    row.validation_accuracy = result_.validation->share();
  }
  row.latency_ms = latency_ms_;
  if (latency_ms_ && options_.target_ms) row.gap_ms = *latency_ms_ - *options_.target_ms;
  row.gates = learner_.gates();
  options_.metrics->add(row);
}

void PhaseRun::report() {
  if (!options_.on_progress) return;
  PhaseProgress progress;
  progress.phase = options_.name;
  progress.step = step_;
  progress.num_steps = num_steps_;
  progress.loss = smoothed_.loss;
  progress.accuracy = smoothed_.accuracy;
  progress.latency_ms = latency_ms_;
  progress.target_ms = options_.target_ms;
  if (result_.seconds > 0.0) {
    const auto left = static_cast<double>((num_steps_ - step_) * options_.recipe.batch_size);
    progress.images_per_second = static_cast<double>(result_.num_images) / result_.seconds;
    progress.eta_seconds = left / progress.images_per_second;
  }
  options_.on_progress(progress);
}

void PhaseRun::save_checkpoint() {
  if (options_.checkpoint_path.empty()) return;
  // A non-finite loss since the last row: diverged weights must not replace good ones.
  if (!std::isfinite(sums_.means().loss)) observe(sums_.means(), step_);
  write_checkpoint(options_.checkpoint_path, [this](StateArchive& archive) { save(archive); });
  last_checkpoint_ = Clock::now();
}

void PhaseRun::save(StateArchive& archive) const {
  const auto nested = [&archive](const std::string& key, const auto& save_to) {
    StateArchive inner;
    save_to(inner);
    archive.write(key, std::move(inner));
  };
  const MetricsLog::Position metrics =
      options_.metrics == nullptr ? MetricsLog::Position{-1, -1} : options_.metrics->position();
  archive.write("phase", options_.name);
  archive.write("fingerprint", options_.fingerprint);
  archive.write("num_steps", num_steps_);
  archive.write("step", step_);
  archive.write("csv_bytes", metrics.csv_bytes);
  archive.write("event_bytes", metrics.event_bytes);
  archive.write("best_accuracy", result_.best_accuracy);
  archive.write("best_step", result_.best_step);
  nested("validation", [this](StateArchive& inner) {
    save_accuracy(inner, result_.validation.value_or(Accuracy{}));
  });
  nested("sums", [this](StateArchive& inner) { sums_.save(inner); });
  nested("module", [this](StateArchive& inner) { save_module(inner, learner_.module()); });
  nested("learner", [this](StateArchive& inner) { learner_.save(inner); });
  nested("optimizer", [this](StateArchive& inner) { optimizer_->save(inner); });
  nested("ema", [this](StateArchive& inner) { ema_.save(inner); });
}

void PhaseRun::check_is_ours(const StateArchive& archive) const {
  const std::string phase = archive.read_string("phase");
  if (phase != options_.name) {
    throw InputError(fmt::format("is of phase {}, not {}", phase, options_.name));
  }
  const std::string fingerprint = archive.read_string("fingerprint");
  if (fingerprint != options_.fingerprint) {
    throw InputError(
        fmt::format("was written with different settings: {}; use another --out, or --force",
                    settings_difference(fingerprint, options_.fingerprint)));
  }
  if (archive.read_int("num_steps") != num_steps_) {
    throw InputError(
        fmt::format("is of a phase of {} steps, not of {}; use another --out, or --force",
                    archive.read_int("num_steps"), num_steps_));
  }
}

void PhaseRun::load(const StateArchive& archive) {
  check_is_ours(archive);
  const auto nested = [&archive](const std::string& key, const auto& load_from) {
    load_from(archive.read_archive(key));
  };
  nested("module", [this](const StateArchive& inner) { load_module(inner, learner_.module()); });
  nested("learner", [this](const StateArchive& inner) { learner_.load(inner); });
  nested("optimizer", [this](const StateArchive& inner) { optimizer_->load(inner); });
  nested("ema", [this](const StateArchive& inner) { ema_.load(inner); });
  nested("sums", [this](const StateArchive& inner) { sums_.load(inner); });
  nested("validation", [this](const StateArchive& inner) {
    const Accuracy accuracy = load_accuracy(inner);
    if (accuracy.num_images > 0) result_.validation = accuracy;
  });
  step_ = archive.read_int("step");
  if (step_ < 0 || step_ > num_steps_) {
    throw InputError(fmt::format("'step' is {}, the phase has {}", step_, num_steps_));
  }
  result_.best_accuracy = archive.read_double("best_accuracy");
  result_.best_step = archive.read_int("best_step");
  if (result_.best_step > 0 && !options_.best_path.empty() &&
      !std::filesystem::exists(options_.best_path)) {
    throw InputError(fmt::format("the best weights so far were in {}, which does not exist",
                                 options_.best_path));
  }
  const MetricsLog::Position metrics{archive.read_int("csv_bytes"),
                                     archive.read_int("event_bytes")};
  // After a complete phase, there may be rows of the next one.
  if (!is_done() && options_.metrics != nullptr && metrics.csv_bytes >= 0) {
    options_.metrics->truncate(metrics);
  }
}

}  // namespace

void load_phase_module(const std::string& checkpoint_path, torch::nn::Module& module) {
  read_checkpoint(checkpoint_path, [&module](const StateArchive& archive) {
    load_module(archive.read_archive("module"), module);
  });
}

std::int64_t steps_per_epoch_of(const PhaseRecipe& recipe, std::int64_t num_images) {
  const std::int64_t images =
      recipe.max_images > 0 ? std::min(recipe.max_images, num_images) : num_images;
  return std::max<std::int64_t>(images / recipe.batch_size, 1);
}

std::int64_t num_steps_of(const PhaseRecipe& recipe, std::int64_t num_images) {
  const auto epoch_steps = static_cast<double>(steps_per_epoch_of(recipe, num_images));
  return std::max<std::int64_t>(std::llround(recipe.epochs * epoch_steps), 1);
}

std::pair<torch::Tensor, torch::Tensor> mixed(const torch::Tensor& images,
                                              const torch::Tensor& labels, int num_classes,
                                              double alpha, std::uint64_t seed) {
  const double share = boost::math::ibeta_inv(alpha, alpha, to_unit(seed));
  const torch::Tensor classes =
      torch::nn::functional::one_hot(labels, num_classes).to(images.scalar_type());
  const auto mix = [share](const torch::Tensor& x) {
    return share * x + (1.0 - share) * x.flip(0);
  };
  return {mix(images).contiguous(images.suggest_memory_format()), mix(classes)};
}

PhaseResult run_phase(Learner& learner, ImageLoader& train, const PhaseOptions& options) {
  return PhaseRun(learner, train, options).run();
}

}  // namespace tilewake
