// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

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

/// Base of all errors that end a command: what() is the printed line (after "internal error: " for
/// kInternal), exit_code() the exit code of the process. Only derived classes are thrown. Contracts
/// between functions are checked with assert().
class Error : public std::runtime_error {
 public:
  ExitCode exit_code() const { return exit_code_; }

 protected:
  Error(const std::string& what, ExitCode exit_code)
      : std::runtime_error(what), exit_code_(exit_code) {}

 private:
  ExitCode exit_code_;
};

/// An invalid file or value of the user. The message names the place and a valid alternative.
class InputError : public Error {
 public:
  explicit InputError(const std::string& what) : Error(what, ExitCode::kBadInput) {}
};

/// Several errors of one file, in file order; what() has all of them.
class InputErrors : public InputError {
 public:
  /// @param messages  at least one
  explicit InputErrors(std::vector<std::string> messages)
      : InputError(joined(messages)), messages_(std::move(messages)) {}

  const std::vector<std::string>& messages() const { return messages_; }

 private:
  static std::string joined(const std::vector<std::string>& messages) {
    std::string text;
    for (const std::string& message : messages) text += (text.empty() ? "" : "; ") + message;
    return text;
  }

  std::vector<std::string> messages_;
};

/// The system cannot read or write a file: it is missing, permissions, a full disk. It has the exit
/// code of InputError, because the user has to act.
class IoError : public InputError {
 public:
  using InputError::InputError;
};

/// Invalid command line: an unknown option, or a missing one.
class UsageError : public Error {
 public:
  explicit UsageError(const std::string& what) : Error(what, ExitCode::kUsage) {}
};

/// The simulated machine makes no progress: always a defect of a program or a module.
class SimulationError : public Error {
 public:
  explicit SimulationError(const std::string& what) : Error(what, ExitCode::kInternal) {}
};

/// The user interrupted the work (Ctrl-C). Finished results are kept.
class Interrupted : public Error {
 public:
  explicit Interrupted(const std::string& what = "interrupted")
      : Error(what, ExitCode::kInterrupted) {}
};

}  // namespace tilewake
