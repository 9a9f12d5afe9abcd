// SPDX-License-Identifier: Apache-2.0
#include "simulator/hardware/machine_schema.hpp"

#include <gtest/gtest.h>

#include "simulator/hardware/hardware_yaml.hpp"
#include "tests/support/schema_law.hpp"
#include "tests/support/source_files.hpp"

namespace tilewake {
namespace {

TEST(MachineSchemaTest, AgreesWithTheReader) {
  const YamlSchema schema = machine_schema();
  for (const auto& file : yaml_files_in("hw_configs")) {
    SCOPED_TRACE(file);
    const auto read = [](const std::string& text, const std::string& name) {
      read_hardware_text(text, name);
    };
    expect_schema_agrees(schema, read_file(file), /*seed=*/3, /*num_mutants=*/150, read);
    expect_schema_agrees(schema, hardware_yaml(read_hardware(file)), /*seed=*/4,
                         /*num_mutants=*/100, read);
  }
}

TEST(MachineTemplateTest, ReadsBackEqual) {
  for (const auto& file : yaml_files_in("hw_configs")) {
    const HardwareConfig machine = read_hardware(file);
    const HardwareConfig copy = read_hardware_text(machine_template(machine), "template.yaml");
    EXPECT_EQ(hardware_yaml(copy), hardware_yaml(machine)) << file;
  }
}

}  // namespace
}  // namespace tilewake
