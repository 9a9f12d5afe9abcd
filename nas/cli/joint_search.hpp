// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nas/cli/nas_options.hpp"
#include "nas/cli/search_session.hpp"
#include "nas/search/search_run.hpp"
#include "simulator/explore/hardware_space.hpp"

namespace tilewake {

/// A search on one machine: a run in a separate directory, as `nas run --hw` of that machine.
struct JointRun {
  std::string name;                    // of its directory: "fixed", "round-1", ...
  std::vector<YamlOverride> settings;  // of its machine; none: the machine of --hw
  std::string machine;                 // machine_id(), with the name of the machine of --hw
  std::optional<TargetResult> found;   // none: no network
  std::string missed;                  // why there is none
  bool is_refused = false;             // by an InputError, not by the limit

  /// Of the trained network, 0..1: the mean of its trainings. Only where a network was found.
  double validation_accuracy() const;
  double test_accuracy() const;
  const StepRecord& record() const { return found.value().steps.back(); }
};

/// A network with a machine, simulated.
struct JointPair {
  std::size_t run = 0;  // that found the network
  std::vector<YamlOverride> settings;
  std::string machine;  // as in JointRun
  NetworkCosts costs;
  double area_mm2 = 0.0;
  bool is_own = false;     // the machine on which the network was searched
  bool is_within = false;  // all limits
  bool on_front = false;   // of validation accuracy, latency, energy and area, within the limits
};

struct JointResult {
  std::string limits;  // in words, without the area
  HardwareSpace space;
  HardwareConfig start;          // the machine of --hw
  std::vector<JointRun> runs;    // "fixed" first
  std::vector<JointPair> pairs;  // by run; the own machine first
  /// The pair of the most validation accuracy, on the machine on which the network was searched or,
  /// where other machines dominate that one, on the one of these that costs least.
  std::size_t best = 0;
  std::vector<std::string> log;  // for decisions.log

  const JointPair& own_pair(std::size_t run) const;
};

/// A machine file: `start` with `settings`, its name followed by `suffix`; without settings,
/// `start`.
std::string variant_yaml(const Machine& start, const std::vector<YamlOverride>& settings,
                         const std::string& suffix);

/// Alternates between the search for a network on a machine and the exploration of machines with
/// the network found, up to options.num_hw_rounds times.
///   @param session  of the machine of --hw
/// Throws Interrupted, InputError, and TargetMissed where no machine has a network within the
/// limits.
JointResult search_jointly(const NasOptions& options, const Arguments& arguments,
                           SearchSession& session, const HardwareSpace& space);

/// `nas run --hw-space`: the joint search in the directory of --out.
ExitCode run_joint_search(const NasOptions& options, const Arguments& arguments);

}  // namespace tilewake
