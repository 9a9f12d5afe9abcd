// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "nas/search/given_network.hpp"

namespace tilewake {

/// The network of --net with the weights of --init: "file" (those of an ONNX model, none of a
/// network file), "scratch" (none), or a file of weights. Throws InputError, UsageError.
///   @param seed  of the weights of a classifier for another number of classes
GivenNetwork read_given_network(const std::string& network, const std::string& init,
                                const ImageData& data, std::uint64_t seed);

}  // namespace tilewake
