// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace tilewake {

/// Takes the directory of --out for a search: throws InputError if it holds a run and neither
/// `resume` nor `force` is set, if there is none to resume, or if nothing can be written there.
/// With `force` the files of the run that is there are removed, others stay.
void claim_search_directory(const std::string& path, bool resume, bool force);

}  // namespace tilewake
