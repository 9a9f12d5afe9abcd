// SPDX-License-Identifier: Apache-2.0
#include <torch/version.h>

#include "nas/cli/nas_command.hpp"
#include "simulator/cli/program.hpp"

int main(int argc, char** argv) {
  // To add a command: a file NAME_command.cpp, its declaration in nas_command.hpp, one line here,
  // and a test in tests/cli/.
  return tilewake::run_program(
      "tilewake nas",
      {
          {"run", "run the whole search, up to the trained and simulated winner",
           tilewake::nas_run_command},
          {"search", "run up to the network that the search finds", tilewake::nas_search_command},
          {"scale", "run up to that network scaled to the limit", tilewake::nas_scale_command},
          {"postprocess", "run up to squeeze-and-excitation and h-swish if they gain accuracy",
           tilewake::nas_postprocess_command},
          {"train", "run up to the trained winner", tilewake::nas_train_command},
          {"evaluate", "run up to its test accuracy and simulated latency",
           tilewake::nas_evaluate_command},
          {"space", "make a search space of operators for one or several machines",
           tilewake::nas_space_command},
          {"schema", "print the keys of recipes and search spaces, for editors",
           tilewake::nas_schema_command},
          {"compare", "compare several methods over several seeds", tilewake::nas_compare_command},
      },
      argc, argv, {{"LibTorch", TORCH_VERSION}});
}
