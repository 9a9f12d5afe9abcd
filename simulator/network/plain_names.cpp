// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/plain_names.hpp"

#include <fmt/format.h>

namespace tilewake {
namespace {

// Not std::isalnum, which depends on the locale.
bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace

bool is_name_char(char c) {
  return is_alphanumeric(c) || std::string_view(" _.-/:+()[]@#%=").find(c) != std::string::npos;
}

bool is_first_name_char(char c) { return is_alphanumeric(c) || c == '_' || c == '/'; }

std::string plain_name(std::string_view given, std::size_t max_length) {
  std::string name(given.substr(0, max_length));
  if (name.empty()) return "_";
  for (char& c : name) {
    if (!is_name_char(c)) c = '_';
  }
  if (!is_first_name_char(name.front())) name.front() = '_';
  if (name.back() == ' ') name.back() = '_';
  return name;
}

std::string PlainNames::next(std::string_view given) {
  std::string name = plain_name(given, max_length_);
  while (true) {
    const int number = ++num_given_[name];
    if (number == 1 && name != "input") return name;
    const std::string tail = fmt::format("_{}", number);
    std::string numbered = name.substr(0, max_length_ - tail.size()) + tail;
    if (num_given_.emplace(numbered, 1).second) return numbered;
  }
}

}  // namespace tilewake
