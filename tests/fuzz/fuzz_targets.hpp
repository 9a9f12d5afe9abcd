// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace tilewake {

/// A reader under test. `run` reads `input` as a file of its kind and, where a writer exists,
/// checks that what was read is equal after writing and reading it again. Throws std::logic_error
/// if a law of README.md is broken; an InputError of one printable line is no defect and is caught.
struct FuzzTarget {
  std::string_view name;  // of its directory in seeds/
  void (*run)(const std::string& input);
};

std::span<const FuzzTarget> fuzz_targets();

/// Null if there is none of this name.
const FuzzTarget* find_fuzz_target(std::string_view name);

/// Runs `target` on `input` and checks the law of error messages. Returns false if the reader
/// refused the input. Throws std::logic_error.
bool run_fuzz_target(const FuzzTarget& target, const std::string& input);

}  // namespace tilewake
