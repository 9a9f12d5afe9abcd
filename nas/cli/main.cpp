// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include <torch/version.h>

#include "nas/cli/nas_command.hpp"
#include "simulator/cli/man_page.hpp"
#include "simulator/cli/program.hpp"

namespace tilewake {
namespace {

ExitCode print_nas_man_page(const Arguments& arguments);

const std::vector<Command>& nas_commands() {
  // To add a command: a file NAME_command.cpp, its declaration in nas_command.hpp, one line here,
  // and a test in tests/cli/.
  static const std::vector<Command> table = {
      {"run", "run the whole search, up to the trained and simulated winner", nas_run_command},
      {"search", "run up to the network that the search finds", nas_search_command},
      {"scale", "run up to that network scaled to the limit", nas_scale_command},
      {"postprocess", "run up to squeeze-and-excitation and h-swish if they gain accuracy",
       nas_postprocess_command},
      {"train", "train or fine-tune a given network", nas_train_command},
      {"evaluate", "measure the accuracy of a trained network", nas_evaluate_command},
      {"quantize", "quantize a trained network to int8", nas_quantize_command},
      {"space", "make a search space of operators for one or several machines", nas_space_command},
      {"schema", "print the keys of recipes and search spaces, for editors", nas_schema_command},
      {"compare", "compare several methods over several seeds", nas_compare_command},
      {"bench", "compare search methods on networks whose accuracies are known", nas_bench_command},
      {"simulate", "compute what a trained network gives on a machine", nas_simulate_command},
      // For installation; the help does not list it.
      {"man", "", print_nas_man_page},
  };
  return table;
}

ExitCode print_nas_man_page(const Arguments& arguments) {
  return man_command("tilewake nas", "searches for CNNs within a latency limit", nas_commands(),
                     arguments);
}

}  // namespace
}  // namespace tilewake

int main(int argc, char** argv) {
  return tilewake::run_program("tilewake nas", tilewake::nas_commands(), argc, argv,
                               {{"LibTorch", TORCH_VERSION}});
}
