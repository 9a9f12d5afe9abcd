// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/output_place.hpp"

#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

#include "simulator/common/error.hpp"

namespace tilewake {

void check_writable(const std::filesystem::path& directory) {
  namespace fs = std::filesystem;
  std::error_code error;
  fs::path place = directory;  // or its nearest existing parent
  while (!place.empty() && fs::status(place, error).type() == fs::file_type::not_found) {
    place = place.parent_path();
  }
  if (place.empty()) place = ".";
  const auto fail = [&](const std::string& what) {
    const bool is_there = directory.empty() || place == directory;
    throw IoError(is_there ? fmt::format("{}: {}", place.string(), what)
                           : fmt::format("{}: cannot create directory: {}: {}", directory.string(),
                                         place.string(), what));
  };
  const fs::file_status status = fs::status(place, error);
  if (status.type() == fs::file_type::none) fail(error.message());
  if (!fs::is_directory(status)) fail("is not a directory");
  if (::access(place.c_str(), W_OK | X_OK) != 0) fail(std::strerror(errno));
}

void check_output_file(const std::string& file, bool force) {
  check_writable(std::filesystem::path(file).parent_path());
  std::error_code error;
  if (!force && std::filesystem::exists(std::filesystem::symlink_status(file, error))) {
    throw InputError(file + ": exists already; --force replaces it");
  }
}

}  // namespace tilewake
