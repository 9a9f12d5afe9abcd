// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nas/space/architecture.hpp"

namespace tilewake {

/// What a step of a run came to, kept in a file of its own so that a resumed run need not do it
/// again: the network it ends with, its figures, and what it decided in words.
struct StepRecord {
  std::string step;         // "search", "scale", ...
  std::string fingerprint;  // of everything that decides the result
  std::optional<Architecture> architecture;
  std::optional<double> estimated_ms;
  std::optional<double> simulated_ms;
  std::optional<double> validation_accuracy;  // 0..1
  std::optional<double> test_accuracy;
  std::vector<double> values;    // what the step measured else; it says what
  std::vector<std::string> log;  // for decisions.log
};

/// Files "NAME.json" in a directory.
class StepStore {
 public:
  explicit StepStore(std::string directory) : directory_(std::move(directory)) {}

  /// The record of `name` if there is one with this fingerprint. Throws InputError where the file
  /// is damaged, or of another run.
  std::optional<StepRecord> find(const std::string& name, const std::string& fingerprint) const;
  void save(const std::string& name, const StepRecord& record) const;

  std::string path_of(const std::string& name) const { return directory_ + "/" + name + ".json"; }

 private:
  std::string directory_;
};

}  // namespace tilewake
