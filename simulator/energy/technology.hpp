// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "simulator/hardware/energy_config.hpp"

namespace tilewake {

// Published energies and areas at 45 nm, and how they scale with the technology node. Sources and
// uncertainties: README.md. Nodes between those of the tables are interpolated, linearly in the
// logarithms. Left out: temperature, the type of transistors (high performance or low power).

/// V; of the node's logic. 45 nm: that of Horowitz's table.
double nominal_voltage(double node_nm);

/// Energy of a logic gate or of a memory access, relative to 45 nm at 0.9 V. Within a node it
/// grows with the square of the voltage. 7 to 180 nm.
/// Source: Stillmaker, Baas, Integration 58, 2017, table of polynomials, at nominal_voltage.
double energy_scale(double node_nm, double voltage);

/// Area, relative to 45 nm. Source: the same paper, table of area factors.
double area_scale(double node_nm);

/// pJ of a bit over 1 mm of wire, half of the bits switching, at the nominal voltage.
/// Source: Keckler et al., IEEE Micro 31(5), 2011: 0.24 pJ a transition at 40 nm, 0.15 at 10 nm.
double wire_pj_per_bit_mm(double node_nm);

struct ArithmeticCost {
  double mac_pj = 0.0;   // at 45 nm, 0.9 V: a product and its addition to the sum
  double mac_um2 = 0.0;  // at 45 nm
};

/// Source: Horowitz, ISSCC 2014, table of energies and areas; README.md lists the additions.
ArithmeticCost arithmetic_cost(ElementType type);

/// pJ at 45 nm, 0.9 V of `width_bytes` read from or written to an SRAM of one bank of `bytes`:
///   10 pJ x sqrt(bytes / 8 KiB) x width / 8 bytes
/// Source: Horowitz, ISSCC 2014: 10, 20 and 100 pJ for 64 bits of 8 KiB, 32 KiB and 1 MiB; the
/// square root is 13 % too high at the last one.
double sram_access_pj(double bytes, double width_bytes);

/// um2 at 45 nm of a byte of SRAM: cells of 0.346 um2 (Mistry et al., IEDM 2007) that fill half of
/// the array (assumed).
inline constexpr double kSramUm2PerByte = 8 * 0.346 / 0.5;

/// um2 at 45 nm of a byte of flip-flops: DFF_X1 of the NanGate 45 nm Open Cell Library.
inline constexpr double kRegisterUm2PerByte = 8 * 4.522;

}  // namespace tilewake
