// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "latency_model/latency_model.hpp"
#include "nas/space/architecture.hpp"
#include "nas/training/phase.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {

/// No network of the space, or none that was met, keeps to the limit.
struct TargetMissed {
  double target_ms = 0.0;
  double fastest_ms = 0.0;
  Architecture fastest;
  std::string reason;
};

/// What a search needs of its surroundings: the machine's latency model, its simulator, and
/// somebody who listens.
struct Host {
  const Predictor& predictor;
  double clock_mhz = 0.0;
  /// Simulated latency in ms.
  std::function<double(const Network& network)> simulate;
  std::function<void(const PhaseProgress& progress)> on_progress;
  std::function<void(const std::string& line)> log;
  std::function<bool()> is_interrupted;

  /// Estimated latency in ms.
  double estimate(const Network& network) const {
    return predictor.predict(network).total_cycles / (clock_mhz * 1e3);
  }
};

}  // namespace tilewake
