// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/network.hpp"

namespace tilewake {

std::int64_t Network::num_macs() const {
  std::int64_t sum = 0;
  for (const Layer& layer : layers) sum += layer.num_macs();
  return sum;
}

std::int64_t Network::num_params() const {
  std::int64_t sum = 0;
  for (const Layer& layer : layers) sum += layer.num_params();
  return sum;
}

}  // namespace tilewake
