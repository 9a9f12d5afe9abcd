// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

namespace tilewake {

/// The file that a calibration writes, and the model that may be there already.
class ModelFile {
 public:
  /// Throws InputError if what is at `path` must not be replaced: it is no model, or one of another
  /// machine than `machine` and `force` is not set; or if nothing can be written there. Changes
  /// nothing.
  ModelFile(const std::string& path, const std::string& machine, bool force);

  /// Makes the directory as needed and replaces the file in one step. Throws InputError.
  void write(const std::string& text) const;

  /// What to tell when it is not written: "model.yaml stays as it was (MAPE 1.23 %)".
  std::string left_as_it_was() const;

 private:
  std::string path_;
  bool exists_ = false;
  std::optional<double> mape_;  // of layers held out, as a share; unknown for other formats
};

}  // namespace tilewake
