// SPDX-License-Identifier: Apache-2.0
#include "simulator/energy/dram_energy.hpp"

#include <initializer_list>
#include <variant>

namespace tilewake {
namespace {

/// Currents of one device (mA) at one supply (V).
struct Rail {
  double volts;
  double idd0, idd2n, idd3n, idd4r, idd4w, idd5;
};

/// ns
struct Times {
  double t_rc, t_ras, t_rfc, t_refi;
};

DramEnergy from_currents(std::initializer_list<Rail> rails, const Times& t, double devices,
                         double bytes_per_ns, double row_bytes) {
  DramEnergy e;
  for (const Rail& r : rails) {
    const double volts = r.volts * devices;  // V x mA x ns = pJ
    e.activate_pj += volts * (r.idd0 * t.t_rc - r.idd3n * t.t_ras - r.idd2n * (t.t_rc - t.t_ras));
    e.read_pj_per_byte += volts * (r.idd4r - r.idd3n) / bytes_per_ns;
    e.write_pj_per_byte += volts * (r.idd4w - r.idd3n) / bytes_per_ns;
    e.refresh_pj += volts * (r.idd5 - r.idd3n) * t.t_rfc;
    e.background_mw += volts * r.idd3n;
  }
  e.refresh_us = t.t_refi * 1e-3;
  e.row_bytes = row_bytes;
  e.peak_bytes_per_us = bytes_per_ns * 1e3;
  return e;
}

/// Micron LPDDR4-3200, a channel of 16 bits: currents as in DRAMPower (tukl-msd, commit 67e08c7,
/// MICRON_6Gb_LPDDR4-3200_32bit_A.json). Times: JESD209-4, 8 Gb a channel.
DramEnergy lpddr4() {
  return from_currents({{1.8, 3.5, 2.0, 2.25, 2.25, 2.25, 10.0},
                        {1.1, 45.0, 27.0, 30.0, 275.0, 210.0, 90.0},
                        {1.1, 0.75, 0.75, 0.75, 150.0, 55.0, 0.75}},
                       {60.6, 42.5, 280.0, 3904.0}, 1.0, 6.4, 2048.0);
}

/// Micron MT40A1G8 DDR4-2400, eight devices of 8 bits: currents as in DRAMsim3 (umd-memsys,
/// DDR4_8Gb_x8_2400.ini).
DramEnergy ddr4() {
  return from_currents({{1.2, 48.0, 34.0, 43.0, 135.0, 123.0, 250.0}}, {46.7, 32.5, 350.0, 7800.0},
                       8.0, 19.2, 8192.0);
}

/// A channel of 128 bits. Background and refresh: currents of DRAMsim3 (HBM2_8Gb_x128.ini). The
/// rest: O'Connor et al.: 0.909 nJ to activate 1 KiB; 1.51 pJ a bit before and 1.17 after the
/// global sense amplifiers, and 0.80 for I/O.
DramEnergy hbm2() {
  DramEnergy e = from_currents({{1.2, 65.0, 40.0, 55.0, 390.0, 500.0, 250.0}},
                               {48.0, 34.0, 260.0, 3900.0}, 1.0, 32.0, 2048.0);
  constexpr double kBytePj = 8 * (1.51 + 1.17 + 0.80);
  e.activate_pj = 909.0 * e.row_bytes / 1024.0;
  e.read_pj_per_byte = e.write_pj_per_byte = kBytePj;
  return e;
}

DramEnergy scaled(DramEnergy e, double factor, double speed, double row_bytes) {
  e.activate_pj *= factor * row_bytes / e.row_bytes;
  e.read_pj_per_byte *= factor;
  e.write_pj_per_byte *= factor;
  e.refresh_pj *= factor;
  e.background_mw *= factor;
  e.peak_bytes_per_us *= speed;
  e.row_bytes = row_bytes;
  return e;
}

/// The DDR4 and DDR5 channels differ in supply: 1.2 and 1.1 V. A subchannel has half of the devices
/// of DDR4's channel, at twice the rate.
DramEnergy ddr5() {
  constexpr double kVolts = (1.1 / 1.2) * (1.1 / 1.2);
  DramEnergy e = scaled(ddr4(), kVolts, 1.0, 4096.0);
  e.refresh_us = 3.9;
  e.background_mw /= 2.0;
  e.refresh_pj /= 2.0;
  return e;
}

/// Supplies of LPDDR4: 1.1 and 1.1 V; of LPDDR5: 1.05 and 0.5 V. The data's supply has a third of
/// LPDDR4's energy of a read.
DramEnergy lpddr5() {
  constexpr double kVolts = (1.05 / 1.1) * (1.05 / 1.1) * 2 / 3 + (0.5 / 1.1) * (0.5 / 1.1) / 3;
  return scaled(lpddr4(), kVolts, 2.0, 2048.0);
}

DramStandard standard_of(const BankedDramConfig& c) {
  const DramDevice& d = c.device;
  if (d.bus_bytes >= 16 && d.burst_length <= 8) return DramStandard::kHbm2;
  if (d.bus_bytes == 8 && d.burst_length == 8) return DramStandard::kDdr4;
  if (d.bus_bytes == 4 && d.burst_length == 16) return DramStandard::kDdr5;
  if (d.beats_per_clock >= 8) return DramStandard::kLpddr5;
  return DramStandard::kLpddr4;
}
DramStandard standard_of(const LatencyBandwidthDramConfig& /*c*/) { return DramStandard::kLpddr4; }
DramStandard standard_of(const IdealDramConfig& /*c*/) { return DramStandard::kLpddr4; }

}  // namespace

DramEnergy dram_energy(DramStandard standard) {
  switch (standard) {
    case DramStandard::kAuto:
    case DramStandard::kLpddr4:
      return lpddr4();
    case DramStandard::kLpddr5:
      return lpddr5();
    case DramStandard::kDdr4:
      return ddr4();
    case DramStandard::kDdr5:
      return ddr5();
    case DramStandard::kHbm2:
      return hbm2();
    case DramStandard::kNone:
      break;
  }
  return {};
}

DramStandard standard_of(const DramConfig& dram) {
  return std::visit([](const auto& model) { return standard_of(model); }, dram);
}

}  // namespace tilewake
