// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "simulator/common/yaml_override.hpp"
#include "simulator/hardware/hardware_config.hpp"
#include "simulator/network/model_options.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

/// An input file, read once: what is parsed is what is hashed.
struct InputFile {
  std::string path;
  std::string text;
};

/// A machine: its file and the values in it. Keys and units: hw_configs/README.md.
struct Machine {
  InputFile file;
  HardwareConfig config;
};

/// What is simulated: one network, or the layers of a SCALE-Sim topology, which do not read one
/// another, each as a network. `name` is the name of the whole.
struct Workload {
  InputFile file;
  std::string name;
  std::vector<Network> networks;      // at least one
  std::vector<std::string> warnings;  // parts of a model that are left out

  bool is_topology() const;
  /// The only network. Throws InputError if this is a topology.
  const Network& network() const;
  /// Images of one inference, equal in all networks.
  std::int64_t batch() const { return networks.front().batch; }
  /// Identifies the text of the file, how much of it is read in which sizes, and a batch set by
  /// with_batch().
  std::uint64_t hash() const;
  std::string model_options;  // as text; empty: the whole model in its own sizes
  bool has_own_batch = true;  // the batch is that of the file
};

/// The workload with another batch than that of its file. Throws InputError if the batch is out of
/// range, or feature maps or MACs are too large.
Workload with_batch(Workload workload, std::int64_t batch);

/// Reads a machine by name or path. What has a '/' or ends in .yaml or .yml is a path. A bare name
/// is NAME.yaml in hw_configs/, looked for
///   1. in the current directory,
///   2. above the executable and above this library: in the source tree of a build, or in
///      share/tilewake of an installation,
///   3. in $TILEWAKE_DATA_DIR.
/// `overrides` replace values of the file and are checked as if the file held them.
/// Throws InputError `file:line: key: what`; for an unknown name it lists the known ones.
Machine read_machine(const std::string& name, const std::vector<YamlOverride>& overrides = {});

/// The same from text in memory. `path` stands in for the file in errors.
Machine read_machine_text(const std::string& text, const std::string& path,
                          const std::vector<YamlOverride>& overrides = {});

/// Reads a network, likewise: a name in networks/, or a path, whose ending names the format: .yaml
/// (networks/README.md), .onnx, .tflite, or .csv (a topology of SCALE-Sim), in small or capital
/// letters. Files of other formats are refused by their first bytes, with what to do.
///   @param options  sizes, and how much is read, of an ONNX or TensorFlow Lite model
/// Throws InputError.
Workload read_workload(const std::string& name, const ModelOptions& options = {});

/// The same from text (or the bytes of a model) in memory. The ending of `path` names the
/// format.
Workload read_workload_text(const std::string& text, const std::string& path,
                            const ModelOptions& options = {});

/// A network that was made in memory, as a workload. Its hash is that of the network's YAML text.
Workload workload_of(Network network);

/// "core.num_cims=8 dram.num_channels=2"
std::string settings_text(const std::vector<YamlOverride>& values);

}  // namespace tilewake
