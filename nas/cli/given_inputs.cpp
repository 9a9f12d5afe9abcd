// SPDX-License-Identifier: Apache-2.0
#include "nas/cli/given_inputs.hpp"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <torch/torch.h>

#include "nas/common/random.hpp"
#include "nas/export/deployed_onnx.hpp"
#include "nas/export/onnx_weights.hpp"
#include "simulator/api/inputs.hpp"
#include "simulator/cli/log.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/one_line.hpp"
#include "simulator/common/regular_file.hpp"
#include "simulator/common/version.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/network/limits.hpp"
#include "simulator/network/onnx/onnx_reader.hpp"

namespace tilewake {
namespace {

/// 4 bytes a weight, as a checkpoint keeps them several times.
constexpr std::int64_t kMaxTrainedParams = 100'000'000;

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

LayerWeights weights_in(const std::string& path, const std::string& bytes) {
  return onnx_weights(bytes, path, read_onnx(bytes, path));
}

/// The normalisation of the run, if the data have its classes.
void take_preprocessing(const std::string& directory, ImageData& data) {
  const std::string path = directory + "/deploy/model.onnx";
  if (!std::filesystem::exists(path))
    throw InputError(fmt::format("{}: holds no finished run (no deploy/model.onnx)", directory));
  const Preprocessing run = read_preprocessing(read_text_file(path, kMaxModelBytes), path);
  std::vector<std::string> labels;
  for (const std::string& label : data.classes) labels.push_back(one_line(label));
  if (run.labels != labels)
    throw InputError(fmt::format(
        "{}: was trained for the {} classes in deploy/labels.txt; data {} has {} classes, of other "
        "names or another number",
        directory, run.labels.size(), data.name, data.classes.size()));
  if (run.channels != data.channels)
    throw InputError(fmt::format("{}: takes images of {} channels, data {} has {}", directory,
                                 run.channels, data.name, data.channels));
  data.mean = run.mean;
  data.stddev = run.stddev;
}

}  // namespace

GivenNetwork read_given_network(const std::string& network, const std::string& init,
                                const ImageData& data, std::uint64_t seed) {
  const Workload workload = read_workload(network);
  for (const std::string& warning : workload.warnings) log().warn(warning);
  const Network& read = workload.network();
  if (read.num_params() > kMaxTrainedParams)
    throw InputError(fmt::format("{}: has {} parameters; at most {} are trained", network,
                                 read.num_params(), kMaxTrainedParams));
  LayerWeights weights;
  const bool is_onnx = ends_with(workload.file.path, ".onnx");
  if (init == "file") {
    if (is_onnx) weights = weights_in(workload.file.path, workload.file.text);
  } else if (init != "scratch") {
    const std::string bytes = read_text_file(init, kMaxModelBytes);
    if (ends_with(init, ".safetensors")) {
      weights = safetensors_weights(read, bytes, init);
    } else if (ends_with(init, ".onnx")) {
      weights = weights_in(init, bytes);
    } else {
      throw UsageError(fmt::format(
          "option '--init' must be file, scratch, or a file NAME.safetensors or NAME.onnx, not "
          "'{}'",
          printable(init)));
    }
  }
  torch::manual_seed(random_bits(seed, fnv1a64("weights of a new classifier")));
  return given_network(read, std::move(weights), data);
}

std::shared_ptr<const Teacher> read_teacher(const Recipe& recipe, const ImageData& data,
                                            torch::Device device) {
  const std::string& path = recipe.train_distillation.teacher;
  if (path == "none" || path == kSupernetTeacher) return nullptr;
  const auto refuse = [&](const std::string& why) {
    throw InputError(fmt::format("recipe {}: train.distillation.teacher: {}", recipe.name, why));
  };
  if (!ends_with(path, ".onnx"))
    refuse(fmt::format("must be none, supernet, or a file NAME.onnx, not '{}'", printable(path)));
  GivenNetwork given;
  try {
    given = read_given_network(path, "file", data, /*seed=*/0);
  } catch (const InputError& error) {
    refuse(error.what());
  }
  if (given.has_new_classifier)
    refuse(fmt::format("{} is for another number of classes than data {}, which has {}", path,
                       data.name, data.num_classes()));
  return given_teacher(given, path, recipe.train.batch_size, device);
}

void check_not_replaced(const std::string& directory, const std::vector<std::string>& inputs) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path replaced = fs::weakly_canonical(directory, error);
  for (const std::string& input : inputs) {
    if (!fs::exists(input, error)) continue;
    const fs::path path = fs::weakly_canonical(input, error);
    if (std::mismatch(replaced.begin(), replaced.end(), path.begin(), path.end()).first !=
        replaced.end())
      continue;
    throw InputError(fmt::format("{}: is in {}, whose run --force would replace; use another --out",
                                 input, directory));
  }
}

void add_trained_network(Options& options, TrainedNetworkOptions& values) {
  options.optional("run", values.run, "DIR", "directory of a finished run");
  options.optional("net", values.network, "FILE", "ONNX model, or a network with --init");
  options.optional("init", values.init, "FILE|file",
                   "weights: those of the ONNX model (file), or a weights.safetensors");
  options.optional("data", values.data, "NAME|DIR",
                   "fashion-mnist, synthetic, or a directory (images in CLASS/, CIFAR, idx files)");
}

void check_trained_network(const Options& options, const TrainedNetworkOptions& values) {
  if (values.run.empty() == values.network.empty()) throw UsageError("give one of --run and --net");
  if (!values.run.empty() && options.is_given("init"))
    throw UsageError("--init is for --net; --run has its weights");
  if (values.init == "scratch") throw UsageError("--init scratch: an untrained network");
}

GivenNetwork read_trained_network(const TrainedNetworkOptions& options, ImageData& data) {
  if (!options.run.empty()) take_preprocessing(options.run, data);
  const std::string path = options.run.empty() ? options.network : options.run + "/model.onnx";
  GivenNetwork given = read_given_network(path, options.init, data, /*seed=*/0);
  if (given.weights.empty())
    throw InputError(fmt::format("{}: has no weights; give an ONNX model, or --init", path));
  if (given.has_new_classifier)
    throw InputError(
        fmt::format("{}: is for another number of classes than data {}", path, data.name));
  return given;
}

}  // namespace tilewake
