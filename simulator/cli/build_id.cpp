// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/build_id.hpp"

#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include "simulator/common/version.hpp"

namespace tilewake {

std::string build_id() {
  std::ifstream file("/proc/self/exe", std::ios::binary);
  const std::string program(std::istreambuf_iterator<char>(file), {});
  return fmt::format("{}+{:016x}", kVersion, fnv1a64(program));
}

}  // namespace tilewake
