// SPDX-License-Identifier: Apache-2.0
#include "simulator/api/inputs.hpp"

#include <filesystem>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "simulator/api/data_files.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/file_format.hpp"
#include "simulator/common/version.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/network/network_yaml.hpp"
#include "simulator/network/onnx/onnx_reader.hpp"
#include "simulator/network/plain_names.hpp"
#include "simulator/network/scalesim_csv.hpp"
#include "simulator/network/tflite/tflite_reader.hpp"

namespace tilewake {
namespace {

Machine machine_of(InputFile file, const std::vector<YamlOverride>& overrides) {
  try {
    HardwareConfig config = read_hardware_text(file.text, file.path, overrides);
    return {std::move(file), std::move(config)};
  } catch (const InputError& e) {
    if (overrides.empty()) throw;
    throw InputError(fmt::format("{} (with {})", e.what(), printable(settings_text(overrides))));
  }
}

/// Unambiguous, so that it can be hashed.
std::string text_of(const ModelOptions& options) {
  std::string text;
  for (const ModelOptions::InputShape& shape : options.input_shapes) {
    text += fmt::format("{}:{}={} ", shape.name.size(), shape.name, fmt::join(shape.sizes, ","));
  }
  for (const std::string& name : options.until)
    text += fmt::format("until {}:{} ", name.size(), name);
  for (const std::string& name : options.from)
    text += fmt::format("from {}:{} ", name.size(), name);
  if (options.skip_unsupported) text += "skip";
  return text;
}

Workload parse_workload(InputFile input, const ModelOptions& options) {
  Workload workload;
  workload.file = std::move(input);
  const std::string& path = workload.file.path;
  const std::string& text = workload.file.text;
  const FileFormat format = network_format(path);
  if (!options.is_default() && format == FileFormat::kText) {
    throw InputError(
        fmt::format("{}: --input-shape, --until, --from and --skip-unsupported are for TensorFlow "
                    "Lite and ONNX "
                    "files",
                    path));
  }
  if (format != FileFormat::kText) {
    OnnxNetwork model = format == FileFormat::kOnnx ? read_onnx(text, path, options)
                                                    : read_tflite(text, path, options);
    workload.model_options = text_of(options);
    workload.warnings = std::move(model.warnings);
    workload.networks.push_back(std::move(model.network));
  } else if (has_ending(path, ".csv")) {
    ScalesimTopology topology = read_scalesim_topology(text, path);
    workload.networks = std::move(topology.networks);
    workload.warnings = std::move(topology.warnings);
    workload.name = plain_name(std::filesystem::path(path).stem().string());
    return workload;
  } else {
    workload.networks.push_back(read_network_text(text, path));
  }
  workload.name = workload.networks.front().name;
  return workload;
}

}  // namespace

bool Workload::is_topology() const { return has_ending(file.path, ".csv"); }

const Network& Workload::network() const {
  if (is_topology()) {
    throw InputError(fmt::format("{}: a topology is a list of layers and no network", file.path));
  }
  return networks.front();
}

std::uint64_t Workload::hash() const {
  std::string text = file.text;
  if (!model_options.empty()) text += fmt::format("\nmodel: {}\n", model_options);
  if (!has_own_batch) text += fmt::format("\nbatch: {}\n", batch());
  return fnv1a64(text);
}

Workload with_batch(Workload workload, std::int64_t batch) {
  if (batch == workload.batch()) return workload;
  for (Network& network : workload.networks) {
    try {
      set_batch(network, batch);
    } catch (const InputError& e) {
      throw InputError(fmt::format("{}: batch: {}", workload.file.path, e.what()));
    }
  }
  workload.has_own_batch = false;
  return workload;
}

Machine read_machine(const std::string& name, const std::vector<YamlOverride>& overrides) {
  return machine_of(read_hardware_file(name), overrides);
}

Machine read_machine_text(const std::string& text, const std::string& path,
                          const std::vector<YamlOverride>& overrides) {
  refuse_foreign_format(text, path, FileFormat::kText);
  return machine_of({path, text}, overrides);
}

Workload read_workload(const std::string& name, const ModelOptions& options) {
  return parse_workload(read_network_file(name), options);
}

Workload read_workload_text(const std::string& text, const std::string& path,
                            const ModelOptions& options) {
  refuse_foreign_format(text, path, network_format(path));
  return parse_workload(InputFile{path, text}, options);
}

Workload workload_of(Network network) {
  std::ostringstream text;
  write_network(text, network);
  Workload workload;
  workload.file = {network.name, text.str()};
  workload.name = network.name;
  workload.networks.push_back(std::move(network));
  return workload;
}

std::string settings_text(const std::vector<YamlOverride>& values) {
  std::string text;
  for (const YamlOverride& value : values) {
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", value.path, value.value);
  }
  return text;
}

}  // namespace tilewake
