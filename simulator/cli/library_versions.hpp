// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

namespace tilewake {

/// A library, or the compiler, and its version when this program was compiled.
struct LibraryVersion {
  std::string_view name;
  std::string_view version;
};

/// Of all programs. They are constants: nothing is loaded or asked.
std::vector<LibraryVersion> library_versions();

}  // namespace tilewake
