// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>

namespace tilewake {

/// Process exit codes, the same for every subcommand (documented in README).
enum class ExitCode : int {
  kOk = 0,
  kInternal = 1,
  kUsage = 2,
  kBadInput = 3,
  kToleranceMissed = 4,
  kInterrupted = 130
};

/// Base of every error that ends a command: what() is the one line that is printed (after "internal
/// error: " for kInternal), exit_code() is the exit code of the process. Only the derived classes
/// are thrown. Contracts between functions are checked with assert().
class Error : public std::runtime_error {
 public:
  ExitCode exit_code() const { return exit_code_; }

 protected:
  Error(const std::string& what, ExitCode exit_code)
      : std::runtime_error(what), exit_code_(exit_code) {}

 private:
  ExitCode exit_code_;
};

/// A file or value of the user is wrong. The message says where and what would be right.
class InputError : public Error {
 public:
  explicit InputError(const std::string& what) : Error(what, ExitCode::kBadInput) {}
};

/// The system refuses to read or write a file: it is missing, permissions, a full disk. The same
/// exit code as InputError, since the user has to act.
class IoError : public InputError {
 public:
  using InputError::InputError;
};

/// The command line is wrong: an unknown option, a missing one.
class UsageError : public Error {
 public:
  explicit UsageError(const std::string& what) : Error(what, ExitCode::kUsage) {}
};

/// The simulated machine stopped making progress: always a defect of a program or a module.
class SimulationError : public Error {
 public:
  explicit SimulationError(const std::string& what) : Error(what, ExitCode::kInternal) {}
};

/// The user interrupted the work (Ctrl-C). What was finished before is kept.
class Interrupted : public Error {
 public:
  explicit Interrupted(const std::string& what = "interrupted")
      : Error(what, ExitCode::kInterrupted) {}
};

}  // namespace tilewake
