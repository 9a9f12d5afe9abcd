// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "simulator/energy/energy_table.hpp"
#include "simulator/trace/trace_row.hpp"

namespace tilewake {

/// Sets the energies of a row: a pure function of its counts and of the table, linear in both.
/// README.md has the formula of each cause.
void add_energy(const EnergyTable& table, TraceRow& row);

void add_energy(const EnergyTable& table, std::vector<TraceRow>& rows);

}  // namespace tilewake
