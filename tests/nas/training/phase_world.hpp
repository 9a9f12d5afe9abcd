// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "nas/common/random.hpp"
#include "nas/training/phase.hpp"

namespace tilewake {

inline std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Grey images of 6x6 pixels of 3 classes: noise with a bright row, a bright column or neither.
class TinyImages : public ImageSource {
 public:
  explicit TinyImages(std::int64_t size) : size_(size) {}

  std::int64_t size() const override { return size_; }
  int label(std::int64_t index) const override { return static_cast<int>(index % 3); }
  void read(std::int64_t index, Image& image) const override {
    image = {1, kSide, kSide, {}};
    RandomStream random(random_bits(77, static_cast<std::uint64_t>(index)));
    const auto line = static_cast<int>(random.below(kSide));
    for (int y = 0; y < kSide; ++y) {
      for (int x = 0; x < kSide; ++x) {
        const bool is_bright = label(index) != 2 && (label(index) == 0 ? y : x) == line;
        const std::uint64_t noise = random.below(120);
        image.pixels.push_back(static_cast<std::uint8_t>(noise + (is_bright ? 110 : 0)));
      }
    }
  }

  static constexpr int kSide = 6;

 private:
  std::int64_t size_;
};

inline std::unique_ptr<ImageLoader> tiny_loader(std::int64_t num_images, int batch_size,
                                                bool is_training) {
  ImageData data;
  data.name = "tiny";
  data.classes = {"row", "column", "neither"};
  data.channels = 1;
  data.mean = {0.3F};
  data.stddev = {0.2F};
  data.train = std::make_shared<TinyImages>(num_images);
  std::vector<std::int64_t> indices(static_cast<std::size_t>(num_images));
  std::iota(indices.begin(), indices.end(), 0);
  LoaderOptions options;
  options.batch_size = batch_size;
  options.resolution = TinyImages::kSide;
  options.is_training = is_training;
  options.augmentation.flip = is_training;
  options.seed = 5;
  return std::make_unique<ImageLoader>(data, data.train, std::move(indices), options);
}

/// Convolution, batch normalisation, dropout, classifier; and a parameter that no loss depends on.
struct TinyNetImpl : torch::nn::Module {
  explicit TinyNetImpl(std::uint64_t seed, double dropout) {
    torch::manual_seed(seed);
    conv = register_module("conv", torch::nn::Conv2d(torch::nn::Conv2dOptions(1, 6, 3).padding(1)));
    bn = register_module("bn", torch::nn::BatchNorm2d(6));
    drop = register_module("drop", torch::nn::Dropout(dropout));
    classifier = register_module("classifier", torch::nn::Linear(6, 3));
    unused = register_parameter("unused", torch::ones({2, 2}));
  }
  torch::Tensor forward(const torch::Tensor& images) {
    const torch::Tensor x = torch::relu(bn(conv(images)));
    return classifier(drop(x.amax({2, 3})));
  }

  torch::nn::Conv2d conv{nullptr};
  torch::nn::BatchNorm2d bn{nullptr};
  torch::nn::Dropout drop{nullptr};
  torch::nn::Linear classifier{nullptr};
  torch::Tensor unused;
};
TORCH_MODULE(TinyNet);

inline std::vector<torch::Tensor> values_of(const torch::nn::Module& module) {
  std::vector<torch::Tensor> values;
  for (const torch::Tensor& t : module.parameters()) values.push_back(t.detach().clone());
  for (const torch::Tensor& t : module.buffers()) values.push_back(t.detach().clone());
  return values;
}

inline bool all_equal(const std::vector<torch::Tensor>& a, const std::vector<torch::Tensor>& b) {
  bool are_equal = a.size() == b.size();
  for (std::size_t i = 0; are_equal && i < a.size(); ++i) are_equal = torch::equal(a[i], b[i]);
  return are_equal;
}

/// Trains a TinyNet, and notes what happens to it.
class TinyLearner : public Learner {
 public:
  explicit TinyLearner(double dropout = 0.3) : net(9, dropout) {}

  torch::nn::Module& module() override { return *net; }
  std::vector<ParameterGroup> groups() override { return parameter_groups(*net); }

  Result forward(const torch::Tensor& images, const torch::Tensor& labels,
                 const StepContext& context) override {
    contexts.push_back(context);
    batches.push_back(labels.clone());
    was_training = was_training && net->is_training();
    const torch::Tensor logits = net->forward(images);
    const torch::Tensor loss = torch::nll_loss(torch::log_softmax(logits, 1), labels) * loss_factor;
    losses.push_back(loss.item<double>());
    own_state += 0.1 * losses.back();
    return {loss, logits, 1.0 + own_state};
  }
  void after_step(const StepContext&) override { values.push_back(values_of(*net)); }

  void save(StateArchive& archive) const override { archive.write("own", own_state); }
  void load(const StateArchive& archive) override { own_state = archive.read_double("own"); }

  TinyNet net;
  double loss_factor = 1.0;
  double own_state = 0.0;  // decides the latency that is logged
  bool was_training = true;
  std::vector<StepContext> contexts;
  std::vector<torch::Tensor> batches;  // labels
  std::vector<double> losses;
  std::vector<std::vector<torch::Tensor>> values;  // after every step
};

inline PhaseOptions tiny_options(OptimizerKind kind = OptimizerKind::kSgd) {
  PhaseOptions options;
  options.name = "train";
  options.seed = 3;
  options.recipe.epochs = 2.4;
  options.recipe.batch_size = 8;
  options.recipe.optimizer.kind = kind;
  options.recipe.optimizer.weight_decay = 1e-3;
  options.recipe.schedule.learning_rate = kind == OptimizerKind::kSgd ? 1.0 : 0.2;
  options.recipe.schedule.warmup_epochs = 0.6;
  options.recipe.clip_norm = 5.0;
  options.recipe.ema_decay = 0.8;
  return options;
}

}  // namespace tilewake
