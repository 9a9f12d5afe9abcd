// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/inputs.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "simulator/cli/log.hpp"
#include "simulator/cli/settings.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/mapping/mapper.hpp"
#include "simulator/network/limits.hpp"
#include "simulator/network/network_yaml.hpp"
#include "simulator/network/onnx/onnx_reader.hpp"
#include "simulator/network/plain_names.hpp"
#include "simulator/network/scalesim_csv.hpp"

namespace tilewake {

std::vector<std::int64_t> parse_input_shape(const std::string& text) {
  std::vector<std::int64_t> sizes;
  for (std::size_t begin = 0; !text.empty() && begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    std::int64_t size = 0;
    const char* const last = text.data() + end;
    const auto [stop, error] = std::from_chars(text.data() + begin, last, size);
    if (error != std::errc{} || stop != last || size < 1 || size > kMaxDimension) {
      throw UsageError(fmt::format(
          "--input-shape must be sizes from 1 to {} with commas between, as 1,3,224,224, not '{}'",
          kMaxDimension, printable(text)));
    }
    sizes.push_back(size);
    begin = end + 1;
  }
  return sizes;
}

Machine read_machine(const std::string& name, const std::vector<YamlOverride>& settings) {
  InputFile file = read_hardware_file(name);
  try {
    HardwareConfig config = read_hardware_text(file.text, file.path, settings);
    return {std::move(file), std::move(config)};
  } catch (const InputError& e) {
    if (settings.empty()) throw;
    throw InputError(
        fmt::format("{} (with --set {})", e.what(), printable(settings_text(settings))));
  }
}

Model read_model(const std::string& name, const std::vector<std::int64_t>& input_shape) {
  Workload workload = read_workload(name, input_shape);
  if (workload.file.path.ends_with(".csv")) {
    throw InputError(
        fmt::format("{}: a topology is a list of layers and no network", workload.file.path));
  }
  return {std::move(workload.file), std::move(workload.networks.front())};
}

Workload read_workload(const std::string& name, const std::vector<std::int64_t>& input_shape) {
  Workload workload;
  workload.file = read_network_file(name);
  const std::string& path = workload.file.path;
  const std::string& text = workload.file.text;
  if (!input_shape.empty() && !path.ends_with(".onnx")) {
    throw InputError(
        fmt::format("{}: --input-shape is for ONNX files, which may leave sizes free", path));
  }
  if (path.ends_with(".onnx")) {
    OnnxNetwork model = read_onnx(text, path, input_shape);
    for (const std::string& warning : model.warnings) log().warn("{}: {}", path, warning);
    workload.networks.push_back(std::move(model.network));
  } else if (path.ends_with(".csv")) {
    workload.networks = read_scalesim_topology(text, path);
    workload.name = plain_name(std::filesystem::path(path).stem().string());
    return workload;
  } else {
    workload.networks.push_back(read_network_text(text, path));
  }
  workload.name = workload.networks.front().name;
  return workload;
}

MappingOptions mapping_options(std::int64_t max_steps) {
  return {max_steps, "; --max-steps allows more", nullptr};
}

Program map_model(const Model& model, const Machine& machine, const MappingOptions& options) {
  return map_model(model.file.path, model.network, machine, options);
}

Program map_model(const std::string& path, const Network& network, const Machine& machine,
                  const MappingOptions& options) {
  try {
    return map_network(network, machine.config, options);
  } catch (const InputError& e) {
    throw InputError(fmt::format("{}: on {}: {}", path, machine.config.name, e.what()));
  }
}

}  // namespace tilewake
