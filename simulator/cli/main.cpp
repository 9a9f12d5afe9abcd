// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/program.hpp"

int main(int argc, char** argv) {
  // To add a command: a file NAME_command.cpp, its declaration in command.hpp, one line here, and a
  // test in tests/cli/.
  return tilewake::run_program(
      "tilewake",
      {
          {"check", "validate a machine and a network; print the machine", tilewake::check_command},
          {"simulate", "simulate a network on a machine, exact to the cycle",
           tilewake::simulate_command},
          {"calibrate", "fit a latency model to a machine, or to its traces",
           tilewake::calibrate_command},
          {"predict", "tell a network's latency at once, with a calibrated model",
           tilewake::predict_command},
          {"dram", "measure the memory of a machine", tilewake::dram_command},
          {"convert", "write a network as plain layers, YAML or ONNX", tilewake::convert_command},
          {"nas", "search for the most accurate network within a latency limit",
           tilewake::nas_command},
      },
      argc, argv);
}
