// SPDX-License-Identifier: Apache-2.0
#include "simulator/common/json_document.hpp"

#include <algorithm>
#include <exception>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "simulator/common/error.hpp"
#include "simulator/common/regular_file.hpp"
#include "simulator/common/yaml_document.hpp"

namespace tilewake {
namespace {

[[noreturn]] void refuse(const std::string& name, std::size_t line, const std::string& what) {
  throw InputError(fmt::format("{}:{}: {}", name, line, what));
}

std::size_t line_at(std::string_view text, std::size_t position) {
  const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(position, text.size()));
  return 1 + static_cast<std::size_t>(std::count(text.begin(), end, '\n'));
}

/// Checks depth and number of values in one pass, before allocation. Invalid JSON may pass; the
/// parser rejects it.
void check_limits(std::string_view text, const std::string& name, const JsonLimits& limits) {
  if (text.size() > limits.max_bytes) {
    throw InputError(fmt::format("{}: larger than {} bytes", name, limits.max_bytes));
  }
  std::size_t num_values = 1;
  int depth = 0;
  bool is_in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_in_string) {
      if (c == '\\') ++i;
      if (c == '"') is_in_string = false;
      continue;
    }
    switch (c) {
      case '"':
        is_in_string = true;
        break;
      case '[':
      case '{':
        ++num_values;
        ++depth;
        break;
      case ']':
      case '}':
        --depth;
        break;
      case ',':
      case ':':
        ++num_values;
        break;
      default:
        break;
    }
    if (depth > limits.max_depth) {
      refuse(name, line_at(text, i), fmt::format("nested deeper than {} levels", limits.max_depth));
    }
    if (num_values > limits.max_values) {
      refuse(name, line_at(text, i), fmt::format("more than {} values", limits.max_values));
    }
  }
}

template <typename Json>
Json parse(std::string_view text, const std::string& name, const JsonLimits& limits) {
  check_limits(text, name, limits);
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::parse_error& e) {
    // e.byte counts from 1 and is the last byte read.
    const std::size_t position = e.byte > 0 ? e.byte - 1 : 0;
    refuse(name, line_at(text, position), "is not JSON: " + json_error_text(e));
  } catch (const nlohmann::json::exception& e) {  // a number outside of the range of double
    refuse(name, 1, json_error_text(e));
  }
}

}  // namespace

nlohmann::json parse_json(std::string_view text, const std::string& name,
                          const JsonLimits& limits) {
  return parse<nlohmann::json>(text, name, limits);
}

nlohmann::ordered_json parse_ordered_json(std::string_view text, const std::string& name,
                                          const JsonLimits& limits) {
  return parse<nlohmann::ordered_json>(text, name, limits);
}

nlohmann::json read_json_file(const std::string& path, const JsonLimits& limits) {
  return parse_json(read_text_file(path, limits.max_bytes), path, limits);
}

std::string json_error_text(const std::exception& error) {
  std::string text = error.what();
  // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error ..."
  const std::size_t number_end = text.find("] ");
  if (text.starts_with("[json.exception.") && number_end != std::string::npos) {
    text.erase(0, number_end + 2);
  }
  // Lines are counted from the start of the text, which may not be that of the file.
  const std::size_t column_end = text.find(": ");
  if (text.starts_with("parse error at ") && column_end != std::string::npos) {
    text.erase(0, column_end + 2);
  }
  constexpr std::size_t kMaxBytes = 200;
  return printable(text, kMaxBytes);
}

std::string json_text(const nlohmann::ordered_json& json) {
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace tilewake
