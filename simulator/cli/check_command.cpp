// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "simulator/api/map_workload.hpp"
#include "simulator/cli/command.hpp"
#include "simulator/cli/inputs.hpp"
#include "simulator/cli/layer_table.hpp"
#include "simulator/cli/log.hpp"
#include "simulator/cli/options.hpp"
#include "simulator/cli/settings.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/cli/units.hpp"
#include "simulator/hardware/hardware_yaml.hpp"

namespace tilewake {
namespace {

std::string bandwidth(double bytes_per_cycle, double gigacycles) {
  if (std::isinf(bytes_per_cycle)) return "unlimited";
  return fmt::format("{} bytes/cycle, {:.1f} GB/s", bytes_per_cycle, bytes_per_cycle * gigacycles);
}

std::string machine_section(const Machine& machine) {
  const HardwareConfig& config = machine.config;
  const std::int64_t macs = config.peak_macs_per_cycle();
  const double gigacycles = config.clock_mhz * 1e-3;  // a second
  return fmt::format(
      "machine {} ({}): ok\n"
      "  peak compute    {} MACs/cycle, {:.1f} GMAC/s\n"
      "  peak DRAM       {}\n"
      "  on-chip memory  {} bytes\n\n"
      "{}",
      config.name, machine.file.path, with_separators(macs), static_cast<double>(macs) * gigacycles,
      bandwidth(peak_bytes_per_cycle(config.dram), gigacycles),
      with_separators(on_chip_bytes(config)), hardware_yaml(config, "  "));
}

/// Describes a network, or one layer of a topology.
std::string network_section(const Network& network, const std::string& path, const Program& program,
                            bool verbose) {
  std::string text = fmt::format(
      "\nnetwork {} ({}): ok\n"
      "  input           {}x{}x{} (channels x height x width)\n"
      "  layers          {}\n"
      "  batch           {}\n"
      "  parameters      {}\n"
      "  GMACs           {}\n"
      "  schedule        {}\n",
      network.name, path, network.input.channels, network.input.height, network.input.width,
      with_separators(static_cast<std::int64_t>(network.layers.size())),
      with_separators(network.batch), with_separators(network.num_params()),
      with_decimals(static_cast<double>(network.num_macs()) / 1e9), program.schedule);
  if (verbose) text += "\n" + network_table(network, use_color(), output_columns());
  return text;
}

}  // namespace

ExitCode check_command(const Arguments& arguments) {
  std::string hardware_name;
  std::string network_name;
  ModelArguments model;
  std::vector<std::string> settings;
  std::int64_t max_steps = kDefaultMaxSteps;
  bool keys = false;
  bool verbose = false;
  bool quiet = false;
  Options options(
      "check",
      fmt::format("check --hw FILE [--net FILE] {} [--set KEY=VALUE...]\n"
                  "                      [--max-steps N] [--keys] [-v | -q]",
                  ModelArguments::kUsage),
      "Validates a machine, and checks whether it can run a network. Prints every value of\n"
      "the machine and its peak figures.");
  options.required("hw", hardware_name, "FILE", "machine: a name in hw_configs/, or a path");
  options.optional("net", network_name, "FILE", kNetHelp);
  model.add_to(options);
  options.list("set", settings, "KEY=VALUE...",
               "override a value of the machine, as in dram.num_channels=4");
  options.integer("max-steps", max_steps, 1, kLargestMaxSteps, "N", kMaxStepsHelp);
  options.flag("keys", keys, "only list every key of the machine, with unit, range and meaning");
  options.flag("verbose,v", verbose, "also list the network's layers");
  options.flag("quiet,q", quiet, "print nothing on success");
  if (!options.parse(arguments)) return ExitCode::kOk;
  if (network_name.empty() && model.is_given()) {
    throw UsageError("--input-shape, --until, --from and --skip-unsupported need --net FILE");
  }
  set_log_level(verbose, quiet);

  const Machine machine = load_machine(hardware_name, single_values(parse_settings(settings)));
  if (keys) {
    write_result(key_table(machine.config));
    return ExitCode::kOk;
  }
  std::string text = machine_section(machine);
  if (!network_name.empty()) {
    const Workload workload = load_workload(network_name, model);
    const std::string& path = workload.file.path;
    const MappingOptions limits = mapping_options(max_steps);
    const NetworkMapper mapper(machine.config);
    for (const Network& network : workload.networks) {
      const Program program = map_workload(path, network, machine, mapper, limits);
      text += network_section(network, path, program, verbose);
    }
  }
  if (!quiet) write_text(text);
  return ExitCode::kOk;
}

}  // namespace tilewake
