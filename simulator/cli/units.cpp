// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/units.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace tilewake {

std::string with_separators(std::int64_t value) {
  std::string text = fmt::format("{}", value);
  const std::size_t first = value < 0 ? 1 : 0;
  for (std::size_t at = text.size(); at > first + 3;) {
    at -= 3;
    text.insert(at, 1, ',');
  }
  return text;
}

std::string with_prefix(std::int64_t value) {
  if (value < 1000) return fmt::format("{}", value);
  static constexpr const char* kPrefixes[] = {"", " k", " M", " G", " T", " P", " E"};
  auto scaled = static_cast<double>(value);
  int prefix = 0;
  while (scaled >= 999.5) {
    scaled /= 1000.0;
    ++prefix;
  }
  const int decimals = scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f}{}", scaled, decimals, kPrefixes[prefix]);
}

std::string with_decimals(double value) {
  return value >= 0.1 || value == 0.0 ? fmt::format("{:.3f}", value) : fmt::format("{:.3g}", value);
}

std::string percent(double ratio) { return fmt::format("{:.1f} %", 100.0 * ratio); }

std::string error_bound(double ratio) {
  const double percents = std::max(100.0 * ratio, 0.001);
  return percents >= 9.95 ? fmt::format("{:.0f} %", percents) : fmt::format("{:#.2g} %", percents);
}

std::string batch_text(std::int64_t batch, double ms_per_image) {
  if (batch == 1) return {};
  return fmt::format(" for {} images ({} ms per image)", with_separators(batch),
                     with_decimals(ms_per_image));
}

std::string megabytes(std::int64_t bytes) {
  return fmt::format("{:.3f}", static_cast<double>(bytes) / 1e6);
}

}  // namespace tilewake
