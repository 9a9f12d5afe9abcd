// SPDX-License-Identifier: Apache-2.0
#include "simulator/api/own_files.hpp"

#include <dlfcn.h>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>

#include <fmt/format.h>

#include "simulator/common/version.hpp"

namespace tilewake {
namespace {

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::filesystem::path executable_path() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error);
}

std::filesystem::path library_path() {
  Dl_info info{};
  // For the executable itself the loader reports the name of the command, which may be no path.
  if (::dladdr(reinterpret_cast<const void*>(&library_path), &info) == 0) return executable_path();
  std::error_code error;
  const std::filesystem::path path = std::filesystem::canonical(info.dli_fname, error);
  return error || path.filename().string().find(".so") == std::string::npos ? executable_path()
                                                                            : path;
}

std::string build_id() {
  std::string files = text_of("/proc/self/exe");
  const std::filesystem::path library = library_path();
  if (library != executable_path()) files += text_of(library);
  return fmt::format("{}+{:016x}", kVersion, fnv1a64(files));
}

}  // namespace tilewake
