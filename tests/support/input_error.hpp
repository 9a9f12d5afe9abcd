// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "simulator/common/error.hpp"

namespace tilewake {

/// The message of the InputError that `action` throws, or "no error".
template <typename Action>
std::string input_error_of(Action action) {
  try {
    action();
  } catch (const InputError& e) {
    return e.what();
  }
  return "no error";
}

}  // namespace tilewake
