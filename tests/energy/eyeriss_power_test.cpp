// SPDX-License-Identifier: Apache-2.0
// The chip's power on AlexNet against that of hw_configs/eyeriss.yaml, whose energies are not
// fitted. docs/validation.md has the table.
#include <cmath>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "simulator/api/inputs.hpp"
#include "simulator/api/simulation.hpp"
#include "tests/support/reference_table.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

struct EyerissLayer {
  std::string name;
  std::string network;
  double power_mw = 0.0;
  double latency_ms = 0.0;
};

std::vector<EyerissLayer> eyeriss_layers() {
  const auto network = [](const std::string& name, int channels, int side, int outputs, int kernel,
                          int stride, int groups, int padding) {
    return fmt::format(
        "name: {}\nbatch: 4\ninput: {{channels: {}, height: {}, width: {}}}\nlayers:\n  - {{name: "
        "{}, op: "
        "conv2d, out_channels: {}, kernel: {}, stride: {}, groups: {}, padding: [{}, {}, {}, "
        "{}]}}\n",
        name, channels, side, side, name, outputs, kernel, stride, groups, padding, padding,
        padding, padding);
  };
  std::vector<EyerissLayer> layers = {
      {"conv1", network("conv1", 3, 227, 96, 11, 4, 1, 0)},
      {"conv2", network("conv2", 96, 27, 256, 5, 1, 2, 2)},
      {"conv3", network("conv3", 256, 13, 384, 3, 1, 1, 1)},
      {"conv4", network("conv4", 384, 13, 384, 3, 1, 2, 1)},
      {"conv5", network("conv5", 384, 13, 256, 3, 1, 2, 1)},
  };
  std::size_t next = 0;
  for (const std::string& line :
       split(read_file(source_path("tests/reference/hardware/eyeriss_power.csv")), '\n')) {
    const std::vector<std::string> fields = split(line, ',');
    if (!line.starts_with("conv") || next == layers.size()) continue;
    EXPECT_EQ(fields[0], layers[next].name);
    layers[next].power_mw = std::stod(fields[1]);
    layers[next].latency_ms = std::stod(fields[2]);
    ++next;
  }
  EXPECT_EQ(next, layers.size());
  return layers;
}

TEST(EyerissPowerTest, IsWithinAFactorOfTwoOfTheChipOnEveryLayer) {
  const Machine machine = read_machine(source_path("hw_configs/eyeriss.yaml").string());
  double simulated_mj = 0.0;
  double measured_mj = 0.0;
  Summary sum;
  for (const EyerissLayer& layer : eyeriss_layers()) {
    const Summary s =
        simulate(machine, read_workload_text(layer.network, layer.name + ".yaml")).summary;
    const double chip_mj = s.energy_mj - s.energy_dram_mj;
    const double published_mj = 1e-3 * layer.power_mw * layer.latency_ms;
    simulated_mj += chip_mj;
    measured_mj += published_mj;
    SCOPED_TRACE(
        fmt::format("{}: {:.3f} mJ, published {:.3f} mJ", layer.name, chip_mj, published_mj));
    RecordProperty(layer.name, fmt::format("{:.0f} mW", 1e3 * chip_mj / s.latency_ms));
    EXPECT_GT(chip_mj, 0.5 * published_mj);
    EXPECT_LT(chip_mj, 2.0 * published_mj);
    sum.energy_mac_mj += s.energy_mac_mj;
    sum.energy_register_mj += s.energy_register_mj;
    sum.energy_buffer_mj += s.energy_buffer_mj;
    sum.energy_clock_mj += s.energy_clock_mj;
  }
  EXPECT_GT(simulated_mj, 0.5 * measured_mj);
  EXPECT_LT(simulated_mj, 2.0 * measured_mj);
}

}  // namespace
}  // namespace tilewake
