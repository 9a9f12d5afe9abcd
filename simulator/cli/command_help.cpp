// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/command_help.hpp"

#include <stdexcept>

namespace tilewake {

std::string OptionHelp::names() const {
  const std::string both = short_name.empty() ? long_name : short_name + ", " + long_name;
  return placeholder.empty() ? both : both + " " + placeholder;
}

CommandHelp help_of(const Command& command, const std::string& mode) {
  Arguments arguments;
  if (!mode.empty()) arguments.push_back(mode);
  arguments.push_back(help_request());
  try {
    command.run(arguments);
  } catch (const HelpAnswer& answer) {
    return answer.help;
  }
  throw std::logic_error("a command without options: " + std::string(command.name));
}

const std::string& help_request() {
  static const std::string request("help\0", 5);
  return request;
}

}  // namespace tilewake
