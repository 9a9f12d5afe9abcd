// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/journal_directory.hpp"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <system_error>
#include <unistd.h>

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

DirectoryLock::DirectoryLock(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  descriptor_ = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor_ < 0 || flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
  const bool is_taken = errno == EWOULDBLOCK;
  close(descriptor_);
  descriptor_ = -1;
  if (is_taken) {
    throw InputError(fmt::format(
        "{}: another process is writing to it; wait for its end, or use another --out", path));
  }
}

DirectoryLock::~DirectoryLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

JournalDirectory::JournalDirectory(const std::string& out, bool resume, bool force)
    : path(journal_path(out, resume, force)),
      lock(out),
      directory(out, resume  ? RunDirectory::Existing::kResume
                     : force ? RunDirectory::Existing::kReplace
                             : RunDirectory::Existing::kRefuse),
      journal(path, build_id(), resume) {}

}  // namespace tilewake
