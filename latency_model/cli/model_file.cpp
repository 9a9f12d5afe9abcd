// SPDX-License-Identifier: Apache-2.0
#include "latency_model/cli/model_file.hpp"

#include <filesystem>
#include <limits>
#include <system_error>

#include <fmt/format.h>

#include "simulator/cli/output_place.hpp"
#include "simulator/cli/units.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/common/yaml_reader.hpp"

namespace tilewake {
namespace {

namespace fs = std::filesystem;

/// Only the keys that every version of the format has, so that older models can be replaced.
struct OldModel {
  std::string machine;
  std::optional<double> mape;
};

OldModel read_old_model(const std::string& path) {
  OldModel model;
  try {
    YamlReader yaml = YamlReader::from_file(path);
    static_cast<void>(yaml.required<std::int64_t>("tilewake-model"));
    model.machine = yaml.required<std::string>("machine");
    model.mape = yaml.section("holdout").section("layers").number(
        "mape", 0.0, std::numeric_limits<double>::max());
  } catch (const InputError& e) {
    if (model.machine.empty()) {
      throw InputError(fmt::format("{} (--out replaces only latency models)", e.what()));
    }
  }
  return model;
}

}  // namespace

ModelFile::ModelFile(const std::string& path, const std::string& machine, bool force)
    : path_(path) {
  std::error_code error;
  const fs::file_status status = fs::status(path_, error);
  if (status.type() == fs::file_type::not_found) {
    check_file_place(path_);
    return;
  }
  if (status.type() == fs::file_type::none) {
    throw IoError(fmt::format("{}: {}", path_, error.message()));
  }
  exists_ = true;
  const OldModel old = read_old_model(path_);
  mape_ = old.mape;
  if (old.machine != machine && !force) {
    throw InputError(fmt::format("{}: is a model of {}, not of {}; --force replaces it", path_,
                                 printable(old.machine), machine));
  }
  check_file_place(path_);
}

void ModelFile::write(const std::string& text) const { write_output_file(path_, text); }

std::string ModelFile::unchanged_text() const {
  if (!exists_) return path_ + " is not written";
  return fmt::format("{} is unchanged{}", path_,
                     mape_ ? fmt::format(" (MAPE {} %)", with_decimals(100.0 * *mape_)) : "");
}

}  // namespace tilewake
