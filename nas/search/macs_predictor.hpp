// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "latency_model/latency_model.hpp"

namespace tilewake {

/// A predictor that knows no machine: a layer takes its multiply-accumulates times
/// `cycles_per_mac`, and nothing else takes any time. What a search is steered by whose author
/// counts FLOPs.
Predictor macs_predictor(double cycles_per_mac);

}  // namespace tilewake
