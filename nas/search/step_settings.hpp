// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "nas/search/run_context.hpp"

namespace tilewake {

/// The fingerprint of a step: the settings that it reads, one "name=value" a line, names as on the
/// command line ("--seed") or in the recipe ("train.epochs"); the table is in step_settings.cpp. A
/// finished step is never repeated: where its file has another fingerprint, the run is refused.
/// Settings that no finished step reads may still change.
///   @param step    of the table
///   @param before  what the step starts from: the fingerprint of the step before, or the text of
///                  the network that it trains; its hash is one of the lines. Empty: nothing.
std::string step_settings(const RunContext& run, const Target& target, std::string_view step,
                          const std::string& before = "");

/// 16 hexadecimal digits.
std::string hash_of(const std::string& text);

}  // namespace tilewake
