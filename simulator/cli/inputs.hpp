// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "simulator/api/inputs.hpp"
#include "simulator/mapping/step_budget.hpp"

namespace tilewake {

/// Help texts of --net and --input-shape.
inline constexpr const char* kNetHelp =
    "network: a name in networks/, or the path of a .yaml, .onnx, .tflite or SCALE-Sim .csv file";
inline constexpr const char* kInputShapeHelp =
    "input sizes of a .onnx or .tflite model that leaves them free, as in 1,3,224,224";

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

/// Reads what --net names and logs its warnings.
///   @param input_shape  the text of --input-shape, "1,3,224,224"; may be empty
///   @param batch        the value of --batch
/// Throws UsageError for a malformed shape, InputError as read_workload does.
Workload load_workload(const std::string& name, const std::string& input_shape,
                       std::optional<std::int64_t> batch = std::nullopt);

}  // namespace tilewake
