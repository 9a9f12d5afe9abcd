// SPDX-License-Identifier: Apache-2.0
#include "simulator/trace/json_string.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace tilewake {

std::string json_string(const std::string& text) {
  using Json = nlohmann::json;
  std::string result = Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
  // JSON allows this character unescaped, YAML does not.
  for (std::size_t at = 0; (at = result.find('\x7f', at)) != std::string::npos;) {
    result.replace(at, 1, "\\u007f");
  }
  return result;
}

std::string hash_text(std::uint64_t hash) { return fmt::format("fnv1a64:{:016x}", hash); }

}  // namespace tilewake
