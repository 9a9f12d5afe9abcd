// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "nas/search/given_network.hpp"

namespace tilewake {

/// Larger models are refused by their size.
inline constexpr std::size_t kMaxModelBytes = std::size_t{1} << 30;

/// The network of --net with the weights of --init: "file" (those of an ONNX model, none of a
/// network file), "scratch" (none), or a file of weights. Throws InputError, UsageError.
///   @param seed  of the weights of a classifier for another number of classes
GivenNetwork read_given_network(const std::string& network, const std::string& init,
                                const ImageData& data, std::uint64_t seed);

/// The network of a finished run (--run) or that of --net, with weights, and the normalisation of
/// the run in `data`. Throws InputError also where the classes of the data are others.
GivenNetwork read_trained_network(const std::string& run, const std::string& network,
                                  const std::string& init, ImageData& data);

}  // namespace tilewake
