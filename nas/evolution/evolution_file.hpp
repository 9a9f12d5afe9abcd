// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "nas/evolution/candidate.hpp"

namespace tilewake {

/// The candidates of the file in the order of scoring; none if there is no file. Throws InputError
/// naming it if it is damaged or has another fingerprint.
std::vector<Candidate> read_evolution(const std::string& path, const std::string& fingerprint);

/// Replaces the file atomically. JSON, one candidate per line; deterministic.
void write_evolution(const std::string& path, const std::string& fingerprint,
                     const std::vector<Candidate>& candidates);

}  // namespace tilewake
