// SPDX-License-Identifier: Apache-2.0
#include "nas/cli/nas_command.hpp"
#include "simulator/cli/program.hpp"

int main(int argc, char** argv) {
  // To add a command: a file NAME_command.cpp, its declaration in nas_command.hpp, one line here,
  // and a test in tests/cli/.
  return tilewake::run_program(
      "tilewake nas",
      {
          {"run", "the whole search, from the supernet's design to the winner simulated again",
           tilewake::nas_run_command},
          {"search", "up to the network that the supernet chooses", tilewake::nas_search_command},
          {"scale", "up to that network scaled to the limit", tilewake::nas_scale_command},
          {"postprocess", "up to squeeze-and-excitation and h-swish where they pay",
           tilewake::nas_postprocess_command},
          {"train", "up to the trained winner", tilewake::nas_train_command},
          {"evaluate", "up to its test accuracy and simulated latency",
           tilewake::nas_evaluate_command},
          {"space", "a search space of operators made for a machine, or for several side by side",
           tilewake::nas_space_command},
          {"compare", "several methods with several seeds, and which of them loses",
           tilewake::nas_compare_command},
      },
      argc, argv);
}
