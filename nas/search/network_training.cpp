// SPDX-License-Identifier: Apache-2.0
#include "nas/search/network_training.hpp"

#include <utility>

#include "nas/common/random.hpp"
#include "simulator/common/version.hpp"

namespace tilewake {
namespace {

constexpr int kEvaluationBatch = 250;

class NetworkLearner final : public Learner {
 public:
  NetworkLearner(BlockNetwork network, double label_smoothing)
      : network_(std::move(network)), label_smoothing_(label_smoothing) {}

  torch::nn::Module& module() override { return *network_; }
  std::vector<ParameterGroup> groups() override { return parameter_groups(*network_); }

  Result forward(const torch::Tensor& images, const torch::Tensor& labels,
                 const StepContext&) override {
    const torch::Tensor logits = network_->forward(images);
    const auto options =
        torch::nn::functional::CrossEntropyFuncOptions().label_smoothing(label_smoothing_);
    return {torch::nn::functional::cross_entropy(logits, labels, options), logits, {}};
  }

 private:
  BlockNetwork network_;
  double label_smoothing_;
};

std::unique_ptr<ImageLoader> evaluation_loader(const TrainingRoom& room,
                                               std::shared_ptr<const ImageSource> source,
                                               std::vector<std::int64_t> indices, int resolution) {
  LoaderOptions options;
  options.batch_size = kEvaluationBatch;
  options.resolution = resolution;
  options.num_threads = room.config.num_loader_threads;
  return std::make_unique<ImageLoader>(room.config.data, std::move(source), std::move(indices),
                                       options);
}

}  // namespace

std::unique_ptr<ImageLoader> training_loader(const TrainingRoom& room, const PhaseRecipe& recipe,
                                             int resolution) {
  LoaderOptions options;
  options.batch_size = recipe.batch_size;
  options.resolution = resolution;
  options.is_training = true;
  options.augmentation = recipe.augmentation;
  options.seed = room.config.seed;
  options.num_threads = room.config.num_loader_threads;
  return std::make_unique<ImageLoader>(room.config.data, room.config.data.train, room.split.train,
                                       options);
}

std::unique_ptr<ImageLoader> validation_loader(const TrainingRoom& room, int resolution) {
  return evaluation_loader(room, room.config.data.train, room.split.validation, resolution);
}

std::unique_ptr<ImageLoader> test_loader(const TrainingRoom& room, int resolution) {
  const std::shared_ptr<const ImageSource>& test = room.config.data.test;
  std::vector<std::int64_t> all(static_cast<std::size_t>(test->size()));
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
  return evaluation_loader(room, test, std::move(all), resolution);
}

PhaseOptions phase_options(const TrainingRoom& room, const std::string& name,
                           const PhaseRecipe& recipe) {
  PhaseOptions options;
  options.name = name;
  options.recipe = recipe;
  options.seed = room.config.seed;
  options.device = room.config.device;
  options.mixed_precision = room.config.mixed_precision;
  options.metrics = room.metrics;
  options.on_progress = room.host.on_progress;
  options.is_interrupted = room.host.is_interrupted;
  return options;
}

TrainedNetwork train_network(const TrainingRoom& room, const Architecture& architecture,
                             const PhaseRecipe& recipe, const std::string& name,
                             const std::string& checkpoint_path, const std::string& best_path,
                             const std::string& fingerprint) {
  // The initial weights, too, follow from the seed alone.
  torch::manual_seed(random_bits(room.config.seed, fnv1a64("weights of " + name)));
  TrainedNetwork trained;
  trained.network = BlockNetwork(architecture);
  trained.network->to(room.config.device);
  trained.network->set_regularization(recipe.dropout, recipe.drop_connect);

  const int resolution = static_cast<int>(architecture.input.height);
  const auto train = training_loader(room, recipe, resolution);
  const auto validation = validation_loader(room, resolution);
  PhaseOptions options = phase_options(room, name, recipe);
  options.checkpoint_path = checkpoint_path;
  options.best_path = best_path;
  options.fingerprint = fingerprint;
  options.validation = validation.get();
  options.predict = predictor_of(trained.network);
  NetworkLearner learner(trained.network, recipe.label_smoothing);
  trained.result = run_phase(learner, *train, options);
  if (trained.result.end == PhaseEnd::kInterrupted) throw Interrupted();
  return trained;
}

std::function<torch::Tensor(const torch::Tensor& images)> predictor_of(BlockNetwork network) {
  return [network](const torch::Tensor& images) mutable {
    network->eval();
    return network->forward(images);
  };
}

}  // namespace tilewake
