// SPDX-License-Identifier: Apache-2.0
#include <sstream>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "simulator/cli/command.hpp"
#include "simulator/cli/inputs.hpp"
#include "simulator/cli/log.hpp"
#include "simulator/cli/options.hpp"
#include "simulator/cli/output_place.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/file_format.hpp"
#include "simulator/common/regular_file.hpp"
#include "simulator/hardware/scalesim_cfg.hpp"
#include "simulator/network/network_yaml.hpp"
#include "simulator/network/onnx/onnx_writer.hpp"

namespace tilewake {
namespace {

std::string yaml_of(const Network& network) {
  std::ostringstream text;
  write_network(text, network);
  return text.str();
}

std::string converted(const std::string& name, const ModelArguments& model, bool to_onnx) {
  const Workload workload = load_workload(name, model);
  const Network& network = workload.network();
  return to_onnx ? write_onnx(network) : yaml_of(network);
}

std::string converted_machine(const std::string& path) {
  if (!has_ending(path, ".cfg"))
    throw InputError(path +
                     ": is no .cfg file of SCALE-Sim; machines in YAML are read as they are");
  ScalesimMachine machine = machine_of_scalesim_cfg(read_text_file(path), path);
  for (const std::string& warning : machine.warnings) log().warn("{}", warning);
  return std::move(machine.yaml);
}

}  // namespace

ExitCode convert_command(const Arguments& arguments) {
  std::string network_name;
  std::string machine_name;
  ModelArguments model;
  std::string out;
  bool force = false;
  bool quiet = false;
  Options options(
      "convert",
      fmt::format("convert (--net FILE {} | --hw FILE.cfg) [--out FILE [--force]] [-q]",
                  ModelArguments::kUsage),
      "Reads a network and writes it as plain layers: to standard output or FILE.yaml as a\n"
      "network file, to FILE.onnx as an ONNX model whose weights are zeros. Or reads a\n"
      "configuration of SCALE-Sim and writes the machine as a YAML file.");
  options.optional("net", network_name, "FILE",
                   "network: a name in networks/, or the path of a .yaml, .onnx or .tflite file");
  options.optional("hw", machine_name, "FILE.cfg", "machine: a configuration of SCALE-Sim");
  model.add_to(options);
  options.optional("out", out, "FILE", "what is written: FILE.yaml or FILE.onnx");
  options.flag("force", force, "replace FILE");
  options.flag("quiet,q", quiet, "suppress warnings");
  if (!options.parse(arguments)) return ExitCode::kOk;
  set_log_level(/*verbose=*/false, quiet);
  if (network_name.empty() == machine_name.empty())
    throw UsageError("convert needs either --net FILE or --hw FILE.cfg");
  const bool to_onnx = has_ending(out, ".onnx");
  if (!out.empty() && !to_onnx && !has_ending(out, ".yaml")) {
    throw UsageError("--out must end in .yaml or .onnx");
  }
  if (!machine_name.empty() && (to_onnx || model.is_given()))
    throw UsageError("--hw takes neither options of models nor --out FILE.onnx");
  if (out.empty() && force) throw UsageError("--force needs --out FILE");
  if (!out.empty()) check_output_file(out, force);

  const std::string text = machine_name.empty() ? converted(network_name, model, to_onnx)
                                                : converted_machine(machine_name);
  if (out.empty()) {
    write_result(text);
  } else {
    write_output_file(out, text);
    log().info("wrote {}", out);
  }
  return ExitCode::kOk;
}

}  // namespace tilewake
