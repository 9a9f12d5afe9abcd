// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <new>
#include <string>

#include "simulator/common/error.hpp"

namespace tilewake {

/// How a process or a worker ends after an exception: its exit code and the text of the error.
struct Failure {
  ExitCode code = ExitCode::kInternal;
  std::string text;
};

inline Failure failure_of(const std::exception& exception) {
  const auto* error = dynamic_cast<const Error*>(&exception);
  if (error != nullptr && error->exit_code() != ExitCode::kInternal) {
    return {error->exit_code(), error->what()};
  }
  if (dynamic_cast<const std::bad_alloc*>(&exception) != nullptr) {
    return {ExitCode::kInternal, "out of memory"};
  }
  return {ExitCode::kInternal, std::string("internal error: ") + exception.what()};
}

}  // namespace tilewake
