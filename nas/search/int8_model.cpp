// SPDX-License-Identifier: Apache-2.0
#include "nas/search/int8_model.hpp"

#include <cstdint>
#include <utility>

#include <fmt/format.h>

#include "nas/network/fake_quantization.hpp"
#include "nas/quantization/executor_accuracy.hpp"
#include "nas/quantization/qdq_onnx.hpp"
#include "nas/quantization/quantize.hpp"
#include "nas/search/network_training.hpp"
#include "nas/search/teacher.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

/// Training images that set the ranges of feature maps in int8.
constexpr std::int64_t kCalibrationImages = 256;

/// Trains a network in int8; its ranges move in the first part of the steps.
class Int8Learner final : public Learner {
 public:
  Int8Learner(FakeQuantNetwork network, double label_smoothing, const Recipe& recipe,
              const Teacher* teacher)
      : network_(std::move(network)),
        label_smoothing_(label_smoothing),
        recipe_(recipe),
        teacher_(teacher) {}

  torch::nn::Module& module() override { return *network_; }
  std::vector<ParameterGroup> groups() override { return parameter_groups(*network_); }

  Result forward(const torch::Tensor& images, const torch::Tensor& labels,
                 const StepContext& context) override {
    network_->observes = static_cast<double>(context.step) <
                         recipe_.train_qat.observed_share * static_cast<double>(context.num_steps);
    const torch::Tensor logits = network_->forward(images);
    return {
        taught_loss(logits, images, labels, label_smoothing_, teacher_, recipe_.train_distillation),
        logits,
        {}};
  }

 private:
  FakeQuantNetwork network_;
  double label_smoothing_;
  const Recipe& recipe_;
  const Teacher* teacher_;
};

/// The settings of `train` for fine-tuning: a smaller learning rate that ends at 0, no dropout.
PhaseRecipe int8_recipe(const Recipe& recipe) {
  PhaseRecipe phase = recipe.train;
  phase.epochs = recipe.train_qat.epochs;
  phase.schedule = {};
  phase.schedule.kind = ScheduleKind::kCosine;
  phase.schedule.learning_rate =
      recipe.train.schedule.learning_rate * recipe.train_qat.learning_rate_share;
  phase.mixup = 0.0;
  phase.dropout = 0.0;
  phase.drop_connect = 0.0;
  phase.ema_decay = 0.0;
  return phase;
}

QuantizedNetwork trained_in_int8(const RunContext& run, const std::string& directory,
                                 const Network& network, const QuantizationResult& start,
                                 const std::string& fingerprint, const Teacher* teacher) {
  FakeQuantNetwork trained(network, start.weights, start.ranges);
  trained->to(run.device);
  const PhaseRecipe recipe = int8_recipe(run.recipe);
  const int resolution = static_cast<int>(network.input.height);
  const auto train = training_loader(run, recipe, resolution);
  const auto validation = validation_loader(run, resolution);
  PhaseOptions options;
  options.name = "train-qat";
  options.recipe = recipe;
  options.checkpoint_path = directory + "/train-qat.ckpt";
  options.fingerprint = fingerprint;
  options.validation = validation.get();
  options.predict = [trained](const torch::Tensor& images) mutable {
    trained->eval();
    return trained->forward(images);
  };
  Int8Learner learner(trained, recipe.label_smoothing, run.recipe, teacher);
  train_phase(run, directory, learner, *train, options);
  trained->to(torch::kCPU);
  return quantized_network(network, trained->layer_weights(), trained->map_ranges());
}

/// Accuracies of the integers on validation and test images.
class Int8Evaluator {
 public:
  Int8Evaluator(const RunContext& run, int resolution) : run_(run), resolution_(resolution) {}

  Int8Accuracy evaluate(const QuantizedNetwork& quantized) const {
    const IntegerExecutor executor(quantized);
    const int threads = torch::get_num_threads();
    const Accuracy validation = accuracy(executor, *validation_loader(run_, resolution_), threads);
    const Accuracy test = accuracy(executor, *test_loader(run_, resolution_), threads);
    return {validation.share(), validation.standard_error(), test.share(), test.standard_error()};
  }

 private:
  const RunContext& run_;
  int resolution_;
};

QuantizationResult quantized_after_training(const RunContext& run, const Network& network,
                                            const LayerWeights& weights) {
  QuantizationOptions options;
  options.num_threads = torch::get_num_threads();
  const auto training_images =
      calibration_loader(run, static_cast<int>(network.input.height), kCalibrationImages);
  const CalibrationImages images = calibration_images(*training_images, kCalibrationImages);
  return quantize(network, weights, images, options);
}

std::string int8_line(const std::string& how, const Int8Accuracy& int8, const StepRecord& record) {
  return fmt::format("int8 {}: test accuracy {} (float {}), validation accuracy {} (float {})", how,
                     as_percent(int8.test, int8.test_error), as_percent(*record.test_accuracy),
                     as_percent(int8.validation, int8.validation_error),
                     as_percent(*record.validation_accuracy));
}

}  // namespace

std::optional<BundledInt8> int8_of(const RunContext& run, const std::string& directory,
                                   const Network& network, const LayerWeights& weights,
                                   StepRecord& record, const std::string& fingerprint,
                                   const Teacher* teacher) {
  QuantizationResult result;
  try {
    result = quantized_after_training(run, network, weights);
  } catch (const InputError& error) {
    record.log.push_back(fmt::format("{}: {}", kNoInt8Model, error.what()));
    return {};
  }
  for (const QuantizationChoice& choice : result.tried)
    record.log.push_back(fmt::format("int8 with {}: squared error of logits {:.3g} %",
                                     choice.text(), 100.0 * choice.error));
  const Int8Evaluator evaluator(run, static_cast<int>(network.input.height));
  QuantizedNetwork kept = std::move(result.quantized);
  record.int8 = evaluator.evaluate(kept);
  record.log.push_back(int8_line("with " + result.chosen.text(), *record.int8, record));
  if (run.recipe.train_qat.epochs > 0.0) {
    QuantizedNetwork trained =
        trained_in_int8(run, directory, network, result, fingerprint, teacher);
    const Int8Accuracy after = evaluator.evaluate(trained);
    const bool is_better = after.validation >= record.int8->validation;
    record.log.push_back(
        int8_line(is_better ? "after training in int8, kept" : "after training in int8, not kept",
                  after, record));
    if (is_better) {
      record.int8 = after;
      kept = std::move(trained);
    }
  }
  return BundledInt8{qdq_model(kept), record.int8->validation, record.int8->test};
}

Accuracy int8_accuracy(const RunContext& run, const Network& network, const LayerWeights& weights) {
  const IntegerExecutor executor(quantized_after_training(run, network, weights).quantized);
  return accuracy(executor, *validation_loader(run, static_cast<int>(network.input.height)),
                  torch::get_num_threads());
}

}  // namespace tilewake
