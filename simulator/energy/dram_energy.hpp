// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "simulator/hardware/dram_config.hpp"
#include "simulator/hardware/energy_config.hpp"

namespace tilewake {

/// Energies of a channel of one rank, from the currents of data sheets.
struct DramEnergy {
  double activate_pj = 0.0;  // opening a row and closing it again
  double read_pj_per_byte = 0.0;
  double write_pj_per_byte = 0.0;
  double refresh_pj = 0.0;  // of all banks
  double refresh_us = 0.0;  // interval of refreshes
  double background_mw = 0.0;
  double row_bytes = 0.0;
  double peak_bytes_per_us = 0.0;

  double refresh_mw() const { return refresh_us == 0.0 ? 0.0 : refresh_pj / refresh_us * 1e-3; }
};

/// By the equations of Micron TN-40-07 and TN-41-01, summed over the supplies:
///   activate    V (IDD0 tRC - IDD3N tRAS - IDD2N (tRC - tRAS)), once per device of a rank
///   read        V (IDD4R - IDD3N) x time of the data, write likewise
///   refresh     V (IDD5 - IDD3N) tRFC
///   background  V IDD3N: a bank is open
/// Currents are the maxima of data sheets, so energies are upper bounds. Left out: power-down,
/// termination and drivers where no current has them (DDR4: about 2 to 4 pJ a bit).
/// HBM2: read, write and activate of O'Connor et al., MICRO 2017, table 3. DDR5 and LPDDR5 are
/// scaled: README.md.
DramEnergy dram_energy(DramStandard standard);

/// The standard whose organisation a DRAM has: width of a channel, burst length, beats. LPDDR4 for
/// others, and for models without devices.
DramStandard standard_of(const DramConfig& dram);

}  // namespace tilewake
