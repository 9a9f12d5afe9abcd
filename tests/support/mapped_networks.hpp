// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "simulator/common/error.hpp"
#include "simulator/mapping/mapper.hpp"
#include "tests/support/one_output.hpp"
#include "tests/support/random_network.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {

/// Seed by seed; every other one has a single output, without which there is no reference schedule.
inline Network random_network(int seed) {
  Network network = RandomNetwork(static_cast<std::uint64_t>(seed)).make(4 + seed % 20);
  return seed % 2 == 0 ? network : with_one_output(std::move(network));
}

/// The same of networks that split and shuffle channels, too.
inline Network moving_network(int seed) {
  Network network = RandomNetwork(static_cast<std::uint64_t>(seed), RandomNetwork::Channels::kMove)
                        .make(4 + seed % 20);
  return seed % 2 == 0 ? network : with_one_output(std::move(network));
}

struct MappedNetwork {
  Network network;
  Program program;
};

/// Those of `networks` that fit `hardware`.
inline void map_those_that_fit(const HardwareConfig& hardware, std::vector<Network> networks,
                               std::vector<MappedNetwork>& mapped) {
  for (Network& network : networks) {
    try {
      Program program = map_network(network, hardware);
      mapped.push_back({std::move(network), std::move(program)});
    } catch (const InputError&) {
      // For instance a concat of the network input, which MIDAP cannot copy.
    }
  }
}

/// All shipped networks, and those of the first random ones that fit `hardware`.
inline std::vector<MappedNetwork> map_networks(const HardwareConfig& hardware, int num_random) {
  std::vector<MappedNetwork> mapped;
  for (const Network& network : shipped_networks())
    mapped.push_back({network, map_network(network, hardware)});
  std::vector<Network> random;
  for (int seed = 0; seed < num_random; ++seed) random.push_back(random_network(seed));
  map_those_that_fit(hardware, std::move(random), mapped);
  return mapped;
}

/// The first `num_networks` networks that move channels and fit `hardware`.
inline std::vector<MappedNetwork> map_moving_networks(const HardwareConfig& hardware,
                                                      int num_networks) {
  std::vector<Network> networks;
  for (int seed = 0; seed < num_networks; ++seed) networks.push_back(moving_network(seed));
  std::vector<MappedNetwork> mapped;
  map_those_that_fit(hardware, std::move(networks), mapped);
  return mapped;
}

}  // namespace tilewake
