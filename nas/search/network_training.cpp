// SPDX-License-Identifier: Apache-2.0
#include "nas/search/network_training.hpp"

#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "nas/common/random.hpp"
#include "nas/report/cost_log.hpp"
#include "nas/search/teacher.hpp"
#include "simulator/common/atomic_file.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/version.hpp"

namespace tilewake {
namespace {

constexpr int kEvaluationBatch = 250;

class NetworkLearner final : public Learner {
 public:
  NetworkLearner(TrainableModule trained, double label_smoothing, const Teacher* teacher,
                 const DistillationRecipe& distillation)
      : trained_(std::move(trained)),
        label_smoothing_(label_smoothing),
        teacher_(teacher),
        distillation_(distillation) {}

  torch::nn::Module& module() override { return *trained_.module; }
  std::vector<ParameterGroup> groups() override { return parameter_groups(*trained_.module); }

  Result forward(const torch::Tensor& images, const torch::Tensor& labels,
                 const StepContext&) override {
    const torch::Tensor logits = trained_.forward(images);
    return {
        taught_loss(logits, images, labels, label_smoothing_, teacher_, distillation_), logits, {}};
  }

 private:
  TrainableModule trained_;
  double label_smoothing_;
  const Teacher* teacher_;
  const DistillationRecipe& distillation_;
};

std::vector<std::int64_t> first_of(std::vector<std::int64_t> indices, std::int64_t count) {
  if (count > 0 && static_cast<std::size_t>(count) < indices.size())
    indices.resize(static_cast<std::size_t>(count));
  return indices;
}

std::unique_ptr<ImageLoader> evaluation_loader(const RunContext& run,
                                               std::shared_ptr<const ImageSource> source,
                                               std::vector<std::int64_t> indices, int resolution) {
  LoaderOptions options;
  options.batch_size = kEvaluationBatch;
  options.resolution = resolution;
  options.num_threads = run.num_loader_threads;
  return std::make_unique<ImageLoader>(run.data, std::move(source), std::move(indices), options);
}
}  // namespace

std::unique_ptr<ImageLoader> training_loader(const RunContext& run, const PhaseRecipe& recipe,
                                             int resolution) {
  LoaderOptions options;
  options.batch_size = recipe.batch_size;
  options.resolution = resolution;
  options.is_training = true;
  options.augmentation = recipe.augmentation;
  options.seed = run.seed;
  options.num_threads = run.num_loader_threads;
  return std::make_unique<ImageLoader>(run.data, run.data.train, run.split.train, options);
}

std::unique_ptr<ImageLoader> validation_loader(const RunContext& run, int resolution,
                                               std::int64_t max_images) {
  return evaluation_loader(run, run.data.train, first_of(run.split.validation, max_images),
                           resolution);
}

std::unique_ptr<ImageLoader> calibration_loader(const RunContext& run, int resolution,
                                                std::int64_t max_images) {
  return evaluation_loader(run, run.data.train, first_of(run.split.train, max_images), resolution);
}

std::unique_ptr<ImageLoader> test_loader(const RunContext& run, int resolution) {
  const std::shared_ptr<const ImageSource>& test = run.data.test;
  std::vector<std::int64_t> all(static_cast<std::size_t>(test->size()));
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
  return evaluation_loader(run, test, std::move(all), resolution);
}

PhaseResult train_phase(const RunContext& run, const std::string& directory, Learner& learner,
                        ImageLoader& train, PhaseOptions options) {
  make_directory_of(directory + "/metrics.csv");
  MetricsLog metrics(directory);
  options.seed = run.seed;
  options.device = run.device;
  options.num_classes = run.data.num_classes();
  options.mixed_precision = run.mixed_precision;
  options.metrics = &metrics;
  options.ranks = run.ranks;
  options.on_progress = run.on_progress;
  options.is_interrupted = run.is_interrupted;
  const auto begin = std::chrono::steady_clock::now();
  PhaseResult result = run_phase(learner, train, options);
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
  CostLog(run.directory).add({options.name, result.num_images, 0, time.count()});
  if (result.end == PhaseEnd::kInterrupted) throw Interrupted();
  return result;
}

TrainableModule trainable(BlockNetwork network) {
  return {network.ptr(),
          [network](const torch::Tensor& images) mutable { return network->forward(images); }};
}

PhaseResult train_module(const RunContext& run, const TrainableModule& trained, int resolution,
                         const PhaseRecipe& recipe, const std::string& name,
                         const TrainingFiles& files, const Teacher* teacher) {
  const auto train = training_loader(run, recipe, resolution);
  const auto validation = validation_loader(run, resolution);
  PhaseOptions options;
  options.name = name;
  options.recipe = recipe;
  options.checkpoint_path = files.checkpoint;
  options.best_path = files.best;
  options.fingerprint = files.fingerprint;
  options.validation = validation.get();
  options.predict = predictor_of(trained);
  NetworkLearner learner(trained, recipe.label_smoothing, teacher, run.recipe.train_distillation);
  return train_phase(run, files.directory, learner, *train, options);
}

TrainedNetwork train_network(const RunContext& run, const Architecture& architecture,
                             const PhaseRecipe& recipe, const std::string& name,
                             const TrainingFiles& files, const Teacher* teacher) {
  torch::manual_seed(random_bits(run.seed, fnv1a64("weights of " + name)));
  TrainedNetwork trained;
  trained.network = BlockNetwork(architecture);
  trained.network->to(run.device);
  trained.network->set_regularization(recipe.dropout, recipe.drop_connect);

  trained.result =
      train_module(run, trainable(trained.network), static_cast<int>(architecture.input.height),
                   recipe, name, files, teacher);
  return trained;
}

std::function<torch::Tensor(const torch::Tensor& images)> predictor_of(TrainableModule trained) {
  return [trained = std::move(trained)](const torch::Tensor& images) {
    trained.module->eval();
    return trained.forward(images);
  };
}

std::function<torch::Tensor(const torch::Tensor& images)> predictor_of(BlockNetwork network) {
  return predictor_of(trainable(std::move(network)));
}

}  // namespace tilewake
