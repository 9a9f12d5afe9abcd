// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

namespace tilewake {

/// Path of the source tree.
std::string source_root();

inline std::filesystem::path source_path(const std::string& relative) {
  return std::filesystem::path(source_root()) / relative;
}

/// The *.yaml files right below a directory of the source tree, sorted by name.
inline std::vector<std::filesystem::path> yaml_files_in(const std::string& relative) {
  std::vector<std::filesystem::path> files;
  if (!std::filesystem::is_directory(source_path(relative))) return files;
  for (const auto& entry : std::filesystem::directory_iterator(source_path(relative))) {
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace tilewake
