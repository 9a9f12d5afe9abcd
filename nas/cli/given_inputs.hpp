// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "nas/search/given_network.hpp"
#include "nas/search/teacher.hpp"
#include "simulator/cli/options.hpp"

namespace tilewake {

/// Larger models are refused by their size.
inline constexpr std::size_t kMaxModelBytes = std::size_t{1} << 30;

/// The network of --net with the weights of --init: "file" (those of an ONNX model, none of a
/// network file), "scratch" (none), or a file of weights. Throws InputError, UsageError.
///   @param seed  of the weights of a classifier for another number of classes
GivenNetwork read_given_network(const std::string& network, const std::string& init,
                                const ImageData& data, std::uint64_t seed);

/// The teacher of a recipe's `train.distillation` that is an ONNX model; null where it is none, or
/// the supernet. Throws InputError where the model has no weights, or is for other data.
std::shared_ptr<const Teacher> read_teacher(const Recipe& recipe, const ImageData& data,
                                            torch::Device device);

/// Throws InputError if one of the files `inputs` is in `directory`, whose run --force replaces.
/// Words that are no files are ignored.
void check_not_replaced(const std::string& directory, const std::vector<std::string>& inputs);

/// A trained network on the command line.
struct TrainedNetworkOptions {
  std::string run;      // directory; or
  std::string network;  // model
  std::string init = "file";
  std::string data = "fashion-mnist";
};

void add_trained_network(Options& options, TrainedNetworkOptions& values);
/// Throws UsageError.
void check_trained_network(const Options& options, const TrainedNetworkOptions& values);

/// The network with its weights, and the normalisation of the run in `data`. Throws InputError also
/// where the classes of the data are others.
GivenNetwork read_trained_network(const TrainedNetworkOptions& options, ImageData& data);

}  // namespace tilewake
