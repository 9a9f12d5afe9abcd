// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target on every file of a directory, without libFuzzer. Fails if an input breaks a
// law or if the reader refuses them all. usage: fuzz_replay TARGET DIRECTORY
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "tests/fuzz/fuzz_targets.hpp"

int main(int argc, char** argv) {
  const tilewake::FuzzTarget* target = argc == 3 ? tilewake::find_fuzz_target(argv[1]) : nullptr;
  if (target == nullptr) {
    std::fprintf(stderr, "usage: fuzz_replay TARGET DIRECTORY\n");
    return 2;
  }
  std::set<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(argv[2])) paths.insert(entry.path());
  int num_read = 0;
  int num_failures = 0;
  for (const std::filesystem::path& path : paths) {
    std::ifstream file(path, std::ios::binary);
    const std::string input(std::istreambuf_iterator<char>(file), {});
    try {
      if (tilewake::run_fuzz_target(*target, input)) ++num_read;
    } catch (const std::exception& e) {
      std::printf("%s: %s\n", path.c_str(), e.what());
      ++num_failures;
    }
  }
  std::printf("%zu inputs, %d read, %d failures\n", paths.size(), num_read, num_failures);
  return num_failures == 0 && num_read > 0 ? 0 : 1;
}
