// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <string>

#include "nas/search/network_training.hpp"
#include "nas/search/step_record.hpp"

namespace tilewake {

/// A hash of everything that decides a result, as text.
std::string fingerprint_of(std::initializer_list<std::string> parts);

/// What the steps towards one target have in common.
struct TargetContext {
  const TrainingContext& training;
  double target_ms = 0.0;
  std::string directory;    // results of this target
  std::string fingerprint;  // of the run up to its supergraph, and the target
  StepStore steps;          // of this target
  StepStore rankings;       // of all targets

  const RunConfig& config() const { return training.config; }
  const Host& host() const { return training.host; }
};

/// What the simulator says of a network that the latency model lets pass.
struct SimulatedLatency {
  double ms = 0.0;     // 0 where the machine cannot hold the network
  std::string missed;  // why it is no candidate; empty: it keeps to the target
};

SimulatedLatency simulate_within(const TargetContext& context, const Network& network);

/// "stem 16, 24: 3x3:2 | 3x3:2 5x5:4, 40: .., head 256, 28 px": a network in one line.
std::string in_one_line(const Architecture& architecture);

/// "0.1234 ms" with as many decimals as make sense.
std::string as_ms(double milliseconds);
std::string as_percent(double share);

}  // namespace tilewake
