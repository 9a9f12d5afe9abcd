// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "simulator/cli/command.hpp"

namespace tilewake {

ExitCode nas_command(const Arguments& arguments) {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::string program = (self.parent_path() / "tilewake-nas").string();
  std::vector<std::string> words = {program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  // Threads of OpenMP that wait by spinning make others on the machine many times slower.
  ::setenv("OMP_WAIT_POLICY", "PASSIVE", /*overwrite=*/0);
  ::execv(program.c_str(), argv.data());
  throw InputError(fmt::format(
      "cannot start {}: {}; it is built with LibTorch at hand and -DTILEWAKE_BUILD_NAS=ON", program,
      std::strerror(errno)));
}

}  // namespace tilewake
