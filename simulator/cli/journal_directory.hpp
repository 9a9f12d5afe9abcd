// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "simulator/cli/run_directory.hpp"
#include "simulator/cli/sweep_journal.hpp"

namespace tilewake {

/// The directory of --out of a command that simulates many points, with its journal.
struct JournalDirectory {
  /// Checks the options --resume and --force against the files in `out`; changes nothing. Throws
  /// InputError or IoError.
  JournalDirectory(const std::string& out, bool resume, bool force);

  std::string path;  // of the journal
  RunDirectory directory;
  SweepJournal journal;
};

}  // namespace tilewake
