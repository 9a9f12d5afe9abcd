// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "nas/evolution/candidate.hpp"

namespace tilewake {

/// The candidates that the file holds, in the order in which they were scored; none where there is
/// no file. Throws InputError naming it where it is damaged or has another fingerprint.
std::vector<Candidate> read_evolution(const std::string& path, const std::string& fingerprint);

/// Replaces the file in one step. JSON, one candidate a line; equal candidates give equal bytes.
void write_evolution(const std::string& path, const std::string& fingerprint,
                     const std::vector<Candidate>& candidates);

}  // namespace tilewake
