// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "nas/data/image_loader.hpp"
#include "nas/network/block_network.hpp"
#include "nas/search/supernet_learner.hpp"
#include "nas/space/outcome.hpp"
#include "nas/training/phase.hpp"
#include "simulator/common/error.hpp"
#include "tests/support/source_files.hpp"

// The parts of a run on small images: data, steps of the three kinds of training, evaluation. The
// space is nas/spaces/fashion.yaml with depths 3, 3, 3, 2; recipe "standard". "Items" are images.
// How much dearer a search is than plain training is step/search over step/largest, with all gates
// open.

namespace tilewake {
namespace {

SearchSpace space_with_depths() {
  SearchSpace space = read_search_space(source_path("nas/spaces/fashion.yaml"));
  const std::vector<int> depths = {3, 3, 3, 2};
  for (std::size_t s = 0; s < depths.size(); ++s) space.stages.at(s).depth = depths[s];
  return space;
}

Recipe standard_recipe() { return read_recipe(source_path("nas/recipes/standard.yaml"), {}); }

/// Every outcome takes a cycle for each 1 of kernel size x expansion ratio: the latency loss costs
/// the same whatever the figures are.
LatencyTable latency_table(const SearchSpace& space) {
  LatencyTable table;
  std::size_t num_before = 1;
  for (const BlockSpace& block : blocks_of(space)) {
    std::vector<double> cycles;
    for (const Outcome& outcome : outcome_table(block).outcomes) {
      double sum = 0.0;
      for (const MixBranch& branch : outcome) sum += branch.kernel * branch.expansion_ratio;
      cycles.push_back(sum);
    }
    table.cycles.push_back(cycles);
    table.given.emplace_back(num_before, cycles);
    num_before = cycles.size();
  }
  return table;
}

std::vector<std::int64_t> indices_up_to(std::int64_t count) {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(count));
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

/// Plain training of a network.
class NetworkLearner final : public Learner {
 public:
  explicit NetworkLearner(const Architecture& architecture) : network_(architecture) {}

  torch::nn::Module& module() override { return *network_; }
  std::vector<ParameterGroup> groups() override { return parameter_groups(*network_); }
  Result forward(const torch::Tensor& images, const torch::Tensor& labels,
                 const StepContext& /*context*/) override {
    const torch::Tensor logits = network_->forward(images);
    return {torch::nn::functional::cross_entropy(logits, labels), logits, {}};
  }

 private:
  BlockNetwork network_;
};

struct Images {
  torch::Tensor images;
  torch::Tensor labels;
};

Images random_images(const SearchSpace& space, std::int64_t count) {
  return {torch::randn({count, space.input.channels, space.input.height, space.input.width}),
          torch::randint(space.num_classes, {count}, torch::kLong)};
}

/// Training steps as in a phase. The learning rate is 0, so that gates do not change.
void train(benchmark::State& state, Learner& learner, const SearchSpace& space,
           const PhaseRecipe& recipe) {
  const auto [images, labels] = random_images(space, recipe.batch_size);
  learner.module().train();
  const auto optimizer = make_optimizer(recipe.optimizer, learner.groups());
  std::vector<torch::Tensor> parameters = learner.module().parameters();
  StepContext context;
  for (auto _ : state) {
    context.seed = static_cast<std::uint64_t>(++context.step);
    learner.forward(images, labels, context).loss.backward();
    if (recipe.clip_norm > 0.0) clip_gradients(parameters, recipe.clip_norm);
    optimizer->step(0.0);
    optimizer->zero_grad();
  }
  state.SetItemsProcessed(state.iterations() * recipe.batch_size);
}

void load_images(benchmark::State& state) {
  ImageData data;
  try {
    data = open_image_data("fashion-mnist");
  } catch (const InputError& e) {  // not on every machine
    return state.SkipWithError(e.what());
  }
  LoaderOptions options;
  options.batch_size = static_cast<int>(state.range(0));
  options.resolution = 28;
  options.is_training = true;
  options.augmentation.pad_crop = 2;
  options.augmentation.flip = true;
  ImageLoader loader(data, data.train, indices_up_to(data.train->size()), options);
  Batch batch;
  std::int64_t epoch = 0;
  loader.start(epoch);
  for (auto _ : state) {
    while (!loader.next(batch)) loader.start(++epoch);
    benchmark::DoNotOptimize(batch.images.data());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void step_of_the_supergraph(benchmark::State& state) {
  const SearchSpace space = space_with_depths();
  Recipe recipe = standard_recipe();
  recipe.supergraph.batch_size = static_cast<int>(state.range(0));
  SupergraphLearner learner(Supernet(space, GateOptions{}), recipe.supergraph, recipe.options);
  train(state, learner, space, recipe.supergraph);
}

void step_of_the_search(benchmark::State& state) {
  const SearchSpace space = space_with_depths();
  Recipe recipe = standard_recipe();
  recipe.search.batch_size = static_cast<int>(state.range(0));
  // Twice the target, so that the loss has a gradient.
  const LatencyTable table = latency_table(space);
  std::vector<int> largest;
  for (const BlockSpace& block : blocks_of(space)) {
    largest.push_back(static_cast<int>(outcome_table(block).outcomes.size()) - 1);
  }
  const double target_ms = table.total_cycles(largest) / 2.0;
  LatencyLoss loss(table, /*cycles_to_ms=*/1.0, target_ms, recipe.options.latency_weight,
                   recipe.options.latency_slope);
  SearchLearner learner(Supernet(space, GateOptions{}), std::move(loss), recipe.search,
                        recipe.options);
  train(state, learner, space, recipe.search);
}

void step_of_the_largest_network(benchmark::State& state) {
  const SearchSpace space = space_with_depths();
  Recipe recipe = standard_recipe();
  recipe.train.batch_size = static_cast<int>(state.range(0));
  NetworkLearner learner(architecture_of(space, full_outcomes(space)));
  train(state, learner, space, recipe.train);
}

void evaluate_the_largest_network(benchmark::State& state) {
  const SearchSpace space = space_with_depths();
  BlockNetwork network(architecture_of(space, full_outcomes(space)));
  network->eval();
  const torch::NoGradGuard no_grad;
  const torch::Tensor images = random_images(space, state.range(0)).images;
  for (auto _ : state) benchmark::DoNotOptimize(network->forward(images));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void each_batch_size(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("batch")->Arg(64)->Arg(128)->Unit(benchmark::kMillisecond);
  benchmark->MeasureProcessCPUTime();  // of the threads that load, too; other programs do not count
}

BENCHMARK(load_images)->Name("loader")->Apply(each_batch_size);
BENCHMARK(step_of_the_supergraph)->Name("step/supergraph")->Apply(each_batch_size);
BENCHMARK(step_of_the_search)->Name("step/search")->Apply(each_batch_size);
BENCHMARK(step_of_the_largest_network)->Name("step/largest")->Apply(each_batch_size);
BENCHMARK(evaluate_the_largest_network)->Name("evaluate/largest")->Apply(each_batch_size);

}  // namespace
}  // namespace tilewake
