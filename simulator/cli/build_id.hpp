// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace tilewake {

/// The version of the tool and a hash of the executable that runs ("0.1.0+0123456789abcdef"): what
/// was computed by another build is not taken for our own.
std::string build_id();

}  // namespace tilewake
