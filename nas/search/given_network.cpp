// SPDX-License-Identifier: Apache-2.0
#include "nas/search/given_network.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <sstream>
#include <utility>

#include <fmt/format.h>

#include "nas/common/random.hpp"
#include "nas/export/onnx_writer.hpp"
#include "nas/export/safetensors.hpp"
#include "nas/export/torchscript.hpp"
#include "nas/network/layer_network.hpp"
#include "nas/search/bundle.hpp"
#include "nas/search/int8_model.hpp"
#include "nas/search/network_training.hpp"
#include "nas/search/step_settings.hpp"
#include "nas/search/teacher.hpp"
#include "nas/training/checkpoint.hpp"
#include "simulator/common/atomic_file.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/version.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/network/network_yaml.hpp"

namespace tilewake {
namespace {

std::string yaml_text(const Network& network) {
  std::ostringstream text;
  write_network(text, network);
  return text.str();
}

/// Gives the last layer with weights, and what follows it, `num_classes` channels. Returns it.
std::size_t change_classes(Network& network, std::int64_t num_classes) {
  std::vector<Layer>& layers = network.layers;
  const auto refuse = [&](const std::string& what) {
    throw InputError(fmt::format("network {}: has {} outputs, the data {} classes, and {}",
                                 network.name, layers.back().ofm.num_elements(), num_classes,
                                 what));
  };
  std::size_t last = layers.size();
  while (last > 0 && !layers[last - 1].has_weights()) --last;
  if (last == 0) refuse("it has no weights");
  --last;
  Layer& classifier = layers[last];
  if (classifier.op == Op::kDepthwiseConv2d || classifier.groups > 1)
    refuse(fmt::format("the channels of layer '{}' cannot be changed", classifier.name));
  classifier.ofm.channels = num_classes;
  for (std::size_t i = last + 1; i < layers.size(); ++i) {
    Layer& layer = layers[i];
    const bool is_unary =
        layer.op == Op::kMaxPool || layer.op == Op::kAvgPool || layer.op == Op::kGlobalAvgPool;
    if (!is_unary || layer.inputs != std::vector<int>{static_cast<int>(i) - 1})
      refuse(fmt::format("layer '{}' after the classifier cannot be changed", layer.name));
    layer.ifm.channels = layer.ofm.channels = num_classes;
  }
  return last;
}

LayerNetwork layer_network(const GivenNetwork& given) {
  using Normalization = LayerNetworkImpl::Normalization;
  if (given.weights.empty()) return LayerNetwork(given.network, Normalization::kBatch);
  LayerNetwork network(given.network, Normalization::kNone);
  network->set_weights(given.weights);
  return network;
}

TrainableModule trainable_layers(LayerNetwork network) {
  return {network.ptr(),
          [network](const torch::Tensor& images) mutable { return network->forward(images); }};
}

int side_of(const Network& network) { return static_cast<int>(network.input.height); }

/// What decides the result of a training, besides the settings of the run.
std::string identity_of(const GivenNetwork& given) {
  std::string text = yaml_text(given.network);
  for (const auto& [name, weight] : given.weights) {
    text += name;
    for (const std::vector<float>* values : {&weight.weight, &weight.bias})
      text.append(reinterpret_cast<const char*>(values->data()), values->size() * sizeof(float));
  }
  return text;
}

}  // namespace

GivenNetwork given_network(Network network, LayerWeights weights, const ImageData& data) {
  GivenNetwork given;
  if (network.input.channels != data.channels)
    throw InputError(fmt::format("network {}: takes images of {} channels, data {} has {}",
                                 network.name, network.input.channels, data.name, data.channels));
  if (network.input.height != network.input.width)
    throw InputError(
        fmt::format("network {}: takes images of {} x {} pixels; only squares are "
                    "trained",
                    network.name, network.input.height, network.input.width));
  if (network.layers.size() > 1 && network.layers.back().op == Op::kSoftmax) {
    given.notes.push_back(
        fmt::format("the softmax at the end ('{}') is left out: training needs "
                    "its input",
                    network.layers.back().name));
    network.layers.pop_back();
  }
  if (network.layers.back().ofm.num_elements() != data.num_classes()) {
    const std::int64_t before = network.layers.back().ofm.num_elements();
    const std::string name = network.layers[change_classes(network, data.num_classes())].name;
    given.notes.push_back(fmt::format("classifier '{}': {} classes instead of {}{}", name,
                                      data.num_classes(), before,
                                      weights.empty() ? "" : ", with new weights"));
    given.has_new_classifier = true;
    if (!weights.empty()) {
      LayerNetwork fresh(network, LayerNetworkImpl::Normalization::kNone);
      weights[name] = fresh->folded_weights().at(name);
    }
  }
  given.network = std::move(network);
  given.weights = std::move(weights);
  layer_network(given);  // refuses what is not trained
  return given;
}

LayerWeights safetensors_weights(const Network& network, std::string_view bytes,
                                 const std::string& path) {
  std::map<std::string, NamedTensor> tensors;
  for (NamedTensor& tensor : read_safetensors(bytes, path)) {
    std::string name = tensor.name;
    tensors[name] = std::move(tensor);
  }
  for (const char* name : {"mean", "std"}) tensors.erase(name);  // of the preprocessing
  const std::vector<std::string> modules = module_names(network);
  LayerWeights weights;
  for (std::size_t i = 0; i < modules.size(); ++i) {
    const Layer& layer = network.layers[i];
    if (!layer.has_weights()) continue;
    const auto take = [&](const std::string& name) {
      const auto found = tensors.find(name);
      if (found == tensors.end())
        throw InputError(fmt::format("{}: has no tensor '{}', for layer '{}' of network {}", path,
                                     name, layer.name, network.name));
      std::vector<float> values = std::move(found->second.values);
      tensors.erase(found);
      return values;
    };
    LayerWeight& weight = weights[layer.name];
    weight.weight = take(modules[i] + ".weight");
    if (layer.bias) weight.bias = take(modules[i] + ".bias");
  }
  if (!tensors.empty())
    throw InputError(fmt::format("{}: tensor '{}' is of no layer of network {}", path,
                                 printable(tensors.begin()->first), network.name));
  return weights;
}

StepRecord train_given(const RunContext& run, const GivenNetwork& given) {
  const Target none{0.0, run.directory};
  const std::string fingerprint = step_settings(run, none, "train-given", identity_of(given));
  return do_once(run.directory, "train", fingerprint, [&](StepRecord& record) {
    torch::manual_seed(random_bits(run.seed, fnv1a64("weights of a given network")));
    LayerNetwork network = layer_network(given);
    network->to(run.device);
    network->dropout = run.recipe.train.dropout;
    const PhaseResult trained = train_module(run, trainable_layers(network), side_of(given.network),
                                             run.recipe.train, "train",
                                             {run.directory, run.directory + "/train.ckpt",
                                              run.directory + "/weights.ckpt", fingerprint},
                                             run.teacher.get());
    record.validation_accuracy = trained.best_accuracy;
    if (run.teacher)
      record.log.push_back(distillation_text(*run.teacher, run.recipe.train_distillation));
    record.log.push_back(
        fmt::format("validation accuracy {} after the best epoch (step {}), {} after the last",
                    as_percent(trained.best_accuracy), trained.best_step,
                    as_percent(trained.validation.value().share())));
  });
}

Accuracy accuracy_of(const RunContext& run, const GivenNetwork& given, ImageLoader& images) {
  LayerNetwork network = layer_network(given);
  network->to(run.device);
  return evaluate(predictor_of(trainable_layers(network)), images, run.device, run.ranks);
}

StepRecord evaluate_given(const RunContext& run, const GivenNetwork& given,
                          const StepRecord& trained) {
  const Target none{0.0, run.directory};
  const std::string fingerprint =
      step_settings(run, none, "evaluate", trained.fingerprint + run.machine);
  return do_once(run.directory, "evaluate", fingerprint, [&](StepRecord& record) {
    record.take_result_of(trained);
    LayerNetwork network = layer_network(given);
    read_checkpoint(run.directory + "/weights.ckpt",
                    [&](const StateArchive& archive) { load_module(archive, *network); });
    GivenNetwork best = given;
    best.weights = network->folded_weights();
    const auto loader = test_loader(run, side_of(given.network));
    const Accuracy accuracy = accuracy_of(run, best, *loader);
    record.test_accuracy = accuracy.share();
    record.test_error = accuracy.standard_error();
    record.validation_error = binomial_error(
        *record.validation_accuracy, static_cast<std::int64_t>(run.split.validation.size()));
    record.log.push_back(fmt::format("test accuracy {} of {} images",
                                     as_percent(accuracy.share(), accuracy.standard_error()),
                                     accuracy.num_images));
    const std::optional<BundledInt8> int8 = int8_of(run, run.directory, best.network, best.weights,
                                                    record, fingerprint, run.teacher.get());
    if (run.simulate) {
      record.simulated_ms = run.simulate(best.network).ms;
      record.log.push_back(
          fmt::format("simulated {} on {}", as_ms(*record.simulated_ms), run.machine));
    }
    const std::string onnx = onnx_model(best.network, best.weights);
    check_onnx_model(onnx, best.network);
    write_file_atomically(run.directory + "/network.yaml", yaml_text(best.network));
    write_file_atomically(run.directory + "/model.onnx", onnx);
    write_bundle(run, run.directory,
                 {best.network.name,
                  best.network,
                  best.weights,
                  *record.validation_accuracy,
                  *record.test_accuracy,
                  record.simulated_ms,
                  {},
                  int8},
                 onnx);
  });
}

}  // namespace tilewake
