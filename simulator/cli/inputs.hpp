// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "simulator/cli/data_files.hpp"
#include "simulator/common/yaml_override.hpp"
#include "simulator/hardware/hardware_config.hpp"
#include "simulator/mapping/program.hpp"
#include "simulator/mapping/step_budget.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

/// What --hw names, as a file and as read.
struct Machine {
  InputFile file;
  HardwareConfig config;
};

/// What --net names, as a file and as read, where it is one network.
struct Model {
  InputFile file;
  Network network;
};

/// The same where it may be a topology, too: layers that know nothing of one another, each a
/// network of its own. `name` is that of the whole.
struct Workload {
  InputFile file;
  std::string name;
  std::vector<Network> networks;
};

/// The sizes of --input-shape, "1,3,224,224"; none for an empty text. Throws UsageError.
std::vector<std::int64_t> parse_input_shape(const std::string& text);

/// What the option means, for the help of a command.
inline constexpr const char* kNetHelp =
    "network: a name in networks/, or the path of a .yaml, .onnx or SCALE-Sim .csv file";
inline constexpr const char* kInputShapeHelp =
    "sizes of an ONNX model's input, 1,3,224,224, where it leaves them free";

/// The option --max-steps, for the help of a command.
inline constexpr const char* kMaxStepsHelp =
    "steps (some tenths of a microsecond each) that simulating one network may take, as estimated";
inline constexpr std::int64_t kLargestMaxSteps = std::int64_t{1} << 50;

/// The bound of --max-steps, whose error messages name the option.
MappingOptions mapping_options(std::int64_t max_steps);

/// All throw InputError that begins with the file's path; map_model with that of the network. What
/// --set puts into the machine is checked as if the file held it; an error tells what was set. What
/// an ONNX model has and a network has not is told in the log.
Machine read_machine(const std::string& name, const std::vector<YamlOverride>& settings = {});
Model read_model(const std::string& name, const std::vector<std::int64_t>& input_shape = {});
Workload read_workload(const std::string& name, const std::vector<std::int64_t>& input_shape = {});
Program map_model(const Model& model, const Machine& machine, const MappingOptions& options);
Program map_model(const std::string& path, const Network& network, const Machine& machine,
                  const MappingOptions& options);

}  // namespace tilewake
