// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

namespace tilewake {

/// Trained values of one layer of a Network, batch normalisation folded in.
struct LayerWeight {
  std::vector<float> weight;  // out x in/groups x kh x kw; fully connected: out x in
  std::vector<float> bias;    // out
};

/// By Layer::name, for every layer with weights.
using LayerWeights = std::map<std::string, LayerWeight>;

}  // namespace tilewake
