// SPDX-License-Identifier: Apache-2.0
#include "simulator/trace/json_string.hpp"

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

}  // namespace tilewake
