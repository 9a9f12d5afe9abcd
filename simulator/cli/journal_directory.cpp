// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/journal_directory.hpp"

#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "simulator/api/own_files.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

std::string journal_path(const std::string& out, bool resume, bool force) {
  std::string journal = (std::filesystem::path(out) / SweepJournal::kFileName).string();
  std::error_code error;
  const bool is_there = std::filesystem::exists(journal, error);
  if (resume && !is_there) {
    throw InputError(
        fmt::format("{}: holds no sweep to resume (no {})", out, SweepJournal::kFileName));
  }
  if (is_there && !resume && !force) {
    throw InputError(
        fmt::format("{}: holds a sweep already ({}); --resume continues it, --force replaces it",
                    out, SweepJournal::kFileName));
  }
  return journal;
}

}  // namespace

JournalDirectory::JournalDirectory(const std::string& out, bool resume, bool force)
    : path(journal_path(out, resume, force)),
      directory(out, resume  ? RunDirectory::Existing::kResume
                     : force ? RunDirectory::Existing::kReplace
                             : RunDirectory::Existing::kRefuse),
      journal(path, build_id(), resume) {}

}  // namespace tilewake
