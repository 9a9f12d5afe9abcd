// SPDX-License-Identifier: Apache-2.0
#include "simulator/hardware/device_config.hpp"

#include <cstddef>

#include <fmt/format.h>

#include "simulator/common/one_line.hpp"
#include "simulator/common/yaml_fields.hpp"
#include "simulator/common/yaml_reader.hpp"

namespace tilewake {
namespace {

constexpr std::size_t kMaxDeviceTextBytes = 200;

void visit_known(YamlFields& fields, std::string_view key, double& value, const NumberRange& range,
                 const FieldDoc& doc) {
  bool is_unknown = value == DeviceConfig::kUnknown;
  fields.unless_default(is_unknown, [&] {
    fields.or_word(key, "unknown", is_unknown, [&] { fields.number(key, value, range, doc); });
  });
  if (is_unknown) value = DeviceConfig::kUnknown;
}

}  // namespace

void visit_fields(YamlFields& fields, DeviceConfig& c) {
  fields.unless_default(c == DeviceConfig{}, [&] {
    fields.section("device", [&] {
      fields.text("name", c.name, {"", "device and runtime that were measured"});
      fields.text("networks", c.networks, {"", "kind of the measured networks"});
      visit_known(
          fields, "error", c.error, {0, 100, /*without_min=*/true},
          {"",
           "mean error of simulated latencies, relative to measured ones, on held-out networks"});
      visit_known(fields, "tau", c.tau, {-1, 1}, {"", "Kendall's tau of the same networks"});
    });
  });
}

void check_fields(const YamlReader& device, const DeviceConfig& c) {
  if (c == DeviceConfig{}) return;
  const std::string_view rule = "missing: a device has name, networks and error";
  device.check(!c.name.empty(), "name", std::string(rule));
  device.check(!c.networks.empty(), "networks", std::string(rule));
  device.check(c.error != DeviceConfig::kUnknown, "error", std::string(rule));
  const auto check_text = [&](const char* key, const std::string& text) {
    device.check(text.size() <= kMaxDeviceTextBytes && one_line(text) == text, key,
                 fmt::format("must be one line of at most {} bytes", kMaxDeviceTextBytes));
  };
  check_text("name", c.name);
  check_text("networks", c.networks);
}

std::string device_text(const DeviceConfig& c) {
  return fmt::format("{}: within {:.3g} % in the mean on {}, held out{}", c.name, 100.0 * c.error,
                     c.networks, c.has_tau() ? fmt::format("; tau {:.3f}", c.tau) : "");
}

std::string device_latency_text(const DeviceConfig& c, double simulated_ms) {
  return fmt::format("device {:.4g} ms +- {:.3g} % ({}; {})", simulated_ms, 100.0 * c.error, c.name,
                     c.networks);
}

}  // namespace tilewake
