// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace tilewake {

/// Limits of JSON input. nlohmann-json copies and prints values recursively, so depth costs stack;
/// a value costs up to 100 times its text in memory.
inline constexpr int kMaxJsonDepth = 32;
inline constexpr std::size_t kMaxJsonBytes = std::size_t{4} << 20;

struct JsonLimits {
  std::size_t max_bytes = kMaxJsonBytes;
  std::size_t max_values = std::size_t{1} << 19;
  int max_depth = kMaxJsonDepth;
};

/// Parses one untrusted JSON value. Throws a one-line InputError `name:line: message` if the text
/// is not JSON, or exceeds a limit.
nlohmann::json parse_json(std::string_view text, const std::string& name,
                          const JsonLimits& limits = {});

/// The same; keys keep their order.
nlohmann::ordered_json parse_ordered_json(std::string_view text, const std::string& name,
                                          const JsonLimits& limits = {});

/// Reads a regular file (regular_file.hpp) and parses it. Larger files are rejected by their size.
nlohmann::json read_json_file(const std::string& path, const JsonLimits& limits = {});

/// The message of an nlohmann-json exception for one-line errors: without its number, with control
/// characters replaced. Used for missing values and wrong types after parsing.
std::string json_error_text(const std::exception& error);

/// A value as the files and the output of the program have it: indented by two spaces, with a line
/// end. Bytes that are not UTF-8 are replaced.
std::string json_text(const nlohmann::ordered_json& json);

}  // namespace tilewake
