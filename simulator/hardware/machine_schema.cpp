// SPDX-License-Identifier: Apache-2.0
#include "simulator/hardware/machine_schema.hpp"

#include "simulator/common/yaml_template.hpp"

namespace tilewake {

YamlSchema machine_schema() {
  HardwareConfig config;
  return schema_of([&](YamlFields& fields) { visit_fields(fields, config); });
}

std::string machine_template(const HardwareConfig& hardware) {
  HardwareConfig copy = hardware;  // visitors may change it; the writer does not
  YamlTemplate writer;
  visit_fields(writer, copy);
  return writer.yaml();
}

}  // namespace tilewake
