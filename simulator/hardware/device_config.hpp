// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace tilewake {

class YamlFields;
class YamlReader;

/// How true a machine is of a device, as measured there: the section `device` of its file. It
/// changes no cycle, so it is no part of machine_id().
struct DeviceConfig {
  static constexpr double kUnknown = -2.0;  // of `error` and `tau`

  std::string name;         // device and runtime; empty: nothing is known
  std::string networks;     // that were measured: their kind
  double error = kUnknown;  // mean |simulated / measured - 1| of held-out networks, > 0
  double tau = kUnknown;    // Kendall's, of the same networks

  bool is_known() const { return !name.empty(); }
  bool has_tau() const { return tau != kUnknown; }

  friend bool operator==(const DeviceConfig&, const DeviceConfig&) = default;
};

/// The section `device`; it may be missing.
void visit_fields(YamlFields& fields, DeviceConfig& c);

/// A section that states something has a name, networks and an error; texts are one line of at most
/// 200 bytes. Throws InputError.
void check_fields(const YamlReader& device, const DeviceConfig& c);

/// "Raspberry Pi 5, LiteRT: within 2.2 % in the mean on NAS-Bench-201 networks, held out"
std::string device_text(const DeviceConfig& c);

/// "device 0.0412 ms +- 2.2 % (Raspberry Pi 5, LiteRT; NAS-Bench-201 networks)": a simulated
/// latency with the mean error.
std::string device_latency_text(const DeviceConfig& c, double simulated_ms);

}  // namespace tilewake
