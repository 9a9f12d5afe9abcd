// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "simulator/api/inputs.hpp"
#include "simulator/cli/options.hpp"
#include "simulator/mapping/step_budget.hpp"

namespace tilewake {

/// Help text of --net.
inline constexpr const char* kNetHelp =
    "network: a name in networks/, or the path of a .yaml, .onnx, .tflite or SCALE-Sim .csv file";
/// Help text of --batch.
inline constexpr const char* kBatchHelp =
    "images of one inference, in place of `batch` of the network";

/// Help text of --max-steps.
inline constexpr const char* kMaxStepsHelp =
    "limit on the estimated steps per network (a few tenths of a microsecond each)";
inline constexpr std::int64_t kLargestMaxSteps = std::int64_t{1} << 50;

/// Mapping options with the limit of --max-steps; error messages name the option.
MappingOptions mapping_options(std::int64_t max_steps);

/// Reads what --hw names and logs what its memory model does not cover. Throws as read_machine
/// does.
Machine load_machine(const std::string& name, const std::vector<YamlOverride>& overrides = {});

/// The options beside --net that say how a model is read: --input-shape, --until, --from and
/// --skip-unsupported.
struct ModelArguments {
  /// In a usage text.
  static constexpr const char* kUsage =
      "[--input-shape [NAME=]N,C,H,W...] [--until NODE...] [--from NODE...] [--skip-unsupported]";

  void add_to(Options& options);
  bool is_given() const;
  /// Throws UsageError for a malformed text.
  ModelOptions parsed() const;

  std::vector<std::string> input_shapes;
  std::vector<std::string> until;
  std::vector<std::string> from;
  bool skip_unsupported = false;
};

/// Reads what --net names and logs its warnings.
///   @param batch  the value of --batch
/// Throws UsageError for a malformed argument, InputError as read_workload does.
Workload load_workload(const std::string& name, const ModelArguments& model,
                       std::optional<std::int64_t> batch = std::nullopt);

}  // namespace tilewake
