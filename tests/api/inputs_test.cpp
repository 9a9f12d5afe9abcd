// SPDX-License-Identifier: Apache-2.0
#include "simulator/api/inputs.hpp"

#include <cstdlib>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "simulator/api/simulation.hpp"
#include "simulator/common/error.hpp"
#include "simulator/hardware/hardware_yaml.hpp"
#include "tests/support/source_files.hpp"
#include "tests/support/temp_dir.hpp"

namespace tilewake {
namespace {

TEST(InputsTest, NamePathAndTextAreTheSameMachine) {
  const std::string path = source_path("hw_configs/midap.yaml").string();
  const std::string id = machine_id(read_machine(path).config);
  EXPECT_EQ(machine_id(read_machine("midap").config), id);
  EXPECT_EQ(machine_id(read_machine_text(read_file(path), "any").config), id);
  EXPECT_NE(machine_id(read_machine("midap", {{"dram.num_channels", "4"}}).config), id);
}

TEST(InputsTest, NamePathAndTextAreTheSameNetwork) {
  const std::string path = source_path("networks/resnet18.yaml").string();
  const Workload by_path = read_workload(path);
  const Workload by_text = read_workload_text(read_file(path), "any.yaml");
  const Machine machine = read_machine("midap");
  const Simulation expected = simulate(machine, by_path);
  for (const Workload& workload :
       {read_workload("resnet18"), by_text, workload_of(by_path.network())}) {
    EXPECT_EQ(workload.name, by_path.name);
    EXPECT_EQ(simulate(machine, workload).layers, expected.layers);
  }
}

TEST(InputsTest, NameIsFoundInTheDataDirectory) {
  const TempDir directory;
  const std::filesystem::path machines = std::filesystem::path(directory.file("hw_configs"));
  std::filesystem::create_directory(machines);
  std::filesystem::copy_file(source_path("hw_configs/midap.yaml"), machines / "my_machine.yaml");
  EXPECT_THROW(read_machine("my_machine"), InputError);
  ::setenv("TILEWAKE_DATA_DIR", machines.parent_path().c_str(), 1);
  EXPECT_EQ(read_machine("my_machine").config.name, "midap");
  ::unsetenv("TILEWAKE_DATA_DIR");
}

TEST(InputsTest, UnknownNamesAndKeysAreInputErrors) {
  EXPECT_THROW(read_machine("no_such_machine"), InputError);
  EXPECT_THROW(read_machine("midap", {{"dram.no_such_key", "1"}}), InputError);
  EXPECT_THROW(read_workload("no_such_network"), InputError);
  EXPECT_THROW(read_workload("resnet18", {{1, 3, 224, 224}}), InputError);
  EXPECT_THROW(read_workload_text("not a model", "x.onnx"), InputError);
}

}  // namespace
}  // namespace tilewake
