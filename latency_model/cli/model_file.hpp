// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

namespace tilewake {

/// The file that a calibration writes, and the model that may be there already.
class ModelFile {
 public:
  /// Throws InputError if the file at `path` must not be replaced: it is not a model, or it is a
  /// model of a machine other than `machine` and `force` is not set. Throws IoError if nothing can
  /// be written there. Changes nothing.
  ModelFile(const std::string& path, const std::string& machine, bool force);

  /// Creates missing directories and replaces the file in one step. Throws IoError.
  void write(const std::string& text) const;

  /// For the message when it is not written: "model.yaml is unchanged (MAPE 1.23 %)".
  std::string unchanged_text() const;

 private:
  std::string path_;
  bool exists_ = false;
  std::optional<double> mape_;  // of held-out layers, as a share; none if it cannot be read
};

}  // namespace tilewake
