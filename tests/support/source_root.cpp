// SPDX-License-Identifier: Apache-2.0
#include "tests/support/source_files.hpp"

namespace tilewake {

// The only file compiled with the path, so that a compiler cache serves all checkouts.
std::string source_root() { return TILEWAKE_SOURCE_DIR; }

}  // namespace tilewake
