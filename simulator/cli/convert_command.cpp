// SPDX-License-Identifier: Apache-2.0
#include <sstream>
#include <string>

#include <fmt/format.h>

#include "simulator/cli/command.hpp"
#include "simulator/cli/inputs.hpp"
#include "simulator/cli/log.hpp"
#include "simulator/cli/options.hpp"
#include "simulator/cli/output_place.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/network/network_yaml.hpp"
#include "simulator/network/onnx/onnx_writer.hpp"

namespace tilewake {
namespace {

std::string yaml_of(const Network& network) {
  std::ostringstream text;
  write_network(text, network);
  return text.str();
}

}  // namespace

ExitCode convert_command(const Arguments& arguments) {
  std::string network_name;
  std::string input_shape;
  std::string out;
  bool force = false;
  bool quiet = false;
  Options options(
      "convert", "convert --net FILE [--input-shape N,C,H,W] [--out FILE [--force]] [-q]",
      "Reads a network and writes it as plain layers: to standard output or FILE.yaml as a\n"
      "network file, to FILE.onnx as an ONNX model whose weights are zeros.");
  options.required("net", network_name, "FILE",
                   "network: a name in networks/, or the path of a .yaml or .onnx file");
  options.optional("input-shape", input_shape, "N,C,H,W", kInputShapeHelp);
  options.optional("out", out, "FILE", "what is written: FILE.yaml or FILE.onnx");
  options.flag("force", force, "replace FILE");
  options.flag("quiet,q", quiet, "suppress warnings");
  if (!options.parse(arguments)) return ExitCode::kOk;
  set_log_level(/*verbose=*/false, quiet);
  const bool to_onnx = out.ends_with(".onnx");
  if (!out.empty() && !to_onnx && !out.ends_with(".yaml")) {
    throw UsageError("--out must end in .yaml or .onnx");
  }
  if (out.empty() && force) throw UsageError("--force needs --out FILE");
  if (!out.empty()) check_output_file(out, force);

  const Workload workload = load_workload(network_name, input_shape);
  const Network& network = workload.network();
  const std::string text = to_onnx ? write_onnx(network) : yaml_of(network);
  if (out.empty()) {
    write_result(text);
  } else {
    write_output_file(out, text);
    log().info("wrote {}", out);
  }
  return ExitCode::kOk;
}

}  // namespace tilewake
