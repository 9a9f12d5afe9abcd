// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/inputs.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "simulator/cli/log.hpp"
#include "simulator/cli/settings.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/hardware/dram_config.hpp"
#include "simulator/network/limits.hpp"

namespace tilewake {
namespace {

std::vector<std::int64_t> parse_sizes(std::string_view text) {
  std::vector<std::int64_t> sizes;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    std::int64_t size = 0;
    const char* const last = text.data() + end;
    const auto [stop, error] = std::from_chars(text.data() + begin, last, size);
    if (error != std::errc{} || stop != last || size < 1 || size > kMaxDimension) {
      throw UsageError(
          fmt::format("--input-shape must be sizes from 1 to {} separated by commas, as in "
                      "1,3,224,224 or NAME=1,3,224,224, not '{}'",
                      kMaxDimension, printable(std::string(text))));
    }
    sizes.push_back(size);
    begin = end + 1;
  }
  return sizes;
}

/// The names in all values of an option, which may be joined by commas.
std::vector<std::string> names_in(const std::string& option,
                                  const std::vector<std::string>& values) {
  std::vector<std::string> names;
  for (const std::string& value : values) {
    for (std::string& name : split_at_commas(option, value)) names.push_back(std::move(name));
  }
  return names;
}

}  // namespace

Machine load_machine(const std::string& name, const std::vector<YamlOverride>& overrides) {
  Machine machine = read_machine(name, overrides);
  for (const std::string& warning : dram_warnings(machine.config.dram))
    log().warn("{}: {}", machine.file.path, warning);
  return machine;
}

void ModelArguments::add_to(Options& options) {
  options.list("input-shape", input_shapes, "[NAME=]N,C,H,W...",
               "input sizes of a .onnx or .tflite model that leaves them free, as in 1,3,224,224; "
               "with NAME= of that input, or of a result that is left to the host, such as the "
               "boxes of a detector");
  options.list("until", until, "NODE...",
               "read a .onnx or .tflite model up to these nodes or values, separated by commas");
  options.list("from", from, "NODE...",
               "read it from these nodes on: the feature maps that they read are inputs");
  options.flag("skip-unsupported", skip_unsupported,
               "leave nodes that cannot be read to the host: only their bytes are modelled");
}

bool ModelArguments::is_given() const {
  return !input_shapes.empty() || !until.empty() || !from.empty() || skip_unsupported;
}

ModelOptions ModelArguments::parsed() const {
  ModelOptions model;
  for (const std::string& text : input_shapes) {
    const std::size_t equals = text.rfind('=');
    ModelOptions::InputShape shape;
    if (equals != std::string::npos) shape.name = text.substr(0, equals);
    shape.sizes =
        parse_sizes(std::string_view(text).substr(equals == std::string::npos ? 0 : equals + 1));
    model.input_shapes.push_back(std::move(shape));
  }
  model.until = names_in("--until", until);
  model.from = names_in("--from", from);
  model.skip_unsupported = skip_unsupported;
  return model;
}

Workload load_workload(const std::string& name, const ModelArguments& model,
                       std::optional<std::int64_t> batch) {
  Workload workload = read_workload(name, model.parsed());
  for (const std::string& warning : workload.warnings) {
    log().warn("{}: {}", workload.file.path, warning);
  }
  return batch ? with_batch(std::move(workload), *batch) : workload;
}

MappingOptions mapping_options(std::int64_t max_steps) {
  return {max_steps, "; raise --max-steps", nullptr};
}

}  // namespace tilewake
