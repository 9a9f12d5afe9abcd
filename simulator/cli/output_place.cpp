// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/output_place.hpp"

#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

#include "simulator/cli/interrupt.hpp"
#include "simulator/common/atomic_file.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/regular_file.hpp"

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

void check_file_place(const std::string& file) {
  const std::filesystem::path path = file;
  const std::string name = path.filename().string();
  std::error_code error;
  if (name.empty() || name == "." || name == ".." || std::filesystem::is_directory(path, error)) {
    throw InputError(file + ": is the name of a directory, expected that of a file");
  }
  check_writable(path.parent_path());
}

void check_output_file(const std::string& file, bool force) {
  check_file_place(file);
  std::error_code error;
  if (!force && std::filesystem::exists(std::filesystem::symlink_status(file, error))) {
    throw InputError(file + ": exists already; --force replaces it");
  }
}

void check_own_output_file(const std::string& file, std::string_view begin, std::string_view what) {
  check_file_place(file);
  std::error_code error;
  const auto type = std::filesystem::symlink_status(file, error).type();
  if (type == std::filesystem::file_type::not_found) return;
  std::string text(begin.size(), '\0');
  RegularFile old(file);
  text.resize(old.read(text.data(), text.size()));
  if (text != begin) throw InputError(fmt::format("{}: exists and is no {}", file, what));
}

bool is_same_place(const std::string& a, const std::string& b) {
  const auto place = [](const std::string& path) {
    std::error_code error;
    const std::filesystem::path absolute = std::filesystem::absolute(path, error);
    const std::filesystem::path real = std::filesystem::weakly_canonical(absolute, error);
    return (error ? absolute : real).lexically_normal();
  };
  return place(a) == place(b);
}

NewDirectories::NewDirectories(std::filesystem::path path) {
  std::error_code error;
  std::vector<std::filesystem::path> missing;
  for (; !path.empty() && !std::filesystem::exists(path, error); path = path.parent_path()) {
    missing.push_back(path);
  }
  for (auto it = missing.rbegin(); it != missing.rend(); ++it) {
    if (std::filesystem::create_directory(*it, error)) {
      made_.push_back(*it);
    } else if (error) {  // otherwise it exists by now: "a/" is "a"
      remove();
      throw IoError(fmt::format("{}: cannot create directory: {}", it->string(), error.message()));
    }
  }
}

NewDirectories::~NewDirectories() {
  if (!is_kept_) remove();
}

void NewDirectories::remove() {
  std::error_code error;
  for (; !made_.empty(); made_.pop_back()) std::filesystem::remove(made_.back(), error);
}

void write_output_file(const std::string& file, std::string_view text) {
  const InterruptDelay delay;
  NewDirectories directories(std::filesystem::path(file).parent_path());
  write_file_atomically(file, text);
  directories.keep();
}

}  // namespace tilewake
