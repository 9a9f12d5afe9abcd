// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>

namespace tilewake {

/// The user gave us something wrong: a flag, a file, a value. The message says
/// what to change. Programming mistakes use assert(), never this type.
class InputError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The command line itself is wrong (exit 2): an unknown option, a missing one.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The simulated machine stopped making progress: always a defect of a program or a module.
class SimulationError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Process exit codes, the same for every subcommand (documented in README).
enum class ExitCode : int {
  kOk = 0,
  kInternal = 1,
  kUsage = 2,
  kBadInput = 3,
  kToleranceMissed = 4,
  kInterrupted = 130
};

}  // namespace tilewake
