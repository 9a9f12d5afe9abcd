// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "simulator/network/shape_inference.hpp"

namespace tilewake {

/// The key of the LayerError that `action` throws, or "no error".
template <typename Action>
std::string error_key_of(Action action) {
  try {
    action();
  } catch (const LayerError& e) {
    return e.key();
  }
  return "no error";
}

}  // namespace tilewake
