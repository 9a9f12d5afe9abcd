// SPDX-License-Identifier: Apache-2.0
// One libFuzzer program for all targets, which is built and linked once: $TILEWAKE_FUZZ_TARGET
// chooses. Without it, prints the names of the targets.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/fuzz/fuzz_targets.hpp"

namespace {

const tilewake::FuzzTarget* chosen = nullptr;

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  const char* name = std::getenv("TILEWAKE_FUZZ_TARGET");
  if (name == nullptr) {
    for (const tilewake::FuzzTarget& target : tilewake::fuzz_targets()) {
      std::printf("%.*s\n", static_cast<int>(target.name.size()), target.name.data());
    }
    std::exit(0);
  }
  chosen = tilewake::find_fuzz_target(name);
  if (chosen == nullptr) {
    std::fprintf(stderr, "tilewake_fuzz: no target '%s'\n", name);
    std::exit(2);
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tilewake::run_fuzz_target(*chosen, std::string(data, data + size));
  return 0;
}
