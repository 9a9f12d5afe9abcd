// SPDX-License-Identifier: Apache-2.0
#include "simulator/common/csv.hpp"

namespace tilewake {

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string field = "\"";
  for (const char c : text) {
    if (c == '"') field += '"';
    field += c;
  }
  return field + '"';
}

}  // namespace tilewake
