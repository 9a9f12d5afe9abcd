// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/inputs.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "simulator/cli/log.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/hardware/dram_config.hpp"
#include "simulator/network/limits.hpp"

namespace tilewake {
namespace {

std::vector<std::int64_t> parse_input_shape(const std::string& text) {
  std::vector<std::int64_t> sizes;
  for (std::size_t begin = 0; !text.empty() && begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    std::int64_t size = 0;
    const char* const last = text.data() + end;
    const auto [stop, error] = std::from_chars(text.data() + begin, last, size);
    if (error != std::errc{} || stop != last || size < 1 || size > kMaxDimension) {
      throw UsageError(
          fmt::format("--input-shape must be sizes from 1 to {} separated by commas, as in "
                      "1,3,224,224, not '{}'",
                      kMaxDimension, printable(text)));
    }
    sizes.push_back(size);
    begin = end + 1;
  }
  return sizes;
}

}  // namespace

Machine load_machine(const std::string& name, const std::vector<YamlOverride>& overrides) {
  Machine machine = read_machine(name, overrides);
  for (const std::string& warning : dram_warnings(machine.config.dram))
    log().warn("{}: {}", machine.file.path, warning);
  return machine;
}

Workload load_workload(const std::string& name, const std::string& input_shape,
                       std::optional<std::int64_t> batch) {
  Workload workload = read_workload(name, parse_input_shape(input_shape));
  for (const std::string& warning : workload.warnings) {
    log().warn("{}: {}", workload.file.path, warning);
  }
  return batch ? with_batch(std::move(workload), *batch) : workload;
}

MappingOptions mapping_options(std::int64_t max_steps) {
  return {max_steps, "; raise --max-steps", nullptr};
}

}  // namespace tilewake
