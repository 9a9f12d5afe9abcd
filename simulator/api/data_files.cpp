// SPDX-License-Identifier: Apache-2.0
#include "simulator/api/data_files.hpp"

#include <cstdlib>
#include <filesystem>
#include <map>
#include <string_view>
#include <system_error>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "simulator/api/own_files.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/file_format.hpp"
#include "simulator/common/nearest_name.hpp"
#include "simulator/common/regular_file.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/network/onnx/onnx_model.hpp"
#include "simulator/network/tflite/tflite_reader.hpp"

namespace tilewake {
namespace {

namespace fs = std::filesystem;

/// build/release/tilewake is two below the sources, bin/tilewake one below the prefix, and
/// lib/x86_64-linux-gnu/libtilewake.so two.
constexpr int kMaxLevelsUp = 4;

struct Kind {
  std::string_view directory;
  std::string_view what;
};
constexpr Kind kHardware = {"hw_configs", "machine"};
constexpr Kind kNetwork = {"networks", "network"};
constexpr Kind kSpace = {"nas/spaces", "search space"};
constexpr Kind kRecipe = {"nas/recipes", "recipe"};

bool is_path(const std::string& name) {
  for (const std::string_view ending : {".yaml", ".yml", ".onnx", ".tflite", ".csv"}) {
    if (has_ending(name, ending)) return true;
  }
  std::error_code error;  // model.pt is no name, though it is nothing that is read either
  const bool is_other_file =
      name.find('.') != std::string::npos && fs::is_regular_file(name, error);
  return is_other_file || name.find('/') != std::string::npos;
}

/// Where a directory may be above this program, existing or not, and in TILEWAKE_DATA_DIR.
std::vector<fs::path> installed(std::string_view directory) {
  std::vector<fs::path> directories;
  for (const fs::path& file : {executable_path(), library_path()}) {
    fs::path above = file.parent_path();
    for (int level = 0; level <= kMaxLevelsUp && above.has_relative_path(); ++level) {
      directories.push_back(above / directory);
      directories.push_back(above / "share/tilewake" / directory);
      above = above.parent_path();
    }
  }
  if (const char* data = std::getenv("TILEWAKE_DATA_DIR"); data != nullptr && *data != '\0') {
    directories.push_back(fs::path(data) / directory);
  }
  return directories;
}

/// Where a directory may be, existing or not, best first.
std::vector<fs::path> candidates(std::string_view directory) {
  std::vector<fs::path> directories = installed(directory);
  directories.insert(directories.begin(), fs::path(directory));
  return directories;
}
std::vector<fs::path> candidates(const Kind& kind) { return candidates(kind.directory); }

/// The path of each bare name.
std::map<std::string, std::string> known_files(const std::vector<fs::path>& directories) {
  std::map<std::string, std::string> files;
  for (const fs::path& directory : directories) {
    std::error_code error;
    for (fs::directory_iterator it(directory, error), end; !error && it != end;
         it.increment(error)) {
      const fs::path& path = it->path();
      if (path.extension() == ".yaml") files.emplace(path.stem().string(), path.string());
    }
  }
  return files;
}

std::string find(const Kind& kind, const std::string& name) {
  if (is_path(name)) return name;
  const std::vector<fs::path> directories = candidates(kind);
  for (const fs::path& directory : directories) {
    const fs::path path = directory / (name + ".yaml");
    std::error_code error;
    if (fs::exists(path, error)) return path.string();
  }
  std::error_code error;
  if (fs::exists(fs::path(name) / "saved_model.pb", error)) return name;  // is refused as that
  std::vector<std::string> known;
  for (const auto& [known_name, path] : known_files(directories)) known.push_back(known_name);
  if (known.empty()) {
    throw InputError(
        fmt::format("unknown {} '{}': no directory {} found; give a path, or set "
                    "TILEWAKE_DATA_DIR to where it is",
                    kind.what, printable(name), kind.directory));
  }
  throw InputError(fmt::format("unknown {} '{}'; known: {} (or give a path, with a '/' or .yaml){}",
                               kind.what, printable(name), fmt::join(known, ", "),
                               suggestion(name, known)));
}

/// A file of another format is refused by its first bytes, however large it is.
InputFile read(const Kind& kind, const std::string& name, std::size_t max_bytes = kMaxYamlBytes,
               FileFormat format = FileFormat::kText) {
  InputFile file;
  file.path = find(kind, name);
  std::string first_bytes(kFormatBytes, '\0');
  first_bytes.resize(RegularFile(file.path).read(first_bytes.data(), first_bytes.size()));
  refuse_foreign_format(first_bytes, file.path, format);
  file.text = read_text_file(file.path, max_bytes);
  return file;
}

}  // namespace

InputFile read_hardware_file(const std::string& name) { return read(kHardware, name); }

InputFile read_network_file(const std::string& name) {
  const FileFormat format = network_format(name);
  switch (format) {
    case FileFormat::kOnnx:
      return read(kNetwork, name, kMaxOnnxBytes, format);
    case FileFormat::kTflite:
      return read(kNetwork, name, kMaxTfliteBytes, format);
    case FileFormat::kText:
      break;
  }
  return read(kNetwork, name);
}

InputFile read_space_file(const std::string& name) { return read(kSpace, name); }

InputFile read_recipe_file(const std::string& name) { return read(kRecipe, name); }

InputFile read_shipped_file(const std::string& relative_path) {
  for (const fs::path& path : candidates(relative_path)) {
    std::error_code error;
    if (fs::exists(path, error)) return {path.string(), read_text_file(path.string())};
  }
  throw InputError(fmt::format("no file {} found; set TILEWAKE_DATA_DIR to where it is installed",
                               relative_path));
}

std::string report_page_directory() {
  constexpr std::string_view kPage = "latency_model/report/page";
  for (const fs::path& directory : installed(kPage)) {
    std::error_code error;
    if (fs::is_directory(directory, error)) return directory.string();
  }
  throw InputError(
      fmt::format("no directory {} found; set TILEWAKE_DATA_DIR to where it is installed", kPage));
}

std::vector<DataFile> data_files(DataKind kind) {
  static constexpr Kind kKinds[] = {kHardware, kNetwork, kSpace, kRecipe};
  std::vector<DataFile> files;
  for (auto& [name, path] : known_files(candidates(kKinds[static_cast<std::size_t>(kind)]))) {
    files.push_back({name, path});
  }
  return files;
}

}  // namespace tilewake
