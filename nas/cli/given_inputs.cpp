// SPDX-License-Identifier: Apache-2.0
#include "nas/cli/given_inputs.hpp"

#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <torch/torch.h>

#include "nas/common/random.hpp"
#include "nas/export/onnx_weights.hpp"
#include "simulator/api/inputs.hpp"
#include "simulator/cli/log.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/regular_file.hpp"
#include "simulator/common/version.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/network/limits.hpp"
#include "simulator/network/onnx/onnx_reader.hpp"

namespace tilewake {
namespace {

/// 4 bytes a weight, as a checkpoint keeps them several times.
constexpr std::int64_t kMaxTrainedParams = 100'000'000;
constexpr std::size_t kMaxWeightBytes = std::size_t{1} << 30;

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

LayerWeights weights_in(const std::string& path, const std::string& bytes) {
  return onnx_weights(bytes, path, read_onnx(bytes, path));
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
    const std::string bytes = read_text_file(init, kMaxWeightBytes);
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

}  // namespace tilewake
